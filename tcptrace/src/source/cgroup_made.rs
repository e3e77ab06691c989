//! Control groups, as they are made.

use std::mem::offset_of;

use tcptrace_ebpf::wire::{self, Head};
use zerocopy::FromBytes as _;

use crate::model::CgroupMade;

impl<'a> CgroupMade<'a> {
    /// Reads a record, if it is one of these.
    #[must_use]
    pub fn read(record: &'a [u8]) -> Option<Self> {
        if record.get(offset_of!(Head, kind)) != Some(&wire::kind::CGROUP_MADE) {
            return None;
        }
        let made = wire::CgroupMade::ref_from_bytes(record).ok()?;
        let length = made.name.iter().position(|byte| *byte == 0)?;
        Some(Self {
            id: made.id,
            parent: made.parent,
            name: &made.name[..length],
        })
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes as _;

    use super::*;

    #[test]
    fn a_name_ends_at_its_zero_byte_and_what_is_none_is_refused() {
        let mut made = wire::CgroupMade::read_from_bytes(&[0; 336]).unwrap();
        assert_eq!(CgroupMade::read(made.as_bytes()), None);
        made.head.kind = wire::kind::CGROUP_MADE;
        (made.id, made.parent) = (7, 5);
        made.name = [b'x'; 256];
        assert_eq!(CgroupMade::read(made.as_bytes()), None);
        made.name[3] = 0;
        let read = CgroupMade::read(made.as_bytes());
        assert_eq!(
            read,
            Some(CgroupMade {
                id: 7,
                parent: 5,
                name: b"xxx"
            })
        );
        assert_eq!(CgroupMade::read(&made.as_bytes()[..335]), None);
    }
}
