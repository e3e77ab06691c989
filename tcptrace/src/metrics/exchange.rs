//! Questions of those that read figures, and the loop's answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::Snapshot;

/// Between the loop, which makes figures when it is asked to, and threads that serve them. An answer
/// made before a question is none to it: who asks is told all that had happened then.
#[derive(Debug)]
pub struct Exchange {
    /// How many questions there were.
    asked: AtomicU64,
    /// Wakes the loop.
    wake: Notify,
    latest: watch::Sender<Arc<Snapshot>>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            asked: AtomicU64::new(0),
            wake: Notify::new(),
            latest: watch::Sender::new(Arc::default()),
        }
    }
}

impl Exchange {
    /// The last question, if it is not answered yet. For the loop.
    #[must_use]
    pub fn question(&self) -> Option<u64> {
        let asked = self.asked.load(SeqCst);
        (asked > self.latest.borrow().ticket).then_some(asked)
    }

    /// Wakes when there is a question. For the loop.
    #[must_use]
    pub fn wake(&self) -> &Notify {
        &self.wake
    }

    /// Answers all questions up to the snapshot's. For the loop.
    pub fn answer(&self, snapshot: Snapshot) {
        self.latest.send_replace(Arc::new(snapshot));
    }

    /// Figures as they are now; `None`: the loop has not answered within that time.
    pub async fn ask(&self, at_most: Duration) -> Option<Arc<Snapshot>> {
        let ticket = self.asked.fetch_add(1, SeqCst) + 1;
        let mut latest = self.latest.subscribe();
        self.wake.notify_one();
        let answer = latest.wait_for(|it| it.ticket >= ticket);
        let answer = timeout(at_most, answer).await.ok()?.ok()?;
        Some(Arc::clone(&answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(ticket: u64) -> Snapshot {
        Snapshot {
            ticket,
            ..Snapshot::default()
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_asks_gets_no_answer_that_was_made_before() {
        let exchange = Arc::new(Exchange::default());
        assert_eq!(exchange.question(), None);
        let theirs = Arc::clone(&exchange);
        let first = tokio::spawn(async move { theirs.ask(Duration::from_secs(5)).await });
        exchange.wake().notified().await;
        let question = exchange.question().expect("one was asked");
        // Another comes while the answer is made.
        let theirs = Arc::clone(&exchange);
        let second = tokio::spawn(async move { theirs.ask(Duration::from_millis(50)).await });
        exchange.wake().notified().await;
        exchange.answer(answered(question));
        assert_eq!(first.await.unwrap().unwrap().ticket, question);
        assert!(second.await.unwrap().is_none(), "it was made before");
        assert_eq!(exchange.question(), Some(question + 1));
        exchange.answer(answered(question + 1));
        assert_eq!(exchange.question(), None);
    }
}
