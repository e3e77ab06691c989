//! The columns of a batch of rows, while they are filled.

use std::{net::IpAddr, slice::IterMut, sync::Arc};

use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, ListArray, StringArray, StructArray,
    builder::{
        ArrayBuilder as _, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int32Builder,
        Int64Builder, NullBufferBuilder, StringBuilder, StringDictionaryBuilder,
        TimestampNanosecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
    },
    types::Int32Type,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field, Fields, TimeUnit};
use rustc_hash::FxHashMap;

use super::Stored;

/// How it is said in a file what a column is.
const DESCRIPTION: &str = "description";

const UTC: &str = "UTC";

/// Bytes of an address.
const ADDRESS: i32 = 16;

/// A column, and what was appended to it.
pub struct Column {
    field: Field,
    values: Values,
}

enum Values {
    Bool(BooleanBuilder),
    U8(UInt8Builder),
    U16(UInt16Builder),
    U32(UInt32Builder),
    U64(UInt64Builder),
    I64(Int64Builder),
    F64(Float64Builder),
    /// Nanoseconds since 1970.
    Time(TimestampNanosecondBuilder),
    /// Words, by their place among all that there are.
    Word(Int32Builder, Arc<StringArray>),
    /// What others choose.
    Text(StringDictionaryBuilder<Int32Type>),
    Address(Addresses),
    AddressBytes(FixedSizeBinaryBuilder),
    Object(Vec<Column>, NullBufferBuilder),
    List(Box<List>),
}

/// Addresses as text, which is made once for each.
#[derive(Default)]
struct Addresses {
    keys: Int32Builder,
    known: FxHashMap<IpAddr, i32>,
    texts: StringBuilder,
}

/// Lists: their items one behind the other, and where those of each row end.
struct List {
    items: Column,
    ends: Vec<i32>,
    known: NullBufferBuilder,
}

impl Column {
    fn new(name: &str, said: &str, of: DataType, values: Values) -> Self {
        let mut field = Field::new(name, of, false);
        if !said.is_empty() {
            field = field.with_metadata([(DESCRIPTION.to_owned(), said.trim().to_owned())]);
        }
        Self { field, values }
    }

    /// True or false.
    pub fn bool(name: &str, said: &str) -> Self {
        let values = Values::Bool(BooleanBuilder::new());
        Self::new(name, said, DataType::Boolean, values)
    }

    /// Numbers of 8 bits.
    pub fn u8(name: &str, said: &str) -> Self {
        let values = Values::U8(UInt8Builder::new());
        Self::new(name, said, DataType::UInt8, values)
    }

    /// Numbers of 16 bits.
    pub fn u16(name: &str, said: &str) -> Self {
        let values = Values::U16(UInt16Builder::new());
        Self::new(name, said, DataType::UInt16, values)
    }

    /// Numbers of 32 bits.
    pub fn u32(name: &str, said: &str) -> Self {
        let values = Values::U32(UInt32Builder::new());
        Self::new(name, said, DataType::UInt32, values)
    }

    /// Numbers of 64 bits.
    pub fn u64(name: &str, said: &str) -> Self {
        let values = Values::U64(UInt64Builder::new());
        Self::new(name, said, DataType::UInt64, values)
    }

    /// Numbers of 64 bits that may be below zero.
    pub fn i64(name: &str, said: &str) -> Self {
        let values = Values::I64(Int64Builder::new());
        Self::new(name, said, DataType::Int64, values)
    }

    /// Numbers that are not whole.
    pub fn f64(name: &str, said: &str) -> Self {
        let values = Values::F64(Float64Builder::new());
        Self::new(name, said, DataType::Float64, values)
    }

    /// Cookies: what is said of them is what the other forms have.
    pub fn cookie(name: &str, said: &str) -> Self {
        Self::u64(name, &format!("{} Here, as a number.", said.trim()))
    }

