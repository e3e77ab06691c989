//! A thread that looks things up, for those who must not wait.

use std::{
    io,
    sync::mpsc::{self, Receiver, SyncSender, TrySendError},
    thread,
    time::{Duration, Instant},
};

use super::cpu;

/// So much CPU it may use before it rests.
const BURST: Duration = Duration::from_millis(50);

/// Answers questions on a thread of its own, one after the other. Neither to ask nor to hear the
/// answer takes time.
#[derive(Debug)]
pub struct Looker<Q, A> {
    questions: SyncSender<Q>,
    answers: Receiver<A>,
}

impl<Q: Send + 'static, A: Send + 'static> Looker<Q, A> {
    /// Starts the thread. It has the privileges that the one that starts it has.
    ///
    /// `most` questions may wait for their turn; 0: one is taken only where it is dealt with at
    /// once. `share`: the thread uses one part in so many of a CPU, at the most, and rests
    /// otherwise; but for [`BURST`], which it may have used ahead.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(
        name: &str,
        most: usize,
        share: u32,
        mut look: impl FnMut(Q) -> A + Send + 'static,
    ) -> io::Result<Self> {
        let (questions, asked) = mpsc::sync_channel(most);
        // Who asks no more before it has heard the answer never lets the thread wait.
        let (told, answers) = mpsc::sync_channel(most.max(1));
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let share = share.max(1);
                // How much it may use before it must rest, and when that was so.
                let mut left = BURST;
                let mut reckoned = Instant::now();
                for question in asked {
                    left = (left + reckoned.elapsed() / share).min(BURST);
                    let before = cpu::used();
                    let answer = look(question);
                    if told.send(answer).is_err() {
                        break;
                    }
                    reckoned = Instant::now();
                    let took = cpu::used().saturating_sub(before);
                    thread::sleep(took.saturating_sub(left) * share);
                    left = left.saturating_sub(took);
                }
            })?;
        Ok(Self { questions, answers })
    }

    /// Asks.
    ///
    /// # Errors
    /// Gives the question back where there is no room for it.
    pub fn ask(&self, question: Q) -> Result<(), Q> {
        self.questions
            .try_send(question)
            .map_err(|error| match error {
                TrySendError::Full(question) | TrySendError::Disconnected(question) => question,
            })
    }

    /// The next answer, if there is one.
    #[must_use]
    pub fn answer(&self) -> Option<A> {
        self.answers.try_recv().ok()
    }

    /// The same, waiting so long for it. For those who may.
    #[must_use]
    pub fn answer_within(&self, at_most: Duration) -> Option<A> {
        self.answers.recv_timeout(at_most).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for something that comes soon.
    fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "it never came");
            thread::yield_now();
        }
    }

    #[test]
    fn questions_are_answered_and_nobody_waits() {
        let (go, gate) = mpsc::channel::<()>();
        let looker = Looker::start("looker", 0, 1, move |number: u32| {
            let _ = gate.recv();
            number * 2
        })
        .expect("a thread");
        wait(|| looker.ask(21).ok());
        assert_eq!(looker.answer(), None);
        assert_eq!(looker.ask(5), Err(5), "it is busy");
        go.send(()).expect("it waits");
        assert_eq!(wait(|| looker.answer()), 42);
        wait(|| looker.ask(1).ok());
    }

    #[test]
    fn it_rests_for_most_of_the_time() {
        let looker = Looker::start("looker", 0, 20, |()| {
            let before = cpu::used();
            while cpu::used() - before < BURST + Duration::from_millis(5) {}
        })
        .expect("a thread");
        wait(|| looker.ask(()).ok());
        wait(|| looker.answer());
        let began = Instant::now();
        wait(|| looker.ask(()).ok());
        assert!(began.elapsed() > Duration::from_millis(80));
    }
}
