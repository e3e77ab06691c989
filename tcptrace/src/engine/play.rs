//! A recording that is gone through by hand: forwards, backwards, at any speed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{
    Consumer, Engine, Outcome, ReplayOptions, RunOptions, notices,
    replay::{narrowed, open},
};
use crate::{
    host::Cgroups,
    model::ns,
    output::End,
    screen::{ReplayState, Travel},
    source::{
        Source as _,
        replay::{Range, Recording, Replay},
    },
};

/// How often the consumer is told where it is.
const TICK: Duration = Duration::from_millis(50);
/// What happened so long before a moment is told, too, when it is gone to: rates and lives begin
/// somewhere.
const BEFORE_NS: i64 = 10_000_000_000;
/// How far back the event before is looked for at first, ns; and at the most.
const BACK_NS: i64 = 10_000_000_000;
const FARTHEST_NS: i64 = 24 * 3600 * 1_000_000_000;

/// A consumer by which a recording is gone through.
pub trait Player: Consumer {
    /// Where to go; `None`: nowhere else.
    fn travel(&mut self) -> Option<Travel>;
    /// Where it is.
    fn is_at(&mut self, state: ReplayState);
    /// What was told before is forgotten: what is told next is of another time.
    fn forget(&mut self);
    /// The first event that is told at that time or later ends it (CLOCK_MONOTONIC, ns), if it is
    /// asked for; `None`: none does.
    fn stop_at(&mut self, time_ns: Option<u64>);
    /// When the last event was before that time that was told and is asked for; `None`: none was.
    fn last_event(&self, before_ns: u64, cgroups: &mut Cgroups) -> Option<u64>;
    /// It was left.
    fn is_over(&self) -> bool;
}

/// Goes through a recording until it is left. It stands at its end in the beginning, or where what
/// is asked for begins, if that is said.
///
/// # Errors
/// When it can't be read, or the consumer fails.
pub async fn play(
    options: &RunOptions,
    replay: &ReplayOptions,
    mut player: impl Player,
) -> Result<Outcome> {
    let recording = open(replay)?;
    let range = replay.range(&recording);
    let path = replay.path.display();
    let first = recording.pieces.first().map_or(0, |it| it.began_wall_ns());
    let from_ns = range.from_ns.unwrap_or(first).max(first);
    let to_ns = range
        .to_ns
        .unwrap_or(i64::MAX)
        .min(recording.ended_wall_ns());
    let mut playing = Playing {
        recording,
        options,
        from_ns,
        to_ns,
        speed: 0,
        piece: 0,
    };
    let first = match range.from_ns {
        Some(from_ns) => from_ns,
        None => to_ns.saturating_sub(BEFORE_NS).max(from_ns),
    };
    let begun = playing.at(first, &mut player)?;
    let mut engine = begun.with_context(|| {
        format!("{path} has nothing of that time: tcptrace info {path} tells what it has")
    })?;
    engine = engine.ended_by_signals()?;
    notices::degraded(&engine.degraded);
    if let Some(signals) = &engine.signals {
        signals.begin();
    }
    player.start(&engine.start(), &engine.clock)?;
    if range.from_ns.is_none() {
        playing.pass(u64::MAX, &mut engine, &mut player).await?;
    }
    let mut told = Instant::now();
    while !player.is_over() && !engine.interrupted {
        match player.travel() {
            None => {}
            Some(Travel::Play(speed)) => playing.speed = speed,
            Some(Travel::By(ns)) => playing.go_by(ns, &mut engine, &mut player).await?,
            Some(Travel::NextEvent) => {
                playing.speed = 0;
                playing.up_to_event(0, &mut engine, &mut player).await?;
            }
            Some(Travel::EventBefore) => {
                playing.speed = 0;
                playing.event_before(&mut engine, &mut player).await?;
            }
        }
        // As much as went by meanwhile.
        let passed = ns(told.elapsed()).min(ns(TICK) * 4);
        told = Instant::now();
        if playing.speed > 0 {
            let ahead = passed.saturating_mul(playing.speed.into());
            playing.pass(ahead, &mut engine, &mut player).await?;
        }
        player.is_at(ReplayState {
            from_ns: playing.from_ns,
            to_ns: playing.to_ns,
            speed: playing.speed,
        });
        engine.review(&mut player)?;
        engine.enough = false;
        tokio::select! {
            biased;
            _ = super::run::next_signal(&mut engine.signals) => break,
            () = tokio::time::sleep(TICK) => {}
        }
    }
    let end = End {
        transitions: player.shown(),
        lost: engine.source.lost(),
        forgotten: engine.tracker.forgotten(),
        duration: Duration::ZERO,
    };
    player.close(&end)?;
    Ok(Outcome {
        code: 0,
        of_command: false,
        unread: true,
        interrupted: false,
        damaged: false,
        end,
    })
}

/// A recording, and where it is gone through.
struct Playing<'a> {
    recording: Recording,
    options: &'a RunOptions,
    /// Ns since 1970.
    from_ns: i64,
    to_ns: i64,
    /// So many times as fast as it happened; 0: it stands.
    speed: u32,
    /// Which piece it is in.
    piece: usize,
}

