//! Types of the running kernel (BTF), read where they are: include/uapi/linux/btf.h.
//!
//! Two dozen structs are looked at, of a hundred thousand types: a crate that parses them all takes
//! 150 ms and 60 MiB for that. aya does so for the tracepoints, and shows nobody what it has.

use rustc_hash::FxHashMap;
use zerocopy::FromBytes;

/// Structs within structs, and names for a type, that are followed. The kernel's own need four.
const DEPTH: usize = 8;
/// Members looked at for one field; `task_struct` has fewer than 500. Types that are damaged may
/// nest a struct in itself many times over: without an end, looking through it takes years.
const MEMBERS: usize = 10_000;

/// Of so many types one is noted where it begins: a megabyte less than all of them.
const STEP: usize = 64;

/// `BTF_MAGIC`, in the machine's byte order.
const MAGIC: u16 = 0xeb9f;
/// `BTF_KIND_STRUCT`, and so on.
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;

/// `struct btf_header`. The sections' places are from its end.
#[derive(FromBytes)]
#[repr(C)]
struct Header {
    magic: u16,
    version: u8,
    flags: u8,
    header_len: u32,
    types_at: u32,
    types_len: u32,
    names_at: u32,
    names_len: u32,
}

/// `struct btf_type`.
#[derive(FromBytes)]
#[repr(C)]
struct Type {
    name: u32,
    info: u32,
    /// The size in bytes, or the id of another type.
    size_or_type: u32,
}

impl Type {
    fn kind(&self) -> u32 {
        self.info >> 24 & 0x1f
    }

    /// How many members, or whatever it has several of.
    fn count(&self) -> usize {
        (self.info & 0xffff) as usize
    }

    /// Whether its members' offsets have the size of a bit-field in their upper 8 bits.
    fn has_bit_fields(&self) -> bool {
        self.info >> 31 == 1
    }

    /// The bytes behind it that belong to it; `None` for a kind that nobody knows.
    fn more(&self) -> Option<usize> {
        match self.kind() {
            // PTR, FWD to FUNC, FLOAT, TYPE_TAG
            2 | 7..=12 | 16 | 18 => Some(0),
            // INT, VAR, DECL_TAG
            1 | 14 | 17 => Some(4),
            // ARRAY
            3 => Some(12),
            // ENUM, FUNC_PROTO
            6 | 13 => Some(8 * self.count()),
            // DATASEC, ENUM64
            STRUCT | UNION | 15 | 19 => Some(size_of::<Member>() * self.count()),
            _ => None,
        }
    }
}

/// `struct btf_member`.
#[derive(FromBytes)]
#[repr(C)]
struct Member {
    name: u32,
    kind: u32,
    offset: u32,
}

/// All types.
pub(super) struct Types<'a> {
    types: &'a [u8],
    names: &'a [u8],
    /// Where each [`STEP`]th type begins; the first of all has the id 1.
    starts: Vec<u32>,
    /// The ids of structs that have members; the first of several that have one name.
    structs: FxHashMap<&'a [u8], u32>,
}

impl<'a> Types<'a> {
    /// Finds out where the types are; `None` if these are none, or damaged.
    pub fn read(btf: &'a [u8]) -> Option<Self> {
        let (header, _) = Header::read_from_prefix(btf).ok()?;
        let section = |at: u32, length: u32| {
            let begin = (header.header_len as usize).checked_add(at as usize)?;
            btf.get(begin..begin.checked_add(length as usize)?)
        };
        let mut types = Self {
            types: section(header.types_at, header.types_len)?,
            names: section(header.names_at, header.names_len)?,
            starts: Vec::new(),
            structs: FxHashMap::default(),
        };
        let mut rest = types.types;
        for id in 1.. {
            if rest.is_empty() {
                break;
            }
            if (id as usize - 1).is_multiple_of(STEP) {
                types.starts.push((types.types.len() - rest.len()) as u32);
            }
            let (found, _) = Type::read_from_prefix(rest).ok()?;
            if found.kind() == STRUCT && found.count() > 0 {
                types.structs.entry(types.name(found.name)).or_insert(id);
            }
            rest = next(rest)?;
        }
        (header.magic == MAGIC).then_some(types)
    }

