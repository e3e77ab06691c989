//! Rows as files, one for each part of a recording.

use std::{
    fmt::Write as _,
    fs,
    io::{self, BufWriter},
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;

#[cfg(feature = "parquet")]
use super::Parquet;
use super::{
    Context, Csv, End, Json, Shown, Start, View,
    aside::{AsideFile, AsideWriter, named},
    row::Row,
};
use crate::host::Clock;

/// Where rows are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The machine's name.
    pub host: String,
    /// Its boot id (/proc/sys/kernel/random/boot_id): cookies and CLOCK_MONOTONIC begin anew with
    /// each.
    pub boot: String,
}

/// A part of a recording that has a file of its own: a segment.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name, which its file has, too.
    pub name: String,
    /// Where it is from.
    pub origin: Origin,
    /// The recording that it is of: a name by chance that all segments of one run have.
    pub run: String,
    /// Its number in the folder.
    pub number: u64,
    /// That machine's kernel.
    pub kernel: String,
    /// When it begins: ns since 1970.
    pub began_wall_ns: i64,
    /// When it begins: CLOCK_MONOTONIC of that machine, ns.
    pub began_ns: u64,
    /// When it was written to last; `None`: unknown.
    pub written: Option<SystemTime>,
}

/// Forms of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileForm {
    /// By columns.
    #[cfg(feature = "parquet")]
    Parquet,
    /// One object a line.
    Json,
    /// With a header line.
    Csv,
}

impl FileForm {
    /// What names of its files end with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// Writes a file for each part of a recording: `host=NAME/date=YYYY-MM-DD/PART.ROWS.FORM`, the day
/// being that on which the part begins, UTC. Each has its name when it is whole: when the next part
/// begins, or in the end.
pub struct Files {
    folder: PathBuf,
    form: FileForm,
    /// Files that are younger than their part stay as they are.
    keeps_younger: bool,
    file: Option<Open>,
}

/// The file of a part.
enum Open {
    #[cfg(feature = "parquet")]
    Parquet(Box<Parquet>),
    Json(Box<Json<Writer>>, AsideFile),
    Csv(Box<Csv<Writer>>, AsideFile),
    /// It is there already.
    Kept,
}

type Writer = BufWriter<AsideWriter>;

impl Files {
    /// Into that folder, which is made if it is not there.
    #[must_use]
    pub fn new(folder: PathBuf, form: FileForm) -> Self {
        Self {
            folder,
            form,
            keeps_younger: false,
            file: None,
        }
    }

    /// Leaves files alone that are younger than their part: they were made of it before.
    #[must_use]
    pub fn keeping_younger(self) -> Self {
        Self {
            keeps_younger: true,
            ..self
        }
    }

    fn open<T: Shown>(&self, part: &Part) -> io::Result<Open> {
        let path = self.folder.join(place::<T::Row<'_>>(part, self.form));
        if self.keeps_younger && is_younger(&path, part.written) {
            return Ok(Open::Kept);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
        }
        let start = Start {
            version: env!("CARGO_PKG_VERSION"),
            kernel: part.kernel.clone(),
            netns: None,
            mono_ns: 0,
            degraded: Vec::new(),
        };
        let clock = Clock::ahead_by(0);
        Ok(match self.form {
            #[cfg(feature = "parquet")]
            FileForm::Parquet => {
                let mut view = Box::new(Parquet::create::<T>(&path, &part.origin)?);
                View::<T>::start(&mut *view, &start, &clock)?;
                Open::Parquet(view)
            }
            // Lines are all rows: their first and last ones are not written.
            FileForm::Json => {
                let (aside, writer) = lines(&path)?;
                Open::Json(Box::new(Json::new(writer)), aside)
            }
            FileForm::Csv => {
                let (aside, writer) = lines(&path)?;
                let mut view = Box::new(Csv::new(writer));
                View::<T>::start(&mut *view, &start, &clock)?;
                Open::Csv(view, aside)
            }
        })
    }

    fn finish<T: Shown>(&mut self) -> io::Result<()> {
        match self.file.take() {
            #[cfg(feature = "parquet")]
            Some(Open::Parquet(mut view)) => view.finish(),
            Some(Open::Json(mut view, aside)) => {
                View::<T>::flush(&mut *view)?;
                aside.finish()
            }
            Some(Open::Csv(mut view, aside)) => {
                View::<T>::flush(&mut *view)?;
                aside.finish()
            }
            Some(Open::Kept) | None => Ok(()),
        }
    }
}

impl<T: Shown> View<T> for Files {
    /// There is none before the first part.
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn part(&mut self, part: Option<&Part>) -> io::Result<()> {
        self.finish::<T>()?;
        self.file = part.map(|part| self.open::<T>(part)).transpose()?;
        Ok(())
    }

    fn show(&mut self, it: &T, around: &mut Context<'_>) -> io::Result<()> {
        match &mut self.file {
            #[cfg(feature = "parquet")]
            Some(Open::Parquet(view)) => view.show(it, around),
            Some(Open::Json(view, _)) => view.show(it, around),
            Some(Open::Csv(view, _)) => view.show(it, around),
            // Of a part whose file is whole, or of none: what was open before a gap.
            Some(Open::Kept) | None => Ok(()),
        }
    }

    /// The other forms have rows alone.
    #[cfg(feature = "parquet")]
    fn lost(&mut self, events: u64) -> io::Result<()> {
        match &mut self.file {
            Some(Open::Parquet(view)) => View::<T>::lost(&mut **view, events),
            _ => Ok(()),
        }
    }

    fn end(&mut self, _: &End) -> io::Result<()> {
        self.finish::<T>()
    }

