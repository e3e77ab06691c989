//! Names of control groups with something in them that is to be read: `docker-{id}.scope`.

use std::fmt;

/// A row of names, each of a control group in the one before.
#[derive(Clone, Debug)]
pub struct Pattern {
    names: Vec<Vec<Part>>,
}

/// A part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// This text.
    Text(String),
    /// Any text.
    Any,
    /// Something that is to be read.
    Read(Kind),
}

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An id: 64 hexadecimal digits.
    Id,
    /// Any name.
    Name,
    /// A pod's uid: a UUID, or 32 hexadecimal digits; systemd's names have `_` in place of its `-`.
    Uid,
}

/// A pattern with a word in braces that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: what stands in braces is id, name or uid")]
pub struct PatternError(String);

impl Kind {
    fn of(word: &str) -> Option<Self> {
        match word {
            "id" => Some(Self::Id),
            "name" => Some(Self::Name),
            "uid" => Some(Self::Uid),
            _ => None,
        }
    }

    /// Whether a text may be it.
    fn takes(self, text: &str) -> bool {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match self {
            Self::Id => text.len() == 64 && text.bytes().all(is_digit),
            Self::Name => !text.is_empty(),
            Self::Uid => match text.len() {
                32 => text.bytes().all(is_digit),
                36 => text.bytes().enumerate().all(|(at, byte)| match at {
                    8 | 13 | 18 | 23 => matches!(byte, b'-' | b'_'),
                    _ => is_digit(byte),
                }),
                _ => false,
            },
        }
    }
}

impl Pattern {
    /// Reads one, as it stands in the table.
    ///
    /// # Errors
    /// [`PatternError`] for a word in braces that is none.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let names = text.split('/').map(|name| {
            let mut parts = Vec::new();
            let mut rest = name;
            while let Some(at) = rest.find(['{', '*']) {
                if at > 0 {
                    parts.push(Part::Text(rest[..at].to_owned()));
                }
                rest = &rest[at..];
                if let Some(behind) = rest.strip_prefix('*') {
                    parts.push(Part::Any);
                    rest = behind;
                } else {
                    let word = rest[1..].split_once('}');
                    let (kind, behind) = word
                        .and_then(|(word, behind)| Some((Kind::of(word)?, behind)))
                        .ok_or_else(|| PatternError(text.to_owned()))?;
                    parts.push(Part::Read(kind));
                    rest = behind;
                }
            }
            if !rest.is_empty() {
                parts.push(Part::Text(rest.to_owned()));
            }
            Ok(parts)
        });
        Ok(Self {
            names: names.collect::<Result<_, _>>()?,
        })
    }

    /// How many control groups it is of.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// What stands in these names where something is to be read, if they are like it: with nothing to
    /// be read, an empty text.
    pub fn read<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        let mut read = "";
        for (parts, name) in self.names.iter().zip(names.get(..self.len())?) {
            if !matches(parts, name, &mut read) {
                return None;
            }
        }
        Some(read)
    }
}

fn matches<'a>(parts: &[Part], name: &'a str, read: &mut &'a str) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return name.is_empty();
    };
    match first {
        Part::Text(text) => name
            .strip_prefix(text.as_str())
            .is_some_and(|behind| matches(rest, behind, read)),
        Part::Any | Part::Read(_) => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            for at in ends {
                let (taken, behind) = name.split_at(at);
                let fits = match first {
                    Part::Read(kind) => kind.takes(taken),
                    _ => true,
                };
                if fits && matches(rest, behind, read) {
                    if matches!(first, Part::Read(_)) {
                        *read = taken;
                    }
                    return true;
                }
            }
            false
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            for part in name {
                match part {
                    Part::Text(text) => f.write_str(text)?,
                    Part::Any => f.write_str("*")?,
                    Part::Read(Kind::Id) => f.write_str("{id}")?,
                    Part::Read(Kind::Name) => f.write_str("{name}")?,
                    Part::Read(Kind::Uid) => f.write_str("{uid}")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn read<'a>(pattern: &str, names: &[&'a str]) -> Option<&'a str> {
        Pattern::parse(pattern).expect(pattern).read(names)
    }

    #[test]
    fn what_stands_in_the_place_of_a_word_is_read() {
        let scope = format!("docker-{ID}.scope");
        assert_eq!(read("docker-{id}.scope", &[&scope]), Some(ID));
        assert_eq!(read("docker/{id}", &["docker", ID]), Some(ID));
        assert_eq!(read("docker/{id}", &["docker"]), None);
        assert_eq!(read("docker/{id}", &["podman", ID]), None);
        assert_eq!(
            read("lxc.payload.{name}", &["lxc.payload.web"]),
            Some("web")
        );
        assert_eq!(read("lxc.payload.{name}", &["lxc.payload."]), None);
        let uid = "1c9ae2f4_0d5b_4c0e_9d3a_0b1f6b1f2a77";
        let slice = format!("kubelet-kubepods-besteffort-pod{uid}.slice");
        assert_eq!(read("*kubepods*-pod{uid}.slice", &[&slice]), Some(uid));
        assert_eq!(read("machine-*.scope", &["machine-a.scope"]), Some(""));
    }

    #[test]
    fn an_id_has_64_digits_and_a_uid_is_one() {
        assert_eq!(read("{id}", &[&ID[1..]]), None);
        assert_eq!(read("{id}", &[&ID.to_uppercase()]), None);
        assert_eq!(
            read("crio-{id}.scope", &[&format!("crio-conmon-{ID}.scope")]),
            None
        );
        assert_eq!(read("pod{uid}", &["pod-of-mine"]), None);
        assert_eq!(
            read("pod{uid}", &[&format!("pod{}", &ID[..32])]),
            Some(&ID[..32])
        );
    }

    #[test]
    fn a_word_that_is_none_is_refused() {
        for text in ["{uuid}", "a-{id", "{"] {
            assert_eq!(
                Pattern::parse(text).map(|it| it.to_string()),
                Err(PatternError(text.to_owned()))
            );
        }
        for text in ["*kubepods*-pod{uid}.slice", "docker/{id}", "a"] {
            assert_eq!(Pattern::parse(text).expect(text).to_string(), text);
        }
    }
}
