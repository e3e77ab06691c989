//! Connections that were remembered, and sockets that a look found.

use super::{
    bytes::{Bytes, FormatError, Put},
    event::{cause, flags, read_cause, read_measured, state, write_measured},
    shared::Shared,
};
use crate::model::{
    Closer, Cookie, Existing, Holding, Length, Minisock, MinisockState, Reach, Remembered, Side,
    SocketKind, Stage, Stopped, Syn,
};

pub(super) fn write(it: &Remembered, to: &mut Vec<u8>, shared: &mut Shared) {
    to.byte(
        u8::from(it.cookie.is_some())
            | u8::from(it.since.is_some()) << 1
            | u8::from(it.followed) << 2
            | u8::from(it.bound) << 3
            | u8::from(it.doubtful) << 4,
    );
    let opener = it.opener.map_or(0, side);
    let closer = it.closer.map_or(0, |closer| match closer {
        Closer::Local => 1,
        Closer::Remote => 2,
        Closer::Both => 3,
    });
    let length = it.length.map_or(0, |length| match length {
        Length::Short => 1,
        Length::Long => 2,
    });
    to.byte(opener | closer << 2 | length << 4);
    to.byte(it.state.to_kernel());
    shared.some_cookie(it.cookie, to);
    shared.tuple(&it.tuple, to);
    if let Some(since) = it.since {
        shared.time(since, to);
    }
    shared.owner(&it.owner, to);
    match it.holding {
        Holding::Acted => to.byte(0),
        Holding::Since(then) => {
            to.byte(1);
            to.number(then);
        }
        // Nobody is asked any more.
        Holding::Unknown { near, asked: _ } => {
            to.byte(2);
            to.option(near.map(u64::from));
        }
    }
    match it.syn {
        Syn::NotSeen => to.byte(0),
        Syn::Awaited => to.byte(1),
        Syn::Sent(time_ns) => {
            to.byte(2);
            to.number(time_ns);
        }
        Syn::SentBefore => to.byte(3),
    }
    match &it.stage {
        Stage::Socket { reach: None } => to.byte(0),
        Stage::Socket { reach: Some(reach) } => to.byte(1 | u8::from(reach.only_ipv6) << 4),
        Stage::Minisock {
            socket,
            minisock,
            measured,
        } => {
            to.byte(2 | u8::from(*socket) << 4 | u8::from(measured.is_some()) << 5);
            match minisock {
                Minisock::None => to.byte(0),
                Minisock::Alive(state) => to.byte(1 | minisock_state(*state) << 4),
                Minisock::Stopped(it) => {
                    to.byte(2);
                    write_stopped(it, to);
                }
                Minisock::Over => to.byte(3),
            }
            if let Some(measured) = measured {
                write_measured(measured, to);
            }
        }
        Stage::Request {
            listener,
            stopped,
            retransmits,
        } => {
            to.byte(3 | u8::from(stopped.is_some()) << 4);
            to.number(listener.map_or(0, |it| it.0.get()));
            to.option(retransmits.map(u64::from));
            if let Some(stopped) = stopped {
                write_stopped(stopped, to);
            }
        }
    }
}

pub(super) fn read(from: &mut Bytes<'_>, shared: &mut Shared) -> Result<Remembered, FormatError> {
    let bits = flags(from, 31)?;
    let about = from.byte()?;
    let opener = match about & 3 {
        0 => None,
        other => Some(read_side(other)?),
    };
    let closer = match about >> 2 & 3 {
        0 => None,
        1 => Some(Closer::Local),
        2 => Some(Closer::Remote),
        _ => Some(Closer::Both),
    };
    let length = match about >> 4 {
        0 => None,
        1 => Some(Length::Short),
        2 => Some(Length::Long),
        other => return Err(FormatError::value("a length", other)),
    };
    let state = state(from.byte()?)?;
    let cookie = shared.read_some_cookie(bits & 1 != 0, from)?;
    let tuple = shared.read_tuple(from)?;
    let since = match bits & 2 {
        0 => None,
        _ => Some(shared.read_time(from)?),
    };
    let owner = shared.read_owner(from)?;
    let holding = match from.byte()? {
        0 => Holding::Acted,
        1 => Holding::Since(from.number()?),
        2 => Holding::Unknown {
            asked: 0,
            near: from.option()?.map(|pid| pid as u32),
        },
        other => return Err(FormatError::value("how an owner is known", other)),
    };
    let syn = match from.byte()? {
        0 => Syn::NotSeen,
        1 => Syn::Awaited,
        2 => Syn::Sent(from.number()?),
        3 => Syn::SentBefore,
        other => return Err(FormatError::value("what is known of a SYN", other)),
    };
    let stage = from.byte()?;
    let stage = match (stage & 0xf, stage >> 4) {
        (0, 0) => Stage::Socket { reach: None },
        (1, only_ipv6 @ 0..=1) => Stage::Socket {
            reach: Some(Reach {
                only_ipv6: only_ipv6 != 0,
            }),
        },
        (2, flags @ 0..=3) => {
            let minisock = from.byte()?;
            let minisock = match (minisock & 0xf, minisock >> 4) {
                (0, 0) => Minisock::None,
                (1, state) => Minisock::Alive(read_minisock_state(state)?),
                (2, 0) => Minisock::Stopped(read_stopped(from)?),
                (3, 0) => Minisock::Over,
                _ => return Err(FormatError::value("what became of a minisock", minisock)),
            };
            Stage::Minisock {
                socket: flags & 1 != 0,
                minisock,
                measured: match flags & 2 {
                    0 => None,
                    _ => Some(Box::new(read_measured(from)?)),
                },
            }
        }
        (3, stopped @ 0..=1) => Stage::Request {
            listener: Cookie::new(from.number()?),
            retransmits: from.option()?.map(|it| it as u8),
            stopped: match stopped {
                0 => None,
                _ => Some(read_stopped(from)?),
            },
        },
        _ => return Err(FormatError::value("what the kernel has", stage)),
    };
    Ok(Remembered {
        cookie,
        tuple,
        state,
        since,
        owner,
        holding,
        opener,
        closer,
        length,
        followed: bits & 4 != 0,
        bound: bits & 8 != 0,
        doubtful: bits & 16 != 0,
        syn,
        stage,
    })
}