    /// Wall-clock times: as of cookies.
    pub fn time(name: &str, said: &str) -> Self {
        let said = &format!("{} Here, as a timestamp.", said.trim());
        let of = DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into()));
        let values = TimestampNanosecondBuilder::new().with_timezone(UTC);
        Self::new(name, said, of, Values::Time(values))
    }

    /// Words of these.
    pub fn word(name: &str, said: &str, words: Vec<&'static str>) -> Self {
        let words = Arc::new(StringArray::from(words));
        let values = Values::Word(Int32Builder::new(), words);
        Self::new(name, said, dictionary(), values)
    }

    /// Text that others choose.
    pub fn text(name: &str, said: &str) -> Self {
        let values = Values::Text(StringDictionaryBuilder::new());
        Self::new(name, said, dictionary(), values)
    }

    /// Addresses as text.
    pub fn address(name: &str, said: &str) -> Self {
        let values = Values::Address(Addresses::default());
        Self::new(name, said, dictionary(), values)
    }

    /// Addresses as 16 bytes; of IPv4, IPv4-mapped ones.
    pub fn address_bytes(name: &str, said: &str) -> Self {
        let values = Values::AddressBytes(FixedSizeBinaryBuilder::new(ADDRESS));
        Self::new(name, said, DataType::FixedSizeBinary(ADDRESS), values)
    }

    /// Objects with these columns.
    pub fn object(name: &str, said: &str, members: Vec<Self>) -> Self {
        let of = DataType::Struct(fields(&members));
        let values = Values::Object(members, NullBufferBuilder::new(0));
        Self::new(name, said, of, values)
    }

    /// Lists of what has these columns.
    pub fn list(name: &str, said: &str, mut items: Vec<Self>) -> Self {
        const ITEM: &str = "item";
        let items = match items.pop() {
            Some(only) if items.is_empty() => Self {
                field: only.field.with_name(ITEM),
                ..only
            },
            last => {
                items.extend(last);
                Self::object(ITEM, "", items)
            }
        };
        let list = List {
            ends: vec![0],
            known: NullBufferBuilder::new(0),
            items,
        };
        let of = DataType::List(list.items.field.clone().into());
        Self::new(name, said, of, Values::List(Box::new(list)))
    }

    /// The same of what may be unknown.
    pub fn or_unknown(self) -> Self {
        Self {
            field: self.field.with_nullable(true),
            ..self
        }
    }

    /// Takes all that was appended.
    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match &mut self.values {
            Values::Bool(values) => Arc::new(values.finish()),
            Values::U8(values) => Arc::new(values.finish()),
            Values::U16(values) => Arc::new(values.finish()),
            Values::U32(values) => Arc::new(values.finish()),
            Values::U64(values) => Arc::new(values.finish()),
            Values::I64(values) => Arc::new(values.finish()),
            Values::F64(values) => Arc::new(values.finish()),
            Values::Time(values) => Arc::new(values.finish()),
            Values::Word(keys, words) => {
                Arc::new(DictionaryArray::try_new(keys.finish(), words.clone())?)
            }
            Values::Text(values) => Arc::new(values.finish()),
            Values::Address(it) => {
                it.known.clear();
                let texts = Arc::new(it.texts.finish());
                Arc::new(DictionaryArray::try_new(it.keys.finish(), texts)?)
            }
            Values::AddressBytes(values) => Arc::new(values.finish()),
            Values::Object(members, known) => {
                let (fields, known) = (fields(members), known.finish());
                let members = finish(members)?;
                Arc::new(StructArray::try_new(fields, members, known)?)
            }
            Values::List(it) => {
                let ends = std::mem::replace(&mut it.ends, vec![0]);
                let ends = OffsetBuffer::new(ends.into());
                let (items, known) = (it.items.finish()?, it.known.finish());
                let field = it.items.field.clone().into();
                Arc::new(ListArray::try_new(field, ends, items, known)?)
            }
        })
    }
}

/// A dictionary of text.
fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// What columns are.
pub fn fields(columns: &[Column]) -> Fields {
    columns.iter().map(|it| it.field.clone()).collect()
}

