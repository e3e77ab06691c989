//! Takes rows from the loop that reads, and hands batches of them to the thread that sends.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    batch::{BatchId, Limits, Position, Shipped},
    cutter::{Cutter, Moment},
    figures::Figures,
};
use crate::{
    host::Clock,
    output::{Context, End, Part, Scratch, ShownFlow, Start, View, insert, json_line, json_string},
};

/// So many batches wait to be sent at the most.
const WAITING: usize = 2;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowForm {
    /// As columns of a table, those that name the batch first.
    Columns,
    /// As lines of `flows -o json`.
    Lines,
}

/// Makes batches of rows, for a thread that takes them.
pub struct Rows {
    cutter: Cutter,
    form: RowForm,
    scratch: Scratch,
    /// What each row of the batch begins with.
    first: Vec<u8>,
    of: Option<BatchId>,
    queue: SyncSender<Shipped>,
    line: Arc<Line>,
    emptied: Receiver<Vec<u8>>,
    figures: Arc<Figures>,
}

/// How many wait.
#[derive(Debug, Default)]
struct Line {
    waiting: AtomicUsize,
    /// Nobody takes them any more.
    over: AtomicBool,
    room: Notify,
}

/// What takes batches.
#[derive(Debug)]
pub struct Queue {
    from: Receiver<Shipped>,
    line: Arc<Line>,
    empty: Sender<Vec<u8>>,
}

/// Both ends: batches are made from behind `before` on; `None`: from the beginning.
#[must_use]
pub fn queue(
    form: RowForm,
    limits: Limits,
    before: Option<Position>,
    figures: Arc<Figures>,
) -> (Rows, Queue) {
    let (queue, from) = mpsc::sync_channel(WAITING);
    let (empty, emptied) = mpsc::channel();
    let line = Arc::<Line>::default();
    let rows = Rows {
        cutter: Cutter::new(limits, before),
        form,
        scratch: Scratch::default(),
        first: Vec::new(),
        of: None,
        queue,
        line: Arc::clone(&line),
        emptied,
        figures,
    };
    (rows, Queue { from, line, empty })
}

impl Queue {
    /// The next one, if one comes within that time.
    ///
    /// # Errors
    /// When none does, or none will.
    pub fn next(&self, within: Duration) -> Result<Shipped, RecvTimeoutError> {
        let it = self.from.recv_timeout(within)?;
        self.line.waiting.fetch_sub(1, SeqCst);
        self.line.room.notify_one();
        Ok(it)
    }

    /// Gives the memory of a batch back.
    pub fn done(&self, lines: Vec<u8>) {
        let _ = self.empty.send(lines);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.line.over.store(true, SeqCst);
        self.line.room.notify_one();
    }
}

impl Rows {
    /// Hands over what is whole; waits where there is no room.
    fn hand_over(&mut self) -> io::Result<()> {
        while let Some(it) = self.cutter.whole() {
            if let Shipped::Batch(batch) = &it {
                self.figures.add_read(batch.rows);
            }
            self.line.waiting.fetch_add(1, SeqCst);
            let sent = self.queue.send(it);
            if let Some(lines) = self.emptied.try_iter().last() {
                self.cutter.recycle(lines);
            }
            // Why, the thread says that took them.
            sent.map_err(|_| io::Error::other("nothing more is sent"))?;
        }
        Ok(())
    }
}

impl View<ShownFlow<'_>> for Rows {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn part(&mut self, part: Option<&Part>) -> io::Result<()> {
        self.cutter.part(part);
        self.hand_over()
    }

    fn due(&self) -> Option<u64> {
        self.cutter.due()
    }

    fn passed(&mut self, now: u64) -> io::Result<()> {
        self.cutter.passed(now);
        self.hand_over()
    }

    fn full(&self) -> Option<&Notify> {
        let line = &self.line;
        let is_full = line.waiting.load(SeqCst) >= WAITING && !line.over.load(SeqCst);
        is_full.then_some(&line.room)
    }

    fn show(&mut self, it: &ShownFlow<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let mono_ns = it.record.time_ns;
        let at = Moment {
            mono_ns,
            wall_ns: around.clock.wall(mono_ns),
        };
        let Self {
            cutter,
            form,
            scratch,
            first,
            of,
            ..
        } = self;
        cutter.row(at, |id, lines| match form {
            RowForm::Columns => {
                if of.as_ref() != Some(id) {
                    begin(id, first);
                    *of = Some(id.clone());
                }
                insert(it, first, around, scratch, lines);
            }
            RowForm::Lines => json_line(it, around, scratch, lines),
        });
        self.hand_over()
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.figures.add_lost(events);
        Ok(())
    }

    /// It is a figure, and said in the end.
    fn tells_losses(&self) -> bool {
        true
    }

    fn end(&mut self, _: &End) -> io::Result<()> {
        self.cutter.end();
        self.hand_over()
    }

    /// What is made is handed over when it is whole.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The members that name a batch.
fn begin(id: &BatchId, first: &mut Vec<u8>) {
    first.clear();
    for (key, text) in [
        ("{\"host\":", &id.host),
        (",\"boot\":", &id.boot),
        (",\"run\":", &id.run),
    ] {
        first.extend_from_slice(key.as_bytes());
        json_string(text, first);
    }
    let numbers = format!(",\"segment\":{},\"batch\":{}", id.segment, id.number);
    first.extend_from_slice(numbers.as_bytes());
}