    /// What is not a whole file is of no use to anybody.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the file of a part is, below the folder of all.
fn place<R: Row>(part: &Part, form: FileForm) -> PathBuf {
    let began = Timestamp::from_nanosecond(part.began_wall_ns.into()).unwrap_or_default();
    let mut folder = PathBuf::from(format!("host={}", escaped(&part.origin.host)));
    folder.push(format!("date={}", began.strftime("%F")));
    folder.push(format!("{}.{}s.{}", part.name, R::TYPE, form.name()));
    folder
}

/// A name as the name of a folder of Hive's has it.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                escaped.push(char::from(byte));
            }
            // Writing to a string does not fail.
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

fn is_younger(path: &Path, than: Option<SystemTime>) -> bool {
    let written = fs::metadata(path).and_then(|it| it.modified());
    matches!((written, than), (Ok(file), Some(part)) if file > part)
}

fn lines(path: &Path) -> io::Result<(AsideFile, Writer)> {
    let aside = AsideFile::create(path)?;
    let writer = aside.writer()?;
    Ok((aside, BufWriter::with_capacity(1 << 16, writer)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        host::{Cgroups, Links},
        model::{Closer, Endpoint, Owner, Reason, State, Transition, Tuple},
    };

    fn part(number: u64, host: &str, began_s: i64) -> Part {
        Part {
            name: format!("{number:08}"),
            origin: Origin {
                host: host.to_owned(),
                boot: "boot".to_owned(),
            },
            run: "run".to_owned(),
            number,
            kernel: "6.18.44".to_owned(),
            began_wall_ns: began_s * 1_000_000_000,
            began_ns: 0,
            written: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)),
        }
    }

    fn transition(time_ns: u64) -> Transition {
        Transition {
            time_ns,
            cookie: None,
            tuple: Tuple {
                netns: 1,
                link: None,
                local: Endpoint::new([10, 0, 0, 1].into(), 1),
                remote: Endpoint::new([10, 0, 0, 2].into(), 2),
            },
            from: State::FinWait2,
            to: State::TimeWait,
            held_ns: None,
            unsent_ns: None,
            reason: Reason::FinReceived,
            detail: None,
            nothing_sent: false,
            opener: None,
            closer: Some(Closer::Local),
            length: None,
            owner: Owner::default(),
            thread: None,
            followed: false,
            retransmits: None,
            measured: None,
            orphan: None,
            keepalive: None,
        }
    }

    fn show(files: &mut Files, time_ns: u64) {
        let clock = Clock::ahead_by(0);
        let mut around = Context {
            clock: &clock,
            cgroups: &mut Cgroups::default(),
            links: &mut Links::default(),
        };
        files.show(&transition(time_ns), &mut around).unwrap();
    }

    fn begin(files: &mut Files, part: &Part) {
        View::<Transition>::part(files, Some(part)).unwrap();
    }

    fn end(files: &mut Files) {
        let end = End {
            transitions: 0,
            lost: 0,
            forgotten: 0,
            duration: Duration::ZERO,
        };
        View::<Transition>::end(files, &end).unwrap();
    }

    #[test]
    fn each_part_has_a_file_of_what_was_told_in_it_by_host_and_day() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name| fs::read_to_string(folder.path().join(name));
        let mut files = Files::new(folder.path().to_owned(), FileForm::Json);
        begin(&mut files, &part(1, "web-1", 86_399));
        show(&mut files, 1);
        show(&mut files, 2);
        let first = "host=web-1/date=1970-01-01/00000001.transitions.json";
        // It is not whole.
        assert!(read(first).is_err());
        begin(&mut files, &part(2, "a b/c", 86_400));
        let lines = read(first).unwrap();
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert!(
            lines.lines().all(|it| it.contains("\"transition\"")),
            "{lines}"
        );
        end(&mut files);
        let second = "host=a%20b%2Fc/date=1970-01-02/00000002.transitions.json";
        assert_eq!(read(second).unwrap(), "");
    }

    #[test]
    fn a_file_of_csv_has_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::new(folder.path().to_owned(), FileForm::Csv);
        begin(&mut files, &part(1, "web-1", 0));
        show(&mut files, 1);
        end(&mut files);
        let path = "host=web-1/date=1970-01-01/00000001.transitions.csv";
        let text = fs::read_to_string(folder.path().join(path)).unwrap();
        assert!(text.starts_with("time,mono_ns,cookie"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn what_is_not_ended_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::new(folder.path().to_owned(), FileForm::Json);
        begin(&mut files, &part(1, "web-1", 0));
        show(&mut files, 1);
        drop(files);
        let left = fs::read_dir(folder.path().join("host=web-1/date=1970-01-01"));
        assert_eq!(left.unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_younger_than_its_part_stays_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder
            .path()
            .join("host=web-1/date=1970-01-01/00000001.transitions.json");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "before").unwrap();
        let files = || Files::new(folder.path().to_owned(), FileForm::Json);
        let later = Some(SystemTime::now() + Duration::from_secs(3600));
        for (mut files, written, stays) in [
            (files().keeping_younger(), part(1, "", 0).written, true),
            (files().keeping_younger(), later, false),
            (files(), part(1, "", 0).written, false),
        ] {
            fs::write(&path, "before").unwrap();
            let part = Part {
                written,
                ..part(1, "web-1", 0)
            };
            begin(&mut files, &part);
            show(&mut files, 1);
            end(&mut files);
            let is_there = fs::read_to_string(&path).unwrap() == "before";
            assert_eq!(is_there, stays, "{written:?}");
        }
    }
}
