//! How the values of fields are stored.

use std::{
    net::IpAddr,
    num::{NonZeroU16, NonZeroU32},
};

use super::{Batch, Column, Stored};
use crate::{
    aggregate::stats::{By, Span},
    diagnose::Verdict,
    doctor::Status,
    host::TimerKind,
    model::{Closer, Comm, Cookie, Detail, Family, FlowEnd, Length, Reason, Runtime, Side, State},
    output::fields::{AtMost, CgroupPath, OneOf, Time, Word},
};

/// How types that have one column each are stored: what that column is, and the value.
macro_rules! stored {
    ($($value:ty: $of:ident, |$it:ident| $get:expr;)+) => {
        $(impl Stored for $value {
            fn columns(name: &str, said: &str, columns: &mut Vec<Column>) {
                columns.push(Column::$of(name, said));
            }

            #[inline]
            fn store(it: Option<&Self>, to: &mut Batch<'_>) {
                to.$of(it.map(|$it| $get));
            }
        })+
    };
}
stored! {
    bool: bool, |it| *it;
    u8: u8, |it| *it;
    NonZeroU16: u16, |it| it.get();
    u32: u32, |it| *it;
    NonZeroU32: u32, |it| it.get();
    u64: u64, |it| *it;
    usize: u64, |it| *it as u64;
    Cookie: cookie, |it| it.0.get();
    i64: i64, |it| *it;
    f64: f64, |it| *it;
    Time: time, |it| it.wall_ns;
    &str: text, |it| *it;
    String: text, |it| it.as_str();
    Comm: text, |it| it.as_str();
    &Comm: text, |it| it.as_str();
    CgroupPath<'_>: text, |it| it.0;
}

macro_rules! words {
    ($($word:ty),+) => {
        $(impl Stored for $word {
            fn columns(name: &str, said: &str, columns: &mut Vec<Column>) {
                let words = in_order(&<$word>::ALL, |it| *it as usize, <$word>::name);
                columns.push(Column::word(name, said, words));
            }

            #[inline]
            fn store(it: Option<&Self>, to: &mut Batch<'_>) {
                to.word(it.map(|it| *it as usize));
            }
        })+
    };
}
words!(
    By, Closer, Detail, Family, Length, Reason, Runtime, Side, Span, State, Status, TimerKind,
    Verdict
);

/// The names of all variants of a type, in the order of these.
fn in_order<T: Copy>(
    all: &[T],
    variant: fn(&T) -> usize,
    name: fn(T) -> &'static str,
) -> Vec<&'static str> {
    let mut all = all.to_vec();
    all.sort_by_key(variant);
    all.into_iter().map(name).collect()
}

impl Stored for FlowEnd {
    fn columns(name: &str, said: &str, columns: &mut Vec<Column>) {
        let mut words = vec![Self::Graceful.name()];
        words.extend(in_order(&Reason::ALL, |it| *it as usize, Reason::name));
        columns.push(Column::word(name, said, words));
    }

    fn store(it: Option<&Self>, to: &mut Batch<'_>) {
        to.word(it.map(|it| match it {
            Self::Graceful => 0,
            Self::Reason(reason) => 1 + *reason as usize,
        }));
    }
}

impl<T: OneOf> Stored for Word<T> {
    fn columns(name: &str, said: &str, columns: &mut Vec<Column>) {
        columns.push(Column::word(name, said, T::WORDS.to_vec()));
    }

    fn store(it: Option<&Self>, to: &mut Batch<'_>) {
        to.word(it.and_then(|it| T::WORDS.iter().position(|word| *word == it.word)));
    }
}

/// Two columns: as text, and behind it as bytes, which are joined and compared faster.
impl Stored for IpAddr {
    fn columns(name: &str, said: &str, columns: &mut Vec<Column>) {
        let bytes = format!("{} As 16 bytes, IPv4 as IPv4-mapped IPv6.", said.trim());
        columns.push(Column::address(name, said));
        columns.push(Column::address_bytes(&format!("{name}_bytes"), &bytes));
    }

    fn store(it: Option<&Self>, to: &mut Batch<'_>) {
        to.address(it);
        to.address_bytes(it);
    }
}

/// What may be unknown.
impl<T: Stored> Stored for Option<T> {
    fn columns(name: &str, said: &str, columns: &mut Vec<Column>) {
        let mut known = Vec::new();
        T::columns(name, said, &mut known);
        columns.extend(known.into_iter().map(Column::or_unknown));
    }

    #[inline]
    fn store(it: Option<&Self>, to: &mut Batch<'_>) {
        T::store(it.and_then(Option::as_ref), to);
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn columns(name: &str, said: &str, columns: &mut Vec<Column>) {
        let mut items = Vec::new();
        T::columns("", "", &mut items);
        columns.push(Column::list(name, said, items));
    }

    fn store(it: Option<&Self>, to: &mut Batch<'_>) {
        to.list(it.map(Vec::as_slice));
    }
}

impl<T: Stored, const MOST: usize> Stored for AtMost<T, MOST> {
    fn columns(name: &str, said: &str, columns: &mut Vec<Column>) {
        <Vec<T>>::columns(name, said, columns);
    }

    fn store(it: Option<&Self>, to: &mut Batch<'_>) {
        to.list(it.map(|it| it.0.as_slice()));
    }
}
