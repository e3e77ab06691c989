//! The command line.

use std::{
    ffi::OsString,
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{
    ArgAction, Args, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};
use ipnet::IpNet;
use tcptrace::{
    commands::{FlowsOptions, Limit, LiveOptions, Output, WatchOptions},
    filter::{Family, Filter, PortSet},
    kernel::Cgroups,
    snapshot,
    track::State,
    view::Colour,
};

/// Shows every TCP connection of this machine going through its states, live, and tells why.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 done; 1 failed, or --strict and events were lost; 2 wrong usage; \
                  3 this machine can't be traced (the message says what is missing). With -- \
                  COMMAND, the command's own."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    watch: Watch,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every transition, live, one line each (the default command).
    Watch(Watch),
    /// One line a connection when it is over: its phases, who closed it, why, how long idle.
    Flows(Flows),
}

/// What is to be done.
pub enum Invocation {
    /// `tcptrace watch`.
    Watch(WatchOptions),
    /// `tcptrace flows`.
    Flows(FlowsOptions),
}

#[derive(Args, Debug)]
struct Flows {
    #[command(flatten)]
    watch: Watch,
    /// Wait for the end of TIME_WAIT before a connection is shown.
    #[arg(long)]
    time_wait: bool,
    /// Idle timeouts beside those that tcptrace knows, as TOML: [[timeout]] with product,
    /// setting, seconds and source.
    #[arg(long, value_name = "FILE")]
    idle_table: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Watch {
    #[command(flatten)]
    live: LiveArgs,
    /// Stop after N lines.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Trace this command and its children alone, and end when it does.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Options of every live command.
#[derive(Args, Debug)]
struct LiveArgs {
    /// IPv4 only (IPv4-mapped IPv6 is IPv4).
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "Filters")]
    ipv4: bool,
    /// IPv6 only.
    #[arg(short = '6', long, help_heading = "Filters")]
    ipv6: bool,
    /// Local ports: 80, 80,443 or 8000-8099.
    #[arg(short = 'L', long, value_name = "PORTS", help_heading = "Filters")]
    local_port: Option<PortSet>,
    /// Remote ports.
    #[arg(short = 'D', long, value_name = "PORTS", help_heading = "Filters")]
    remote_port: Option<PortSet>,
    /// Ports of either side.
    #[arg(short = 'P', long, value_name = "PORTS", help_heading = "Filters")]
    port: Option<PortSet>,
    /// Addresses of either side: 10.0.0.1, 10.0.0.0/8, 2001:db8::/32.
    #[arg(short = 'a', long, value_name = "CIDR", value_delimiter = ',', value_parser = cidr, help_heading = "Filters")]
    addr: Vec<IpNet>,
    /// Local addresses.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = cidr, help_heading = "Filters")]
    local_addr: Vec<IpNet>,
    /// Remote addresses.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = cidr, help_heading = "Filters")]
    remote_addr: Vec<IpNet>,
    /// Process ids.
    #[arg(short = 'p', long, value_name = "PID", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..), help_heading = "Filters")]
    pid: Vec<u32>,
    /// Process names.
    #[arg(
        short = 'c',
        long,
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    comm: Vec<String>,
    /// Users, by id or name.
    #[arg(long, value_name = "UID", value_delimiter = ',', value_parser = uid, help_heading = "Filters")]
    uid: Vec<u32>,
    /// One network namespace: a path, a name of `ip netns`, an inode number, or self.
    #[arg(long, value_name = "NETNS", value_parser = netns, help_heading = "Filters")]
    netns: Option<u32>,
    /// One cgroup (v2) and those below it.
    #[arg(long, value_name = "PATH", value_parser = cgroup, help_heading = "Filters")]
    cgroup: Option<String>,
    /// Transitions from or to these states: time-wait, ESTABLISHED, …
    #[arg(
        short = 's',
        long,
        value_name = "STATE",
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    state: Vec<State>,

    /// Stop after that long: 10s, 5m, 1h30m.
    #[arg(short = 'd', long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Format of the output.
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
    /// When to colour; NO_COLOR is honoured.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: Colour,
    /// Show times in UTC, not in this machine's zone (JSON and CSV are always UTC).
    #[arg(long)]
    utc: bool,
    /// Size of the ring buffer to the kernel, a power of two.
    #[arg(long, default_value = "8M", value_name = "SIZE", value_parser = buffer_size)]
    buffer_size: u32,
    /// Exit with status 1 if any event was lost.
    #[arg(long)]
    strict: bool,
    /// Log more, to stderr; twice for the kernel half's log, three times for each of its records.
    #[arg(short = 'v', long, action = ArgAction::Count)]
    verbose: u8,
}

impl Cli {
    /// How often `-v` was given.
    pub fn verbosity(&self) -> u8 {
        self.arguments().live.verbose
    }

    /// What is to be done.
    pub fn into_invocation(self) -> Invocation {
        match self.command {
            None => Invocation::Watch(self.watch.into_options()),
            Some(Command::Watch(watch)) => Invocation::Watch(watch.into_options()),
            Some(Command::Flows(flows)) => Invocation::Flows(flows.into_options()),
        }
    }

    fn arguments(&self) -> &Watch {
        match &self.command {
            None => &self.watch,
            Some(Command::Watch(watch)) => watch,
            Some(Command::Flows(flows)) => &flows.watch,
        }
    }
}

impl Watch {
    fn into_options(self) -> WatchOptions {
        WatchOptions {
            count: self.count,
            output: self.live.output,
            colour: self.live.color,
            utc: self.live.utc,
            live: self.live.into_options(self.command),
        }
    }
}