/// Takes all that was appended to columns.
///
/// # Errors
/// They are not of one length: a type was stored in other columns than its own.
pub fn finish(columns: &mut [Column]) -> Result<Vec<ArrayRef>, ArrowError> {
    columns.iter_mut().map(Column::finish).collect()
}

/// The same text for so many rows.
pub fn constant(text: &str, rows: usize) -> Result<ArrayRef, ArrowError> {
    let keys = Int32Array::from_value(0, rows);
    let text = Arc::new(StringArray::from_iter_values([text]));
    Ok(Arc::new(DictionaryArray::try_new(keys, text)?))
}

/// The column of such a text.
pub fn constant_field(name: &str, said: &str) -> Field {
    Column::text(name, said).field
}

/// The columns of a row that its fields are appended to, one after the other.
pub struct Batch<'a>(IterMut<'a, Column>);

macro_rules! append {
    ($($name:ident: $value:ty, $of:ident;)+) => {
        $(
            /// Appends to a column of that type.
            #[inline]
            pub fn $name(&mut self, it: Option<$value>) {
                if let Some(Values::$of(values)) = self.next() {
                    values.append_option(it);
                }
            }
        )+
    };
}

// What is of another type than its column is left out: the columns are of several lengths then,
// and there is no batch.
impl<'a> Batch<'a> {
    /// From the first column on.
    pub fn new(columns: &'a mut [Column]) -> Self {
        Self(columns.iter_mut())
    }

    #[inline]
    fn next(&mut self) -> Option<&'a mut Values> {
        self.0.next().map(|it| &mut it.values)
    }

    append! {
        bool: bool, Bool;
        u8: u8, U8;
        u16: u16, U16;
        u32: u32, U32;
        u64: u64, U64;
        cookie: u64, U64;
        i64: i64, I64;
        f64: f64, F64;
        time: i64, Time;
        text: &str, Text;
    }

    /// Appends a word: which of those of the column.
    #[inline]
    pub fn word(&mut self, it: Option<usize>) {
        if let Some(Values::Word(keys, _)) = self.next() {
            // What is none of them is unknown.
            keys.append_option(it.and_then(|it| i32::try_from(it).ok()));
        }
    }

    /// Appends to a column of addresses as text.
    pub fn address(&mut self, it: Option<&IpAddr>) {
        let Some(Values::Address(column)) = self.next() else {
            return;
        };
        let key = it.map(|addr| {
            *column.known.entry(*addr).or_insert_with(|| {
                let key = column.texts.len();
                column.texts.append_value(addr.to_string());
                // Batches are smaller.
                i32::try_from(key).unwrap_or(i32::MAX)
            })
        });
        column.keys.append_option(key);
    }

    /// Appends to a column of addresses as bytes.
    pub fn address_bytes(&mut self, it: Option<&IpAddr>) {
        let Some(Values::AddressBytes(values)) = self.next() else {
            return;
        };
        let bytes = it.map(|addr| match addr {
            IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
            IpAddr::V6(addr) => addr.octets(),
        });
        match bytes {
            // Of that length, it is appended.
            Some(bytes) => {
                let _ = values.append_value(bytes);
            }
            None => values.append_null(),
        }
    }

    /// Appends an object, which is known or not: `members` appends to all columns of it.
    pub fn object(&mut self, is_known: bool, members: impl FnOnce(&mut Batch<'_>)) {
        if let Some(Values::Object(columns, known)) = self.next() {
            members(&mut Batch::new(columns));
            known.append(is_known);
        }
    }

    /// Appends a list.
    pub fn list<T: Stored>(&mut self, it: Option<&[T]>) {
        let Some(Values::List(list)) = self.next() else {
            return;
        };
        let items = it.unwrap_or_default();
        for item in items {
            let item_column = std::slice::from_mut(&mut list.items);
            let mut to = Batch::new(item_column);
            T::store(Some(item), &mut to);
        }
        list.known.append(it.is_some());
        list.ends
            .push(list.ends.last().unwrap_or(&0) + items.len() as i32);
    }
}
