//! One thing that tracing needs.

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is there.
    Ok,
    /// It is missing, and takes a part away.
    Degraded,
    /// It is missing, and nothing can be traced.
    Failed,
    /// It was not tried, as something before it failed.
    Unknown,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Degraded, Self::Failed, Self::Unknown];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// The id of the same in few columns, a word of [`Chapter::Doctor`].
    ///
    /// [`Chapter::Doctor`]: crate::language::Chapter::Doctor
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::Ok => "status-ok",
            Self::Degraded => "status-degraded",
            Self::Failed => "status-failed",
            Self::Unknown => "status-unknown",
        }
    }
}

/// Something that tracing needs, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was tried.
    pub name: String,
    /// How it went.
    pub status: Status,
    /// What is missing because of it, and what helps; what was found, if it is there.
    pub detail: Option<String>,
}

impl Check {
    /// It is there.
    pub(crate) fn ok(name: &str) -> Self {
        Self::new(name, Status::Ok, None)
    }

    pub(crate) fn new(name: &str, status: Status, detail: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            status,
            detail,
        }
    }
}