    /// The size of a struct, in bytes.
    pub fn size(&self, container: &str) -> Option<u32> {
        let (found, _) = self.get(*self.structs.get(container.as_bytes())?)?;
        Some(found.size_or_type)
    }

    /// The offset in bits of a field of a struct, with dots where it is nested. Members without a
    /// name are looked through: their fields count as the struct's.
    pub fn bits(&self, container: &str, field: &str) -> Option<u32> {
        let container = *self.structs.get(container.as_bytes())?;
        let path: Vec<&[u8]> = field.split('.').map(str::as_bytes).collect();
        self.walk(container, &path, DEPTH, &mut { MEMBERS })
    }

    /// At most `depth` levels down, and at most `members_left` members.
    fn walk(
        &self,
        container: u32,
        path: &[&[u8]],
        depth: usize,
        members_left: &mut usize,
    ) -> Option<u32> {
        let deeper = depth.checked_sub(1)?;
        let (name, rest) = path.split_first()?;
        let (container, mut members) = self.get(container)?;
        for _ in 0..container.count() {
            *members_left = members_left.checked_sub(1)?;
            let (member, behind) = Member::read_from_prefix(members).ok()?;
            members = behind;
            let inner = match self.name(member.name) {
                b"" => self.walk_into(member.kind, path, deeper, members_left),
                other if other != *name => None,
                _ if rest.is_empty() => Some(0),
                _ => self.walk_into(member.kind, rest, deeper, members_left),
            };
            let offset = match container.has_bit_fields() {
                true => member.offset & 0x00ff_ffff,
                false => member.offset,
            };
            if let Some(inner) = inner {
                return offset.checked_add(inner);
            }
        }
        None
    }

    /// The same for the struct or union that a member is of.
    fn walk_into(
        &self,
        mut id: u32,
        path: &[&[u8]],
        depth: usize,
        members_left: &mut usize,
    ) -> Option<u32> {
        for _ in 0..DEPTH {
            let (found, _) = self.get(id)?;
            match found.kind() {
                STRUCT | UNION => return self.walk(id, path, depth, members_left),
                TYPEDEF | CONST | VOLATILE => id = found.size_or_type,
                _ => return None,
            }
        }
        None
    }

    /// A type, and what is behind it. That of the id 0 is `void`, which is nowhere.
    fn get(&self, id: u32) -> Option<(Type, &'a [u8])> {
        let index = id.checked_sub(1)? as usize;
        let noted = self.types.get(*self.starts.get(index / STEP)? as usize..);
        let start = (0..index % STEP).try_fold(noted?, |rest, _| next(rest));
        Type::read_from_prefix(start?).ok()
    }

