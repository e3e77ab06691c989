//! The processes that hold a socket.

use std::num::NonZeroU32;

use super::identity::pid_of;
use crate::{
    host::Holder,
    model::Comm,
    output::row::{Field, Fields as _, row, stored_as_text},
};

row! {
    /// One of them.
    pub struct HolderFields {
        /// Id of the process in tcptrace's own pid namespace; null where it has none there.
        pid: Option<NonZeroU32>,
        /// Name of the process, with ? for what is no text.
        comm: Comm,
        /// Its file descriptor.
        fd: u32,
    }
}

/// All of them. In CSV `PID:FD:COMM`, with a space between two; `?` for a pid that is not known.
pub struct Holders<'a>(pub &'a [Holder]);

fn fields(holder: &Holder) -> HolderFields {
    HolderFields {
        pid: pid_of(Some(&holder.process)),
        comm: holder.process.comm,
        fd: holder.descriptor,
    }
}

impl Field for Holders<'_> {
    fn json(&self, line: &mut Vec<u8>) {
        line.push(b'[');
        for (index, holder) in self.0.iter().enumerate() {
            if index > 0 {
                line.push(b',');
            }
            fields(holder).object(line);
        }
        line.push(b']');
    }

    fn text(&self, cell: &mut Vec<u8>) {
        for (index, holder) in self.0.iter().map(fields).enumerate() {
            if index > 0 {
                cell.push(b' ');
            }
            match holder.pid {
                Some(pid) => pid.text(cell),
                None => cell.push(b'?'),
            }
            cell.push(b':');
            holder.fd.text(cell);
            cell.push(b':');
            holder.comm.text(cell);
        }
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "array", "items": HolderFields::object_schema() })
    }
}

stored_as_text!(Holders<'_>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Process;

    #[test]
    fn holders_in_csv_are_told_apart_and_an_unknown_pid_is_a_question_mark() {
        let holder = |pid, descriptor, comm: &[u8]| Holder {
            process: Process {
                pid,
                comm: Comm::new(comm),
            },
            descriptor,
            listed: 1,
        };
        let all = [holder(Some(300), 3, b"nginx"), holder(None, 12, b"a b")];
        let mut cell = Vec::new();
        Holders(&all).text(&mut cell);
        assert_eq!(String::from_utf8(cell).unwrap(), "300:3:nginx ?:12:a b");
        let mut line = Vec::new();
        Holders(&all).json(&mut line);
        assert_eq!(
            String::from_utf8(line).unwrap(),
            r#"[{"pid":300,"comm":"nginx","fd":3},{"pid":null,"comm":"a b","fd":12}]"#
        );
    }
}
