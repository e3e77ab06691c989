//! Which columns a table of flows has.

use crate::{
    explain,
    output::address::{IPV4, IPV6},
};

pub(super) const DURATION: usize = 6;
pub(super) const BYTES: usize = 6;
/// `you: ` or `peer: `, and why.
pub(super) const END: usize = 6 + explain::WIDTH;
/// `short`.
pub(super) const LENGTH: usize = 5;
/// `:65535`.
const PORT: usize = 6;

/// Which columns there are, and how wide; 0 leaves one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub owner: usize,
    pub local: usize,
    pub remote: usize,
    pub bytes: bool,
    /// Whether it was short or kept.
    pub length: bool,
    /// Lines are cut there.
    pub width: usize,
}

impl Layout {
    /// For a terminal of so many columns, or a file (`None`), where nothing is cut.
    pub fn new(columns: Option<usize>) -> Self {
        let Some(width) = columns else {
            return Self {
                owner: 23,
                local: IPV4,
                remote: IPV4,
                bytes: true,
                length: true,
                width: usize::MAX,
            };
        };
        let mut layout = Self {
            owner: 12,
            local: IPV4,
            remote: IPV4,
            bytes: true,
            length: true,
            width,
        };
        let drops: [fn(&mut Self); 4] = [
            |it| it.length = false,
            |it| it.owner = 0,
            |it| it.bytes = false,
            // The local port alone.
            |it| it.local = PORT,
        ];
        for drop in drops {
            if layout.needs() > width {
                drop(&mut layout);
            }
        }
        let mut room = width.saturating_sub(layout.needs());
        if layout.owner > 0 {
            let more = room.min(23 - layout.owner);
            layout.owner += more;
            room -= more;
        }
        if layout.local > PORT {
            layout.local += (room / 2).min(IPV6 - IPV4);
            room /= 2;
        }
        layout.remote += room.min(IPV6 - IPV4);
        layout
    }

    fn needs(&self) -> usize {
        let owner = if self.owner == 0 { 0 } else { self.owner + 1 };
        let bytes = if self.bytes { 2 * (BYTES + 1) } else { 0 };
        let length = if self.length { LENGTH + 1 } else { 0 };
        owner + self.local + 1 + 2 + self.remote + 1 + 3 * (DURATION + 1) + bytes + length + END
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_fits_120_columns_and_80_tell_who_ended_it_and_how() {
        let wide = Layout::new(Some(120));
        assert!(wide.needs() <= 120 && wide.bytes && wide.length && wide.owner >= 12);
        assert_eq!((wide.local, wide.remote), (IPV4, IPV4));
        assert!(Layout::new(Some(80)).needs() <= 80);
    }
}
