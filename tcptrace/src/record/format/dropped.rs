//! What listeners had dropped, as a look found it.

use super::{
    bytes::{Bytes, FormatError, Put},
    event::flags,
    shared::Shared,
};
use crate::model::{DropCounts, ListenerDrops, Reach};

/// Each listener takes so many bytes at least: flags, a cookie, a tuple.
const LEAST_BYTES: u64 = 3;

/// `None`: as much as was written last.
pub(super) fn write(counts: Option<&DropCounts>, to: &mut Vec<u8>, shared: &mut Shared) {
    to.byte(u8::from(counts.is_some()));
    let Some(counts) = counts else { return };
    to.number(counts.failed().len() as u64);
    for netns in counts.failed() {
        to.number(netns.into());
    }
    to.number(counts.each().len() as u64);
    for it in counts.each() {
        to.byte(u8::from(it.reach.only_ipv6));
        shared.cookie(Some(it.cookie), to);
        shared.tuple(&it.tuple, to);
        to.option(it.dropped.map(u64::from));
    }
}

pub(super) fn read(
    from: &mut Bytes<'_>,
    shared: &mut Shared,
) -> Result<Option<DropCounts>, FormatError> {
    if flags(from, 1)? == 0 {
        return Ok(None);
    }
    let mut counts = DropCounts::default();
    for _ in 0..many(from, 1)? {
        counts.fail(from.small("a network namespace")?);
    }
    for _ in 0..many(from, LEAST_BYTES)? {
        let bits = flags(from, 1)?;
        let cookie = shared.read_cookie(from)?;
        counts.add(ListenerDrops {
            cookie: cookie.ok_or(FormatError::value("a cookie", 0_u64))?,
            tuple: shared.read_tuple(from)?,
            reach: Reach {
                only_ipv6: bits & 1 != 0,
            },
            dropped: from.option()?.map(|it| it as u32),
        });
    }
    Ok(Some(counts))
}

/// How many follow, each of so many bytes at least.
fn many(from: &mut Bytes<'_>, each_bytes: u64) -> Result<u64, FormatError> {
    let count = from.number()?;
    if count > from.0.len() as u64 / each_bytes {
        return Err(FormatError::Short);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Cookie, Endpoint, Tuple},
        record::format::{Entry, EntryReader, EntryWriter},
    };

    #[test]
    fn what_listeners_had_dropped_is_read_as_it_was_written() {
        let mut counts = DropCounts::default();
        counts.fail(7);
        for (number, addr, dropped) in [
            (1, "0.0.0.0", Some(0)),
            (9, "::", Some(u32::MAX)),
            (4, "::1", None),
        ] {
            let local = Endpoint::new(addr.parse().unwrap(), 80);
            counts.add(ListenerDrops {
                cookie: Cookie::new(number).unwrap(),
                tuple: Tuple {
                    netns: 1,
                    link: None,
                    local,
                    remote: Endpoint::new(local.addr, 0),
                },
                reach: Reach {
                    only_ipv6: number == 4,
                },
                dropped,
            });
        }
        let mut entries = EntryWriter::new(Vec::new(), 0);
        for counts in [Some(counts.clone()), None] {
            entries.write(&Entry::Dropped { at_ns: 5, counts });
        }
        let bytes = entries.into_bytes();
        let mut reader = EntryReader::new(0);
        let mut next = || match reader.next(&bytes) {
            Ok(Some(Entry::Dropped { at_ns: 5, counts })) => counts,
            other => panic!("{other:?}"),
        };
        assert_eq!(next(), Some(counts));
        assert_eq!(next(), None);
    }
}
