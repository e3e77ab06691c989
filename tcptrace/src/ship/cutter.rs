//! Cuts rows into batches.

use std::collections::VecDeque;

use super::batch::{Batch, BatchId, Limits, Position, Shipped};
use crate::{engine::Reached, output::Part};

/// Hardly a row is longer, bytes.
const LONGEST_ROW: usize = 16 << 10;
/// A day, ns.
const DAY_NS: i64 = 86_400_000_000_000;

/// Makes batches of rows.
#[derive(Debug)]
pub(super) struct Cutter {
    limits: Limits,
    /// How far the recording was brought before.
    before: Option<Position>,
    /// The segment before, as long as rows of it may come.
    last: Option<Segment>,
    segment: Option<Segment>,
    /// What is whole, and was not taken yet.
    whole: VecDeque<Shipped>,
    /// Memory of a batch that is not needed any more.
    spare: Vec<u8>,
}

/// A segment that rows are of.
#[derive(Debug)]
struct Segment {
    id: BatchId,
    began_wall_ns: i64,
    /// CLOCK_MONOTONIC of the source, ns.
    began_ns: u64,
    /// So many rows of it were told.
    rows: u64,
    /// The first so many were brought before.
    known: u64,
    /// Rows from before it are of a segment that is gone: they were brought, or are missed, with that.
    goes_on_alone: bool,
    /// The batch that is made.
    open: Option<Open>,
}

/// A batch that is made.
#[derive(Debug)]
struct Open {
    rows: u32,
    lines: Vec<u8>,
    from_ns: i64,
    to_ns: i64,
    /// When it ends: CLOCK_MONOTONIC of the source, ns.
    due_ns: u64,
    day: i64,
}

/// When a row happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// CLOCK_MONOTONIC of the source, ns.
    pub mono_ns: u64,
    /// Ns since 1970.
    pub wall_ns: i64,
}

