//! The line of `info`.

use crate::output::{
    fields::Time,
    row::{line, object, row},
};

row! {
    /// What is in a recording.
    pub struct RecordingRow<'a> {
        /// Where it is, as it was given.
        path: String,
        /// The name of the machine that it is of: the last one, if there are several.
        host: &'a str,
        /// Which boot of that machine: its boot_id; empty if it could not be told.
        boot: &'a str,
        /// The release of its kernel, as uname -r prints it.
        kernel: &'a str,
        /// The version of tcptrace that recorded it.
        version: &'a str,
        /// When it begins: RFC 3339 with nanoseconds, UTC.
        from: Time,
        /// Until when it is known what happened: RFC 3339 with nanoseconds, UTC.
        to: Time,
        /// How many files it has that can be read.
        segments: u64,
        /// How large they are, bytes.
        bytes: u64,
        /// How many events of the kernel are in it: there are more than transitions.
        events: u64,
        /// How many events were lost while it was recorded.
        lost: u64,
        /// Whether it was ended in good order, and nothing of it is damaged; false while it is
        /// written.
        complete: bool,
        /// Whether addresses and names are not the real ones.
        anonymized: bool,
        /// What was asked for when it was recorded; empty if all was.
        filter: Vec<OptionRow<'a>>,
        /// Its parts: between two of them it is not known what happened.
        pieces: Vec<PieceRow<'a>>,
        /// Where events were lost.
        losses: Vec<LossRow>,
        /// Where the wall clock was set, or the machine suspended.
        clock_changes: Vec<ClockRow>,
        /// Where it can't be read.
        damage: Vec<DamageRow<'a>>,
    }
}
line!(
    RecordingRow<'_> = "recording",
    "What is in a recording",
    "The one line of info."
);

row! {
    /// An option of the command line.
    pub struct OptionRow<'a> {
        /// Its name.
        option: &'a str,
        /// Its value; empty if it takes none.
        value: &'a str,
    }
}
object!(OptionRow<'_>);

row! {
    /// A part of a recording in which nothing is missing but events that are said to be lost.
    pub struct PieceRow<'a> {
        /// The name of the machine.
        host: &'a str,
        /// Which of its boots.
        boot: &'a str,
        /// The release of its kernel.
        kernel: &'a str,
        /// The version of tcptrace.
        version: &'a str,
        /// When it begins: RFC 3339 with nanoseconds, UTC.
        from: Time,
        /// Until when it is known what happened.
        to: Time,
        /// How many files it has.
        segments: u64,
        /// How large they are, bytes.
        bytes: u64,
        /// How many events of the kernel are in it.
        events: u64,
        /// How many events were lost.
        lost: u64,
        /// Whether it was ended in good order.
        complete: bool,
    }
}
object!(PieceRow<'_>);

row! {
    /// Events were lost.
    pub struct LossRow {
        /// When: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// How many.
        events: u64,
    }
}
object!(LossRow);

row! {
    /// The wall clock was set, or the machine suspended.
    pub struct ClockRow {
        /// When, by the new time: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// By how much the clock went forward, ns.
        by_ns: i64,
        /// For how long the machine was suspended, ns; 0: it was not.
        suspended_ns: u64,
    }
}
object!(ClockRow);

row! {
    /// Where a file can't be read.
    pub struct DamageRow<'a> {
        /// The file.
        path: String,
        /// All before this byte can be read.
        offset: u64,
        /// Why no more.
        why: &'a str,
    }
}
object!(DamageRow<'_>);
