//! The command line of `tcptrace ship`.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use tcptrace::{
    commands::{ShipOptions, ShipSchemaOptions},
    engine::RunOptions,
    filter::Filter,
    metrics::Address,
    ship::{
        Creation, Destination,
        schema::{ClusterName, DatabaseName, Dialect, Schema, Servers},
    },
};

use super::{Usage, words};

/// Options of `tcptrace ship`.
#[derive(Args, Debug)]
#[command(
    mut_arg("cluster", |it| it.requires("makes")),
    group = clap::ArgGroup::new("makes").args(["create", "print_schema"]).multiple(true),
    after_help = "In ClickHouse each flow is there once, whatever happens meanwhile; a collector may get some \
                  twice. The password is never on the command line: --password-file has it, the variable \
                  TCPTRACE_SHIP_PASSWORD, or the credential tcptrace-ship-password of the service manager. \
                  Of a collector, the variables OTEL_EXPORTER_OTLP_* count, too. Exit status: 0 done; 1 \
                  failed, or flows were refused, or --strict and the recording is not complete; 2 wrong usage."
)]
pub struct ShipArgs {
    /// What is shipped: a folder that tcptrace record made, or makes just now.
    #[arg(
        short = 'r',
        long = "read",
        value_name = "DIR",
        required_unless_present = "print_schema"
    )]
    read: Option<PathBuf>,
    /// Where to: clickhouse+http://USER@HOST:8123/DATABASE, clickhouse+https://…, otlp+http://HOST:4318
    /// or otlp+https://….
    #[arg(long, value_name = "URL", required_unless_present = "print_schema")]
    to: Option<String>,
    /// Go on with what is recorded later, until Ctrl-C, and wait for a target that is away.
    #[arg(long)]
    follow: bool,
    /// Make the tables that are missing.
    #[arg(long)]
    create: bool,
    /// On all servers of that cluster: one table each, and one that asks them all.
    #[arg(long, value_name = "NAME", value_parser = parsed::<ClusterName>)]
    cluster: Option<ClusterName>,
    /// Print the statements that make the tables, and do nothing else.
    #[arg(
        long,
        value_name = "OF",
        value_parser = words::shipped_schema(),
        conflicts_with_all = ["read", "follow", "create"]
    )]
    print_schema: Option<Dialect>,
    /// Keep in that folder how far the recording was shipped. Without: in $STATE_DIRECTORY, which the
    /// service manager sets, or in the recording's.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The file with the password: one line.
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    password_file: Option<PathBuf>,
    /// Check the server's certificate with this one (PEM), not with those that the system trusts.
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    ca: Option<PathBuf>,
    /// Send so many flows a second at the most, on average.
    #[arg(
        long,
        value_name = "FLOWS",
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "Connection"
    )]
    rate: Option<u32>,
    /// Tell metrics there, as serve does: an address and a port, or unix:PATH; may be given several times.
    #[arg(long, value_name = "ADDRESS", help_heading = "Metrics")]
    listen: Vec<Address>,
    /// Exit with status 1 if any event was lost, or something can't be read.
    #[arg(long)]
    strict: bool,
    /// Log more, to stderr.
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(super) verbose: u8,
}

/// Reads a name.
fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, T::Err> {
    text.parse()
}

/// What is to be done.
pub enum Shipping {
    /// Flows are brought elsewhere.
    Ship(Box<ShipOptions>),
    /// The tables are printed.
    Schema(Box<ShipSchemaOptions>),
}

impl ShipArgs {
    /// What `ship` is told.
    ///
    /// # Errors
    /// When an address is wrong, or has a password in it.
    pub fn into_shipping(self) -> anyhow::Result<Shipping> {
        let servers = self.cluster.map_or(Servers::One, Servers::Cluster);
        let to = self
            .to
            .map(|to| Destination::parse(&to, |name| std::env::var(name).ok()));
        let to = to.transpose()?;
        if let Some(dialect) = self.print_schema {
            let database = match &to {
                Some(Destination::ClickHouse(at)) => at.database.parse()?,
                _ => DatabaseName::default(),
            };
            return Ok(Shipping::Schema(Box::new(ShipSchemaOptions {
                schema: Schema {
                    dialect,
                    servers,
                    database,
                },
            })));
        }
        let (Some(folder), Some(to)) = (self.read, to) else {
            return Err(Usage("-r DIR and --to URL are needed".to_owned()).into());
        };
        if self.create && !matches!(to, Destination::ClickHouse(_)) {
            let told = "--create makes tables of ClickHouse: a collector has none";
            return Err(Usage(told.to_owned()).into());
        }
        Ok(Shipping::Ship(Box::new(ShipOptions {
            run: RunOptions {
                max_connections: 1 << 20,
                strict: self.strict,
                ..RunOptions::of(Filter::default(), Vec::new())
            },
            folder,
            to,
            follow: self.follow,
            creation: match self.create {
                true => Creation::On(servers),
                false => Creation::Never,
            },
            state: self.state,
            password_file: self.password_file,
            certificate: self.ca,
            rate: self.rate,
            listen: self.listen,
        })))
    }
}