impl Cutter {
    /// Goes on behind `before`; `None`: from the beginning.
    pub fn new(limits: Limits, before: Option<Position>) -> Self {
        Self {
            limits,
            before,
            last: None,
            segment: None,
            whole: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// What is whole by what was told; to be asked for after each call.
    pub fn whole(&mut self) -> Option<Shipped> {
        self.whole.pop_front()
    }

    /// The next rows are of that segment, but for those that come late; `None`: no row comes for now.
    pub fn part(&mut self, part: Option<&Part>) {
        self.settle();
        self.last = self.segment.take();
        match part {
            None => self.settle(),
            Some(part) => {
                let mut segment = Segment::begin(part);
                if let Some(before) = &self.before {
                    segment.go_on(before, part.began_wall_ns);
                    segment.goes_on_alone = self.last.is_none();
                }
                // One recording does not tell of another one.
                if self
                    .last
                    .as_ref()
                    .is_some_and(|it| it.id.run != segment.id.run)
                {
                    self.settle();
                }
                self.segment = Some(segment);
            }
        }
    }

    /// No row of the segment before comes any more.
    fn settle(&mut self) {
        let Some(mut last) = self.last.take() else {
            return;
        };
        self.whole.extend(last.cut().map(Shipped::Batch));
        let ended = Position {
            reached: Reached {
                whole: true,
                ..last.reached()
            },
            rows: last.rows,
            batch: last.id.number,
        };
        // What was brought before is not brought again.
        if self
            .before
            .as_ref()
            .is_none_or(|before| goes_on(before, &ended))
        {
            self.whole.push_back(Shipped::Reached(ended));
        }
    }

    /// Takes a row, which `write` writes for the batch of that name, unless it was brought before.
    pub fn row(&mut self, at: Moment, write: impl FnMut(&BatchId, &mut Vec<u8>)) {
        if self.settled().is_some_and(|settled| settled <= at.mono_ns) {
            self.settle();
        }
        let Some(segment) = &mut self.segment else {
            return;
        };
        let is_late = at.mono_ns < segment.began_ns;
        let segment = match &mut self.last {
            Some(last) if is_late => last,
            _ if is_late && segment.goes_on_alone => return,
            _ => segment,
        };
        if segment.rows < segment.known {
            segment.rows += 1;
            return;
        }
        let whole = segment.row(at, self.limits, &mut self.spare, write);
        if whole.iter().any(Option::is_some) {
            // One segment after the other.
            if !is_late {
                self.settle();
            }
            self.whole
                .extend(whole.into_iter().flatten().map(Shipped::Batch));
        }
    }

    /// When something is whole, though no row comes: CLOCK_MONOTONIC of the source, ns.
    pub fn due(&self) -> Option<u64> {
        let open = |it: &Option<Segment>| Some(it.as_ref()?.open.as_ref()?.due_ns);
        [self.settled(), open(&self.last), open(&self.segment)]
            .into_iter()
            .flatten()
            .min()
    }

    /// When no row of the segment before comes any more; `None`: none does.
    fn settled(&self) -> Option<u64> {
        let segment = self.segment.as_ref()?;
        self.last.as_ref()?;
        Some(segment.began_ns.saturating_add(self.limits.late_ns))
    }

    /// Until `now` all rows were told.
    pub fn passed(&mut self, now: u64) {
        if self.settled().is_some_and(|at| at <= now) {
            self.settle();
        }
        let is_due = |it: &Segment| it.open.as_ref().is_some_and(|open| open.due_ns <= now);
        if let Some(last) = self.last.as_mut().filter(|it| is_due(it)) {
            self.whole.extend(last.cut().map(Shipped::Batch));
        }
        if self.segment.as_ref().is_some_and(is_due) {
            self.settle();
            let whole = self.segment.as_mut().and_then(Segment::cut);
            self.whole.extend(whole.map(Shipped::Batch));
        }
    }

    /// Nothing more comes: what is made is whole.
    pub fn end(&mut self) {
        self.settle();
        if let Some(segment) = &mut self.segment {
            self.whole.extend(segment.cut().map(Shipped::Batch));
        }
    }

    /// Takes the memory of a batch back.
    pub fn recycle(&mut self, lines: Vec<u8>) {
        self.spare = lines;
    }
}

impl Open {
    fn add(&mut self, at: Moment) {
        self.rows += 1;
        self.from_ns = self.from_ns.min(at.wall_ns);
        self.to_ns = self.to_ns.max(at.wall_ns);
    }
}

impl Segment {
    fn begin(part: &Part) -> Self {
        Self {
            id: BatchId {
                host: part.origin.host.clone(),
                boot: part.origin.boot.clone(),
                run: part.run.clone(),
                segment: part.number,
                number: 0,
            },
            began_wall_ns: part.began_wall_ns,
            began_ns: part.began_ns,
            rows: 0,
            known: 0,
            goes_on_alone: false,
            open: None,
        }
    }

    /// Goes on behind what was brought before.
    fn go_on(&mut self, before: &Position, began_wall_ns: i64) {
        let reached = &before.reached;
        if reached.run == self.id.run && reached.segment == self.id.segment {
            (self.known, self.id.number) = (before.rows, before.batch);
        } else if self.id.segment < reached.segment && began_wall_ns <= reached.began_wall_ns {
            // It is read for the sake of what is open at its end.
            self.known = u64::MAX;
        }
    }

    /// Takes a row, which `write` writes for the batch of that name. Gives back batches that are whole by
    /// that: before it, and with it.
    fn row(
        &mut self,
        at: Moment,
        limits: Limits,
        spare: &mut Vec<u8>,
        mut write: impl FnMut(&BatchId, &mut Vec<u8>),
    ) -> [Option<Batch>; 2] {
        let day = at.wall_ns.div_euclid(DAY_NS);
        let mut whole = [None, None];
        if self.open.as_ref().is_some_and(|it| it.day != day) {
            whole[0] = self.cut();
        }
        if let Some(open) = &mut self.open {
            let length = open.lines.len();
            write(&self.id, &mut open.lines);
            if open.lines.len() <= limits.bytes {
                open.add(at);
                self.rows += 1;
                if open.rows >= limits.rows {
                    whole[1] = self.cut();
                }
                return whole;
            }
            // It is the first of the next one.
            open.lines.truncate(length);
            whole[0] = self.cut();
        }
        let mut open = Open {
            rows: 0,
            lines: std::mem::take(spare),
            from_ns: at.wall_ns,
            to_ns: at.wall_ns,
            due_ns: at.mono_ns.saturating_add(limits.age_ns),
            day,
        };
        open.lines.clear();
        // As much as it can have, and no more than that.
        open.lines.reserve_exact(limits.bytes + LONGEST_ROW);
        write(&self.id, &mut open.lines);
        open.add(at);
        self.rows += 1;
        let is_whole = open.rows >= limits.rows || open.lines.len() > limits.bytes;
        self.open = Some(open);
        if is_whole {
            whole[1] = self.cut();
        }
        whole
    }

    /// What is made is whole.
    fn cut(&mut self) -> Option<Batch> {
        let open = self.open.take()?;
        let id = self.id.clone();
        self.id.number += 1;
        Some(Batch {
            position: Position {
                reached: self.reached(),
                rows: self.rows,
                batch: self.id.number,
            },
            id,
            rows: open.rows,
            lines: open.lines,
            from_ns: open.from_ns,
            to_ns: open.to_ns,
        })
    }

    fn reached(&self) -> Reached {
        Reached {
            run: self.id.run.clone(),
            segment: self.id.segment,
            began_wall_ns: self.began_wall_ns,
            whole: false,
        }
    }
}

/// Whether a position is not before another one.
fn goes_on(before: &Position, it: &Position) -> bool {
    let (before, reached) = (&before.reached, &it.reached);
    reached.segment >= before.segment || reached.began_wall_ns > before.began_wall_ns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Origin;

    /// Small, so that all of them count.
    const LIMITS: Limits = Limits {
        rows: 7,
        bytes: 100,
        age_ns: 1_000,
        late_ns: 500,
    };

    /// What happens in a recording.
    #[derive(Clone, Debug)]
    enum Told {
        /// With its number, and when it began: CLOCK_MONOTONIC, ns.
        Segment(u64, u64),
        Row {
            at: Moment,
            length: usize,
        },
        /// CLOCK_MONOTONIC, ns.
        Passed(u64),
    }

    fn part(number: u64, began_ns: u64) -> Part {
        Part {
            name: number.to_string(),
            origin: Origin {
                host: "web".to_owned(),
                boot: "boot".to_owned(),
            },
            run: "run".to_owned(),
            number,
            kernel: String::new(),
            began_wall_ns: number as i64,
            began_ns,
            written: None,
        }
    }

    /// Rows of different lengths, some long apart, over two midnights and nine segments.
    fn recording() -> Vec<Told> {
        let mut all = Vec::new();
        let mut chance = 88_172_645_463_325_252_u64;
        let mut next = |below: u64| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            chance % below
        };
        let mut mono_ns = 1_000_000;
        for segment in 1..10 {
            all.push(Told::Segment(segment, mono_ns));
            // Rows of the one before that had to wait.
            for _ in 0..next(4) * u64::from(segment > 1) {
                let mono_ns = mono_ns - 1 - next(100);
                let wall_ns = DAY_NS + 10_000 + mono_ns as i64;
                let at = Moment { mono_ns, wall_ns };
                all.push(Told::Row { at, length: 5 });
            }
            mono_ns += 1;
            for row in 0..next(200) {
                mono_ns += match next(40) {
                    0 => 3_000,
                    _ => next(150),
                };
                let midnight = DAY_NS + 1_010_000;
                // Some are told a little behind.
                let wall_ns = midnight - 1_000_000 + mono_ns as i64 - next(200) as i64;
                let at = Moment { mono_ns, wall_ns };
                let length = match next(60) {
                    0 => 150,
                    _ => 1 + next(30) as usize,
                };
                all.push(Told::Row { at, length });
                if row % 9 == 0 {
                    all.push(Told::Passed(mono_ns));
                }
            }
        }
        all.push(Told::Segment(10, mono_ns + 1));
        all.push(Told::Passed(mono_ns + 1_000));
        all
    }

    /// What a batch is, without its rows.
    type Made = (BatchId, u32, usize, i64, i64, Position);

    fn made(told: &[Told], before: Option<Position>) -> (Vec<Made>, Vec<Position>) {
        let mut cutter = Cutter::new(LIMITS, before);
        let (mut batches, mut ended) = (Vec::new(), Vec::new());
        for it in told {
            match it {
                Told::Segment(number, began_ns) => cutter.part(Some(&part(*number, *began_ns))),
                Told::Row { at, length } => {
                    cutter.row(*at, |_, lines| lines.extend(vec![b'x'; *length]));
                }
                Told::Passed(now) => cutter.passed(*now),
            }
            while let Some(it) = cutter.whole() {
                match it {
                    Shipped::Batch(batch) => batches.push(batch),
                    Shipped::Reached(position) => ended.push(position),
                }
            }
        }
        let batches = batches.into_iter().map(|it| {
            (
                it.id,
                it.rows,
                it.lines.len(),
                it.from_ns,
                it.to_ns,
                it.position,
            )
        });
        (batches.collect(), ended)
    }

    /// Where a segment begins among what is told.
    fn segment(told: &[Told], number: u64) -> usize {
        let begins = |it: &Told| matches!(it, Told::Segment(it, _) if *it == number);
        told.iter().position(begins).expect("a segment")
    }

    #[test]
    fn a_batch_ends_by_rows_bytes_age_day_and_segment_whichever_is_first() {
        let told = recording();
        let (batches, ended) = made(&told, None);
        let rows = told
            .iter()
            .filter(|it| matches!(it, Told::Row { .. }))
            .count();
        let made_of: u32 = batches.iter().map(|it| it.1).sum();
        assert_eq!(made_of as usize, rows, "each row is in a batch");
        assert_eq!(ended.len(), 9);
        assert!(ended.iter().all(|it| it.reached.whole));
        for (id, rows, bytes, from_ns, to_ns, _) in &batches {
            assert!(*rows <= LIMITS.rows, "{id}");
            assert!(*bytes <= LIMITS.bytes || *rows == 1, "{id}: {bytes}");
            assert_eq!(from_ns.div_euclid(DAY_NS), to_ns.div_euclid(DAY_NS), "{id}");
        }
        // Each limit is met by some.
        assert!(batches.iter().any(|it| it.1 == LIMITS.rows));
        assert!(batches.iter().any(|it| it.2 > LIMITS.bytes && it.1 == 1));
        assert!(
            batches
                .iter()
                .any(|it| it.1 < LIMITS.rows && it.2 < LIMITS.bytes / 2)
        );
        // They are counted in each segment.
        for two in batches.windows(2) {
            let (before, next) = (&two[0].0, &two[1].0);
            match before.segment == next.segment {
                true => assert_eq!(next.number, before.number + 1),
                false => assert_eq!(next.number, 0),
            }
        }
    }

    #[test]
    fn wherever_it_is_taken_up_again_the_same_batches_follow() {
        let told = recording();
        let (all, _) = made(&told, None);
        for (index, (id, .., position)) in all.iter().enumerate() {
            // From the segment itself, or from those before it, which it is read with.
            for before in 0..3.min(id.segment) {
                let from = segment(&told, id.segment - before);
                let (rest, _) = made(&alone(&told[from..]), Some(position.clone()));
                assert_eq!(rest, all[index + 1..], "behind {id}, {before} before it");
            }
        }
    }

    /// Of the first segment, what is told where the one before is gone: what waited in that one is
    /// not known.
    fn alone(told: &[Told]) -> Vec<Told> {
        let Some(Told::Segment(_, began_ns)) = told.first() else {
            panic!("a segment is first");
        };
        let is_late = |it: &Told| matches!(it, Told::Row { at, .. } if at.mono_ns < *began_ns);
        told.iter().filter(|it| !is_late(it)).cloned().collect()
    }

    #[test]
    fn where_a_segment_ended_the_next_one_follows_and_nothing_of_it_again() {
        let told = recording();
        let (all, ended) = made(&told, None);
        for position in ended {
            let number = position.reached.segment;
            let from = segment(&told, number);
            let (rest, again) = made(&alone(&told[from..]), Some(position.clone()));
            let later = all.iter().filter(|it| it.0.segment > number);
            assert!(rest.iter().eq(later), "behind segment {number}");
            assert_eq!(again.first(), Some(&position));
        }
    }

    #[test]
    fn rows_of_one_day_alone_are_in_a_batch() {
        let mut cutter = Cutter::new(LIMITS, None);
        cutter.part(Some(&part(1, 0)));
        for wall_ns in [DAY_NS - 1, DAY_NS, DAY_NS - 1, DAY_NS + 5, DAY_NS + 6] {
            let at = Moment {
                mono_ns: 1,
                wall_ns,
            };
            cutter.row(at, |_, lines| lines.push(b'x'));
        }
        cutter.end();
        let whole = std::iter::from_fn(|| cutter.whole());
        let days: Vec<u32> = whole
            .map(|it| match it {
                Shipped::Batch(batch) => batch.rows,
                Shipped::Reached(_) => panic!("it has not ended"),
            })
            .collect();
        assert_eq!(days, [1, 1, 1, 2]);
    }

    #[test]
    fn a_row_is_of_the_segment_in_which_it_happened_however_late_it_is_told() {
        let told = recording();
        let mut began = 0;
        let mut late = 0;
        for it in &told {
            match it {
                Told::Segment(_, began_ns) => began = *began_ns,
                Told::Row { at, .. } => late += u32::from(at.mono_ns < began),
                Told::Passed(_) => {}
            }
        }
        assert!(late > 5, "{late}");
        // Each segment has the same rows, read with the one before and without.
        for number in 2..10 {
            let rows = |told: &[Told], before: Option<Position>| -> u32 {
                let (batches, _) = made(told, before);
                let its = batches.iter().filter(|it| it.0.segment == number);
                its.map(|it| it.1).sum()
            };
            let (_, ended) = made(&told, None);
            let before = ended.iter().find(|it| it.reached.segment == number - 1);
            let from = segment(&told, number);
            assert_eq!(
                rows(&told, None),
                rows(&alone(&told[from..]), before.cloned()),
                "{number}"
            );
        }
    }

    #[test]
    fn without_a_segment_there_are_no_rows() {
        let mut cutter = Cutter::new(LIMITS, None);
        let at = Moment {
            mono_ns: 1,
            wall_ns: 1,
        };
        cutter.row(at, |_, lines| lines.push(b'x'));
        cutter.end();
        assert!(cutter.whole().is_none() && cutter.due().is_none());
    }
}