impl Flows {
    fn into_options(self) -> FlowsOptions {
        let WatchOptions {
            live,
            count,
            output,
            colour,
            utc: _,
        } = self.watch.into_options();
        FlowsOptions {
            live,
            count,
            output,
            colour,
            time_wait: self.time_wait,
            idle_table: self.idle_table,
        }
    }
}

impl LiveArgs {
    fn into_options(self, command: Vec<OsString>) -> LiveOptions {
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::Ipv4),
            (_, true) => Some(Family::Ipv6),
            _ => None,
        };
        LiveOptions {
            filter: Filter {
                family,
                local_ports: self.local_port,
                remote_ports: self.remote_port,
                ports: self.port,
                local_addrs: self.local_addr,
                remote_addrs: self.remote_addr,
                addrs: self.addr,
                pids: self.pid,
                comms: self.comm,
                uids: self.uid,
                netns: self.netns,
                cgroup: self.cgroup,
                states: self.state,
                followed: !command.is_empty(),
            },
            limit: Limit {
                duration: self.duration,
            },
            buffer_bytes: self.buffer_size,
            strict: self.strict,
            kernel_log: self.verbose > 1,
            command,
        }
    }
}

/// Prints help and the version, and otherwise one line that says what is wrong.
pub fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A closed pipe has seen enough of it.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let rendered = error.render().to_string();
    let mut lines = rendered
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let mut line = lines
        .next()
        .unwrap_or("wrong usage")
        .trim_start_matches("error: ")
        .to_owned();
    // Possible values, a similar option, what is missing; not the usage.
    for more in lines.take_while(|line| !line.starts_with("Usage:")) {
        let more = more.trim_start_matches("tip: ");
        line.push_str(if more.starts_with('[') || line.ends_with(':') {
            " "
        } else {
            "; "
        });
        line.push_str(more);
    }
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg)
        && !word.starts_with('-')
    {
        line.push_str(
            "; the commands are watch, flows and help, and a program to trace goes behind --",
        );
    }
    eprintln!("tcptrace: {line} (tcptrace --help tells more)");
    ExitCode::from(2)
}

/// Logs to stderr: warnings, with `-v` what tcptrace does, with `-vv` what its kernel half logs,
/// with `-vvv` each of its records.
pub fn start_logging(verbosity: u8) {
    let level = match verbosity {
        0 => log::LevelFilter::Warn,
        1 => log::LevelFilter::Info,
        2 => log::LevelFilter::Debug,
        _ => log::LevelFilter::Trace,
    };
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .filter_module("tcptrace", level)
        .format(|to, record| {
            use std::io::Write as _;
            writeln!(to, "tcptrace: {}", record.args())
        })
        .init();
}

fn cidr(given: &str) -> Result<IpNet, String> {
    let net: IpNet = given
        .parse()
        .or_else(|_| given.parse::<IpAddr>().map(IpNet::from))
        .map_err(
            |_| "it takes an address or a prefix, as in 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32",
        )?;
    // IPv4-mapped addresses are shown as IPv4, and so are asked for.
    if let IpNet::V6(v6) = net
        && v6.prefix_len() >= 96
        && let Some(v4) = v6.addr().to_ipv4_mapped()
    {
        return IpNet::new(v4.into(), v6.prefix_len() - 96).map_err(|error| error.to_string());
    }
    Ok(net.trunc())
}

fn uid(given: &str) -> Result<u32, String> {
    given
        .parse()
        .or_else(|_| match nix::unistd::User::from_name(given) {
            Ok(Some(user)) => Ok(user.uid.as_raw()),
            _ => Err("there is no such user; it takes an id, as in 1000, or a name".to_owned()),
        })
}

fn netns(given: &str) -> Result<u32, String> {
    if given == "self" {
        return snapshot::own().ok_or_else(|| {
            "the own network namespace can't be told: is /proc mounted?".to_owned()
        });
    }
    if let Ok(inode) = given.parse() {
        return Ok(inode);
    }
    let named = Path::new("/run/netns").join(given);
    let path = if given.contains('/') {
        Path::new(given)
    } else {
        named.as_path()
    };
    snapshot::inode_of(path).ok_or_else(|| {
        format!(
            "there is no {}; it takes a path as in /proc/123/ns/net, a name of `ip netns`, an \
             inode number, or self",
            path.display()
        )
    })
}

fn cgroup(given: &str) -> Result<String, String> {
    Cgroups::new()
        .resolve(Path::new(given))
        .map_err(|error| error.to_string())
}

fn duration(given: &str) -> Result<Duration, String> {
    let wrong = "it takes a time, as in 10s, 5m or 1h30m";
    let parsed = match given.parse::<u32>() {
        // A number alone is seconds, as to sleep(1).
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => given
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .ok_or(wrong)?,
    };
    // Beyond that, deadlines would overflow; ten years are for ever.
    Ok(parsed.min(Duration::from_secs(10 * 365 * 86_400)))
}

fn buffer_size(given: &str) -> Result<u32, String> {
    const RANGE: std::ops::RangeInclusive<u64> = 1 << 14..=1 << 30;
    let wrong = "it takes a size from 16K to 1G, as in 512K, 8M or 1G";
    parse_size::Config::new()
        .with_binary()
        .parse_size(given)
        .ok()
        .filter(|size| RANGE.contains(size))
        .and_then(|size| u32::try_from(size.next_power_of_two()).ok())
        .ok_or_else(|| wrong.to_owned())
}