impl Playing<'_> {
    /// Goes to a time: ns since 1970; `None`: there is nothing of that time.
    fn at(&mut self, wall_ns: i64, player: &mut impl Player) -> Result<Option<Engine<Replay>>> {
        let wall_ns = wall_ns.clamp(self.from_ns, self.to_ns.max(self.from_ns));
        let pieces = &self.recording.pieces;
        let at = pieces.iter().rposition(|it| it.began_wall_ns() <= wall_ns);
        let at = at.unwrap_or(0);
        let Some(piece) = pieces.get(at) else {
            return Ok(None);
        };
        // Between two pieces, it is as it was at the end of the first.
        let wall_ns = wall_ns.min(piece.ended_wall_ns());
        let range = Range {
            from_ns: Some(wall_ns),
            to_ns: None,
        };
        let Some((source, beginning)) = piece.replay(range)? else {
            return Ok(None);
        };
        let mut engine = Engine::new(source, beginning, &narrowed(self.options, piece)?);
        engine.skip();
        self.piece = at;
        player.forget();
        player.begin(&engine.tracker, &engine.machine);
        Ok(Some(engine))
    }

    /// Goes there with what it has of signals.
    fn go_to(
        &mut self,
        wall_ns: i64,
        engine: &mut Engine<Replay>,
        player: &mut impl Player,
    ) -> Result<()> {
        if let Some(other) = self.at(wall_ns, player)? {
            let signals = engine.signals.take();
            *engine = other;
            engine.signals = signals;
        }
        Ok(())
    }

    async fn go_by(
        &mut self,
        ns: i64,
        engine: &mut Engine<Replay>,
        player: &mut impl Player,
    ) -> Result<()> {
        match u64::try_from(ns) {
            Ok(later) => self.pass(later, engine, player).await,
            Err(_) => {
                let now = engine.clock.wall(engine.now());
                let wanted = now.saturating_add(ns).max(self.from_ns);
                self.go_to(wanted.saturating_sub(BEFORE_NS), engine, player)?;
                let left = wanted.saturating_sub(engine.clock.wall(engine.now()));
                self.pass(u64::try_from(left).unwrap_or(0), engine, player)
                    .await
            }
        }
    }

    /// Lets so much time pass, ns, and stands at the end.
    async fn pass(
        &mut self,
        ahead_ns: u64,
        engine: &mut Engine<Replay>,
        player: &mut impl Player,
    ) -> Result<()> {
        let now = engine.now();
        let left = self.to_ns.saturating_sub(engine.clock.wall(now));
        let ahead_ns = ahead_ns.min(u64::try_from(left).unwrap_or(0));
        if ahead_ns == 0 {
            if left <= 0 {
                self.speed = 0;
            }
            return Ok(());
        }
        let limit = now.saturating_add(ahead_ns);
        engine
            .follow(player, &mut None, Some(limit), &mut None, &None)
            .await?;
        if engine.now() < limit && !engine.enough && !engine.interrupted {
            self.next_piece(engine, player)?;
        }
        Ok(())
    }

    /// The piece is over: goes on with the next one.
    fn next_piece(&mut self, engine: &mut Engine<Replay>, player: &mut impl Player) -> Result<()> {
        engine.end_piece(player)?;
        match self.recording.pieces.get(self.piece + 1) {
            Some(next) => {
                let began = next.began_wall_ns();
                self.go_to(began, engine, player)
            }
            None => {
                self.speed = 0;
                Ok(())
            }
        }
    }

    /// Up to the first event that is told at that time or later, and that is asked for.
    async fn up_to_event(
        &mut self,
        time_ns: u64,
        engine: &mut Engine<Replay>,
        player: &mut impl Player,
    ) -> Result<()> {
        player.stop_at(Some(time_ns));
        // So that nothing is told behind it.
        let most = std::mem::replace(&mut engine.most, 1);
        let passed = self.pass(u64::MAX, engine, player).await;
        engine.most = most;
        player.stop_at(None);
        engine.enough = false;
        passed
    }

    /// The last event before the one that was told last is looked for farther and farther back.
    async fn event_before(
        &mut self,
        engine: &mut Engine<Replay>,
        player: &mut impl Player,
    ) -> Result<()> {
        let now = engine.now();
        let here = player.last_event(u64::MAX, &mut engine.cgroups);
        let here = here.unwrap_or(now);
        let wall_ns = engine.clock.wall(here);
        let mut back_ns = BACK_NS;
        loop {
            let from = wall_ns.saturating_sub(back_ns).max(self.from_ns);
            self.go_to(from, engine, player)?;
            let ahead = wall_ns.saturating_sub(engine.clock.wall(engine.now()));
            if let Ok(ahead @ 1..) = u64::try_from(ahead) {
                self.pass(ahead, engine, player).await?;
            }
            if let Some(before) = player.last_event(here, &mut engine.cgroups) {
                // What was told behind it is not to be seen.
                self.go_to(from, engine, player)?;
                return self.up_to_event(before, engine, player).await;
            }
            if from <= self.from_ns || back_ns >= FARTHEST_NS {
                return self.go_to(from, engine, player);
            }
            back_ns = back_ns.saturating_mul(8);
        }
    }
}
