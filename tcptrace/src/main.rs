//! The command `tcptrace`: parses, calls, and maps errors to exit statuses.

mod cli;

use std::{io, process::ExitCode};

use clap::Parser as _;
use cli::Invocation;
use tcptrace::{
    aggregate::flows::IdleTableError,
    commands,
    diagnose::NotWatched,
    explain::UnknownWord,
    host::{NoLink, Unable, give_back_at_once},
    model::KernelError,
    output::say,
    screen::{FileError, NoTerminal},
};

/// Failed.
const FAILED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// This machine can't.
const UNABLE: u8 = 3;

fn main() -> ExitCode {
    give_back_at_once();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::refuse(&error),
    };
    cli::start_logging(cli.verbosity());
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format_args!("cannot start: {error}"));
            return ExitCode::from(FAILED);
        }
    };
    let done = runtime.block_on(async {
        match cli.into_invocation()? {
            Invocation::Watch(options) => commands::watch(&options).await.map(|it| it.code),
            Invocation::Flows(options) => commands::flows(&options).await.map(|it| it.code),
            Invocation::Stats(options) => commands::stats(&options).await.map(|it| it.code),
            Invocation::Stuck(options) => commands::stuck(&options).await.map(|it| it.code),
            Invocation::Top(options) => commands::top(&options).await.map(|it| it.code),
            Invocation::List(options) => commands::list(&options).map(|()| 0),
            Invocation::Record(options) => commands::record(&options).await.map(|it| it.code),
            #[cfg(feature = "serve")]
            Invocation::Serve(options) => commands::serve(&options).await.map(|it| it.code),
            Invocation::Info(options) => commands::info(&options).map(|()| 0),
            Invocation::Export(options) => commands::export(&options).await.map(|it| it.code),
            #[cfg(feature = "report")]
            Invocation::Report(options) => commands::report(&options).await.map(|it| it.code),
            #[cfg(feature = "ship")]
            Invocation::Ship(options) => commands::ship(&options).await.map(|it| it.code),
            #[cfg(feature = "ship")]
            Invocation::ShipSchema(options) => commands::ship_schema(&options).map(|()| 0),
            Invocation::Explain(options) => commands::explain(&options).map(|()| 0),
            Invocation::Doctor(options) => commands::doctor(&options),
            Invocation::Schema(what) => commands::schema(what).map(|()| 0),
        }
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => report(&error),
    }
}

/// One line on stderr, and the status that scripts rely on.
fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(io) = error.downcast_ref::<io::Error>()
        && io.kind() == io::ErrorKind::BrokenPipe
    {
        // The reader has what it wanted.
        return ExitCode::SUCCESS;
    }
    say(format_args!("{error:#}"));
    ExitCode::from(if error.is::<KernelError>() || error.is::<Unable>() {
        UNABLE
    } else if error.is::<UnknownWord>()
        || error.is::<NotWatched>()
        || error.is::<IdleTableError>()
        || error.is::<NoLink>()
        || error.is::<NoTerminal>()
        || error.is::<FileError>()
        || error.is::<cli::Usage>()
        || is_wrong_usage(error)
    {
        USAGE
    } else {
        FAILED
    })
}

/// What is wrong with what `serve` and `ship` are told.
fn is_wrong_usage(error: &anyhow::Error) -> bool {
    #[cfg(feature = "serve")]
    if error.is::<tcptrace::metrics::OtlpError>() {
        return true;
    }
    #[cfg(feature = "ship")]
    if error.is::<tcptrace::ship::AddressError>() || error.is::<tcptrace::ship::schema::NoName>() {
        return true;
    }
    // Without those, none of it is looked at.
    let _ = error;
    false
}
