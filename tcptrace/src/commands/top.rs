//! `tcptrace top`: what goes on, on one screen.

use anyhow::Result;

use crate::{
    consumers::Top,
    diagnose::Thresholds,
    engine::{LiveOptions, Outcome, play, trace},
    screen::{Settings, Show},
    source::live::Metrics,
};

/// What `top` is told.
#[derive(Clone, Debug)]
pub struct TopOptions {
    /// What all live commands are told.
    pub live: LiveOptions,
    /// How it looks, and what its keys do.
    pub settings: Settings,
}

/// Shows what goes on until the screen is left, or something ends it.
///
/// # Errors
/// [`NoTerminal`](crate::screen::NoTerminal) where there is nothing to draw on; when this machine
/// can't be traced, or the terminal fails.
pub async fn top(options: &TopOptions) -> Result<Outcome> {
    let show = Show::start(options.settings.clone())?;
    let filter = options.live.run.filter.clone();
    let top = Top::new(show, filter, Thresholds::new(None, &[])?);
    match &options.live.recording {
        Some(recording) => play(&options.live.run, recording, top).await,
        None => trace(&options.live, Metrics::Always, top).await,
    }
}
