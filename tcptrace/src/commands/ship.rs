//! `tcptrace ship`: a recording's flows to ClickHouse, or a collector of OpenTelemetry.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    aggregate::flows::{IdleTable, Patience},
    consumers::Flows,
    engine::{Outcome, Reading, RunOptions, read_on},
    metrics::{Address, Listeners, Server, confine, ready, stopping},
    output::{StatusLine, say},
    privileges, record,
    ship::{
        ClickHouse, Collector, Creation, Destination, Figures, Limits, RowForm, Sender,
        ShippedFrom, State, Target, password, queue, schema, state_folder,
    },
    source::replay::Segment,
};

/// How long it is tried to get through, where it is not to go on for ever.
const PATIENCE: Duration = Duration::from_secs(120);

/// What `ship` is told.
#[derive(Clone, Debug)]
pub struct ShipOptions {
    /// What every run is told.
    pub run: RunOptions,
    /// The folder that is recorded in.
    pub folder: PathBuf,
    /// Where to.
    pub to: Destination,
    /// Go on with what is recorded later.
    pub follow: bool,
    /// Which tables are made where they are missing.
    pub creation: Creation,
    /// Where it is kept how far the recording was brought; `None`: where it can be.
    pub state: Option<PathBuf>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// What the certificate is checked with.
    pub certificate: Option<PathBuf>,
    /// Rows a second at the most.
    pub rate: Option<u32>,
    /// Where metrics are asked for: none without.
    pub listen: Vec<Address>,
}

/// Brings flows elsewhere, until all are there, or something ends it.
///
/// # Errors
/// When the recording can't be read, or the flows are not taken.
pub async fn ship(options: &ShipOptions) -> Result<Outcome> {
    let figures = Arc::new(Figures::default());
    // Before privileges are given up: a port below 1024 takes one.
    let listeners = match options.listen.as_slice() {
        [] => None,
        [first, ..] => Some(Listeners::open(&options.listen, first)?),
    };
    let secret = password(options.password_file.as_deref())?;
    privileges::keep_callers();
    let folder = &options.folder;
    let unread = || format!("cannot read {}", folder.display());
    record::segments(folder).with_context(unread)?;
    let kept = state_folder(options.state.as_deref(), folder)?;
    let (state, left_over) = State::open(&kept, folder, &options.to.to_string())?;
    let (target, form, limits): (Box<dyn Target>, _, _) = match &options.to {
        Destination::ClickHouse(at) => {
            let certificate = options.certificate.as_deref();
            let server =
                ClickHouse::new(at.clone(), secret, options.creation.clone(), certificate)?;
            (Box::new(server), RowForm::Columns, Limits::LARGE)
        }
        Destination::Otlp(settings, endpoint) => {
            let collector = Collector::new((**settings).clone(), endpoint)?;
            (Box::new(collector), RowForm::Lines, Limits::SMALL)
        }
    };
    let mut server = listeners
        .map(|it| Server::telling(it, Arc::clone(&figures) as _))
        .transpose()?;
    for at in server.iter().flat_map(Server::at) {
        say(format_args!("metrics are told at {at}"));
    }
    confine::shipper(options.to.port(), &kept);
    let patience = (!options.follow).then_some(PATIENCE);
    let mut sender = Sender::new(target, state, Arc::clone(&figures), patience, options.rate);
    ready();
    sender.open()?;
    // What is under way is sent first, and is there then.
    let before = match &left_over {
        Some(flight) => Some(flight.head.position.clone()),
        None => sender.position(|| runs(folder))?,
    };
    let reached = before.as_ref().map(|it| it.reached.clone());
    let (rows, batches) = queue(form, limits, before, Arc::clone(&figures));
    let sending = sender.start(left_over, batches)?;
    let filter = options.run.filter.clone();
    let mut run = options.run.clone();
    // Who has a connection, and which states it goes through, is known only at its end.
    run.filter = filter.of_connections();
    let idle_table = IdleTable::load(None)?;
    let flows = Flows::new(
        Box::new(rows),
        filter,
        Patience::UntilClosed,
        idle_table,
        None,
    );
    let report = |it| match it {
        Reading::Until(wall_ns) => figures.read_until(wall_ns),
        Reading::Missed(segments) => {
            figures.add_missed(segments);
            say(format_args!(
                "{segments} segments were removed before they were read: their flows are not shipped \
                 (tcptrace record --keep takes more)"
            ));
        }
    };
    let follow = options.follow;
    let read = read_on(&run, folder, reached.as_ref(), follow, flows, report).await;
    stopping();
    let interrupted = read.as_ref().is_ok_and(|it| it.unread);
    // Why it took no more tells more than that it did not.
    sending.end(interrupted)?;
    let mut outcome = read?;
    if let Some(server) = &mut server {
        server.close();
    }
    let progress = figures.progress();
    if StatusLine::default().is_seen() || progress.missed > 0 || progress.refused > 0 {
        say(format_args!("{progress} ({})", options.to));
    }
    outcome.code = outcome.code.max(u8::from(progress.refused > 0));
    Ok(outcome)
}

/// The runs that a folder has segments of, the last one first.
fn runs(folder: &Path) -> Result<Vec<ShippedFrom>> {
    let unread = || format!("cannot read {}", folder.display());
    let mut runs: BTreeMap<u64, ShippedFrom> = BTreeMap::new();
    for name in record::segments(folder).with_context(unread)? {
        let Ok(Ok(segment)) = Segment::open(&folder.join(name.to_string())) else {
            continue;
        };
        let it = &segment.beginning;
        let began = (it.number, segment.began_wall_ns());
        let run = runs.values_mut().find(|known| known.run == it.run);
        if let Some(run) = run {
            run.segments.push(began);
            continue;
        }
        let run = ShippedFrom {
            host: it.host.clone(),
            boot: it.boot.clone(),
            run: it.run.clone(),
            segments: vec![began],
        };
        runs.insert(it.number, run);
    }
    Ok(runs.into_values().rev().collect())
}

/// Which tables are printed.
#[derive(Clone, Debug)]
pub struct ShipSchemaOptions {
    /// Of which servers, and where.
    pub schema: schema::Schema,
}

/// Prints statements that make the tables.
///
/// # Errors
/// When they can't be written.
pub fn ship_schema(options: &ShipSchemaOptions) -> Result<()> {
    use std::io::Write as _;
    let mut out = super::output::stdout();
    out.write_all(options.schema.text().as_bytes())?;
    out.flush()?;
    Ok(())
}
