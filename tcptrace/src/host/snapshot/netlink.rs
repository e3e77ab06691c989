//! What netlink sends at once: answers, the end of them, or why there are none.

use std::{convert::Infallible, io, ops::ControlFlow};

use netlink_packet_core::{
    NetlinkBuffer, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};

/// NLMSG_MIN_TYPE, include/uapi/linux/netlink.h: what is below tells of the exchange itself.
const FIRST_ANSWER: u16 = 16;

/// Reads what came at once, and hands over each answer. Breaks at the end of the dump.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] when the kernel has no sock_diag for TCP; whatever else it
/// stopped the dump for; [`io::ErrorKind::InvalidData`] for what is no netlink.
pub fn datagram(bytes: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<ControlFlow<()>> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let message = NetlinkBuffer::new_checked(rest).map_err(invalid)?;
        // Where it is, as there may be a million.
        if message.message_type() >= FIRST_ANSWER {
            take(message.payload());
        } else {
            let message = NetlinkMessage::<Payload>::deserialize(rest).map_err(invalid)?;
            match message.payload {
                // What stops a dump comes in either.
                NetlinkPayload::Done(done) if done.code < 0 => return Err(failure(done.code)),
                NetlinkPayload::Done(_) => return Ok(ControlFlow::Break(())),
                NetlinkPayload::Error(error) => return Err(failure(error.raw_code())),
                _ => {}
            }
        }
        // Messages are aligned to four bytes.
        let length = (message.length() as usize).next_multiple_of(4).max(4);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(ControlFlow::Continue(()))
}

fn invalid(error: netlink_packet_core::DecodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// What an answer would hold.
struct Payload;

impl NetlinkDeserializable for Payload {
    type Error = Infallible;

    fn deserialize(_: &NetlinkHeader, _: &[u8]) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// What a negative errno says.
fn failure(code: i32) -> io::Error {
    known(io::Error::from_raw_os_error(code.saturating_abs()))
}

/// Tells a kernel that has no sock_diag, or none for TCP, from whatever else may fail.
pub(super) fn known(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP) => {
            io::Error::new(io::ErrorKind::Unsupported, NoSockDiag(error))
        }
        _ => error,
    }
}

/// The kernel has no sock_diag, or none for TCP: what it said.
#[derive(Debug, thiserror::Error)]
#[error(
    "this kernel does not tell of TCP sockets ({0}): modprobe tcp_diag, or a kernel built with \
     CONFIG_INET_TCP_DIAG"
)]
pub struct NoSockDiag(pub io::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_sock_diag_is_told_from_other_failures() {
        let missing = known(io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(missing.kind(), io::ErrorKind::Unsupported);
        assert!(missing.to_string().contains("modprobe tcp_diag"));
        let other = known(io::Error::from_raw_os_error(libc::ENOMEM));
        assert_eq!(other.raw_os_error(), Some(libc::ENOMEM));
    }

    /// A netlink message: its type, and what is in it.
    fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = 16 + u32::try_from(payload.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_datagram_has_several_answers_and_the_end_or_an_error() {
        let answer = message(20, &[1, 2, 3, 4]);
        let done = message(3, &0_i32.to_ne_bytes());
        let mut answers = Vec::new();
        let mut take = |bytes: &[u8]| answers.push(bytes.to_owned());
        let flow = datagram(&[&answer[..], &answer[..]].concat(), &mut take);
        assert!(flow.unwrap().is_continue());
        let flow = datagram(&[&answer[..], &done[..]].concat(), &mut take);
        assert!(flow.unwrap().is_break());
        assert_eq!(answers, vec![vec![1, 2, 3, 4]; 3]);
        for (code, errno) in [(-libc::ENOMEM, libc::ENOMEM), (i32::MIN, i32::MAX)] {
            for kind in [2, 3] {
                let payload = [&code.to_ne_bytes()[..], &[0; 16]].concat();
                let error = datagram(&message(kind, &payload), |_| {}).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(errno), "{kind}");
            }
        }
    }
}