    /// The name at that place; empty if there is none.
    fn name(&self, at: u32) -> &'a [u8] {
        let names = self.names.get(at as usize..).unwrap_or_default();
        names.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// What is behind the type that is first.
fn next(types: &[u8]) -> Option<&[u8]> {
    let (first, behind) = Type::read_from_prefix(types).ok()?;
    behind.get(first.more()?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A type: its name, its kind, its size or what it is of, and its members: their names, types,
    /// and offsets in bits.
    type Row = (&'static str, u32, u32, &'static [(&'static str, u32, u32)]);

    const BIT_FIELDS: u32 = 1 << 7;

    /// The bytes of types.
    fn btf(rows: &[Row]) -> Vec<u8> {
        let mut names = vec![0];
        let mut name = |name: &str| {
            if name.is_empty() {
                return 0;
            }
            let at = names.len() as u32;
            names.extend(name.bytes().chain([0]));
            at
        };
        let mut words: Vec<u32> = Vec::new();
        for (own, kind, of, members) in rows {
            words.extend([name(own), kind << 24 | members.len() as u32, *of]);
            for (own, kind, bits) in *members {
                words.extend([name(own), *kind, *bits]);
            }
        }
        let types: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        let (types_len, names_len) = (types.len() as u32, names.len() as u32);
        let header = [24, 0, types_len, types_len, names_len];
        [MAGIC.to_ne_bytes(), [1, 0]]
            .concat()
            .into_iter()
            .chain(header.into_iter().flat_map(u32::to_ne_bytes))
            .chain(types)
            .chain(names)
            .collect()
    }

    #[track_caller]
    fn at(rows: &[Row], container: &str, field: &str) -> Option<u32> {
        let bytes = btf(rows);
        let types = Types::read(&bytes).expect("types");
        types.bits(container, field)
    }

    #[test]
    fn fields_are_found_through_structs_within_structs_and_names_of_types() {
        let rows: &[Row] = &[
            (
                "sock",
                STRUCT,
                64,
                &[("family", 9, 0), ("", 2, 64), ("common", 3, 128)],
            ),
            ("", UNION, 8, &[("cookie", 9, 0), ("", 5, 0)]),
            ("common_t", TYPEDEF, 4, &[]),
            ("", CONST, 5, &[]),
            ("common", STRUCT, 24, &[("port", 9, 0), ("state", 9, 32)]),
        ];
        for (field, bits) in [
            ("family", Some(0)),
            ("cookie", Some(64)),
            ("port", Some(64)),
            ("state", Some(96)),
            ("common.state", Some(160)),
            ("common", Some(128)),
            ("common.cookie", None),
            ("family.port", None),
            ("fam", None),
        ] {
            assert_eq!(at(rows, "sock", field), bits, "{field}");
        }
        assert_eq!(at(rows, "socket", "family"), None);
    }

    #[test]
    fn types_are_found_wherever_they_are() {
        for at_id in 2..300 {
            let mut rows: Vec<Row> = vec![("", CONST, 0, &[]); at_id - 2];
            rows.insert(0, ("sock", STRUCT, 8, &[("", 300, 32)]));
            rows.push(("common", STRUCT, 4, &[("port", 0, 16)]));
            rows.resize(299, ("", CONST, 0, &[]));
            rows.push(("common_t", TYPEDEF, at_id as u32, &[]));
            assert_eq!(at(&rows, "sock", "port"), Some(48), "{at_id}");
        }
    }

    #[test]
    fn a_bit_field_has_its_size_beside_its_offset() {
        let members = &[("flags", 1, 0), ("repair", 1, 1 << 24 | 9)];
        let rows: &[Row] = &[("tcp_sock", STRUCT | BIT_FIELDS, 8, members)];
        assert_eq!(at(rows, "tcp_sock", "repair"), Some(9));
    }

    #[test]
    fn of_several_of_one_name_the_first_with_members_is_taken() {
        let rows: &[Row] = &[
            ("sock", STRUCT, 0, &[]),
            ("sock", TYPEDEF, 1, &[]),
            ("sock", STRUCT, 16, &[("a", 0, 8)]),
            ("sock", STRUCT, 32, &[("a", 0, 16)]),
        ];
        assert_eq!(at(rows, "sock", "a"), Some(8));
        let bytes = btf(rows);
        assert_eq!(Types::read(&bytes).and_then(|it| it.size("sock")), Some(16));
    }

    #[test]
    fn a_type_that_stands_for_itself_is_not_followed_for_ever() {
        let rows: &[Row] = &[
            ("sock", STRUCT, 8, &[("", 2, 0)]),
            ("loop", TYPEDEF, 3, &[]),
            ("", CONST, 2, &[]),
        ];
        assert_eq!(at(rows, "sock", "family"), None);
    }

    #[test]
    fn a_struct_that_is_in_itself_many_times_over_is_not_looked_through_to_the_end() {
        let rows: &[Row] = &[("sock", STRUCT, 8, &[("", 1, 0); 60])];
        assert_eq!(at(rows, "sock", "family"), None);
    }

    #[test]
    fn what_is_cut_off_or_of_no_known_kind_is_refused() {
        let whole = btf(&[("sock", STRUCT, 16, &[("a", 0, 8)])]);
        for length in 0..whole.len() {
            assert!(Types::read(&whole[..length]).is_none(), "{length} bytes");
        }
        assert!(Types::read(&btf(&[("new", 31, 0, &[])])).is_none());
        assert!(Types::read(&[0; 100]).is_none());
    }
}