fn write_stopped(it: &Stopped, to: &mut Vec<u8>) {
    to.byte(
        u8::from(it.expired)
            | u8::from(it.epoch != 0) << 1
            | u8::from(it.cause.is_some()) << 2
            | u8::from(it.state.is_some()) << 3
            | it.state.map_or(0, minisock_state) << 4,
    );
    to.number(it.time_ns);
    if let Some(it) = it.cause {
        to.byte(cause(it));
    }
}

fn read_stopped(from: &mut Bytes<'_>) -> Result<Stopped, FormatError> {
    let flags = flags(from, 31)?;
    Ok(Stopped {
        expired: flags & 1 != 0,
        epoch: u32::from(flags >> 1 & 1),
        state: match flags & 8 {
            0 => None,
            _ => Some(read_minisock_state(flags >> 4)?),
        },
        time_ns: from.number()?,
        cause: match flags & 4 {
            0 => None,
            _ => Some(read_cause(from.byte()?)?),
        },
    })
}

fn side(it: Side) -> u8 {
    match it {
        Side::Local => 1,
        Side::Remote => 2,
    }
}

fn read_side(byte: u8) -> Result<Side, FormatError> {
    match byte {
        1 => Ok(Side::Local),
        2 => Ok(Side::Remote),
        other => Err(FormatError::value("a side", other)),
    }
}

fn minisock_state(it: MinisockState) -> u8 {
    match it {
        MinisockState::FinWait2 => 0,
        MinisockState::TimeWait => 1,
    }
}

fn read_minisock_state(byte: u8) -> Result<MinisockState, FormatError> {
    match byte {
        0 => Ok(MinisockState::FinWait2),
        1 => Ok(MinisockState::TimeWait),
        other => Err(FormatError::value("the state of a minisock", other)),
    }
}

pub(super) fn write_existing(it: &Existing, to: &mut Vec<u8>, shared: &mut Shared) {
    let kind = match it.kind {
        SocketKind::Full => 0,
        SocketKind::Minisock => 1,
        SocketKind::Request => 2,
    };
    to.byte(kind | u8::from(it.cookie.is_some()) << 2 | u8::from(it.reach.only_ipv6) << 3);
    to.byte(it.state.to_kernel());
    shared.some_cookie(it.cookie, to);
    shared.tuple(&it.tuple, to);
    shared.owner(&it.owner, to);
    to.option(it.near.map(u64::from));
}

pub(super) fn read_existing(
    from: &mut Bytes<'_>,
    shared: &mut Shared,
) -> Result<Existing, FormatError> {
    let bits = flags(from, 15)?;
    let state = state(from.byte()?)?;
    Ok(Existing {
        kind: match bits & 3 {
            0 => SocketKind::Full,
            1 => SocketKind::Minisock,
            2 => SocketKind::Request,
            other => return Err(FormatError::value("the kind of a socket", other)),
        },
        reach: Reach {
            only_ipv6: bits & 8 != 0,
        },
        state,
        cookie: shared.read_some_cookie(bits & 4 != 0, from)?,
        tuple: shared.read_tuple(from)?,
        owner: shared.read_owner(from)?,
        near: from.option()?.map(|pid| pid as u32),
    })
}
