//! The columns of a table: how wide each is, and which are there.

/// A container or unit in a column: at the least `namespace/pod/name` in short, and at the most.
pub const WORKLOAD: usize = 20;
pub const LONGEST_WORKLOAD: usize = 60;

/// A column. `C` names it to its type.
#[derive(Clone, Copy, Debug)]
pub struct Column<C: 'static> {
    /// Which one.
    pub of: C,
    /// Its heading.
    name: &'static str,
    /// Characters on a terminal, at the least and at the most.
    least: usize,
    most: usize,
    /// Characters in a file, where nothing is cut; `None`: as many as what is in it takes.
    file: Option<usize>,
    /// Characters more, or less, where there is only ASCII.
    ascii: isize,
    /// Flush right.
    right: bool,
    tight: Tight,
    grows: Grows,
}

/// What becomes of a column where a line is too long for a terminal: one step after another, until it
/// is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tight {
    Stays,
    /// It is left out at that step.
    Goes(u8),
    /// It has fewer characters and another heading from that step on.
    Narrows(u8, usize, &'static str),
}

/// Who gets the room that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grows {
    No,
    /// As much as it can take, before all others.
    First,
    /// Then as much as it can take, where no column is narrow.
    Then,
    /// An equal part of the rest.
    Shares,
}

impl<C> Column<C> {
    /// A column of so many characters.
    pub const fn new(of: C, name: &'static str, width: usize) -> Self {
        Self {
            of,
            name,
            least: width,
            most: width,
            file: Some(width),
            ascii: 0,
            right: false,
            tight: Tight::Stays,
            grows: Grows::No,
        }
    }

    /// Flush right: for numbers.
    pub const fn right(mut self) -> Self {
        self.right = true;
        self
    }

    /// So many characters in a file.
    pub const fn in_a_file(mut self, width: usize) -> Self {
        self.file = Some(width);
        self
    }

    /// In a file, as many characters as what is in it takes.
    pub const fn fits_in_a_file(mut self) -> Self {
        self.file = None;
        self
    }

    /// So many characters more, or less, where there is only ASCII.
    pub const fn in_ascii(mut self, more: isize) -> Self {
        self.ascii = more;
        self
    }

    /// Left out at that step. At step 0 also in a file: it is only there where there is room for
    /// everything else.
    pub const fn goes(mut self, step: u8) -> Self {
        self.tight = Tight::Goes(step);
        self
    }

    /// Has fewer characters, and another heading, from that step on.
    pub const fn narrows(mut self, step: u8, width: usize, name: &'static str) -> Self {
        self.tight = Tight::Narrows(step, width, name);
        self
    }

    /// Gets the room that is left first, up to so many characters.
    pub const fn grows_first(mut self, most: usize) -> Self {
        (self.grows, self.most) = (Grows::First, most);
        self
    }

    /// Gets it next, where no column is narrow.
    pub const fn grows_then(mut self, most: usize) -> Self {
        (self.grows, self.most) = (Grows::Then, most);
        self
    }

    /// Gets an equal part of the rest.
    pub const fn shares(mut self, most: usize) -> Self {
        (self.grows, self.most) = (Grows::Shares, most);
        self
    }
}

/// A column as it is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laid {
    /// Its place among the columns of its type.
    pub index: usize,
    pub name: &'static str,
    /// Characters.
    pub width: usize,
    pub narrow: bool,
    pub right: bool,
}

/// Lays columns out for a terminal of so many characters, or a file (`None`). `fitted` tells how many
/// characters what is in a column takes.
pub fn lay_out<C>(
    columns: &[Column<C>],
    terminal: Option<usize>,
    ascii: bool,
    mut fitted: impl FnMut(usize) -> usize,
) -> Vec<Laid> {
    let all = columns.iter().enumerate();
    let mut laid: Vec<Laid> = all
        .map(|(index, it)| Laid {
            index,
            name: it.name,
            width: match (terminal, it.file) {
                (Some(_), _) => it.least,
                (None, Some(width)) => width,
                (None, None) => it.name.len().max(fitted(index)),
            }
            .saturating_add_signed(if ascii { it.ascii } else { 0 }),
            narrow: false,
            right: it.right,
        })
        .collect();
    let Some(terminal) = terminal else {
        laid.retain(|it| columns[it.index].tight != Tight::Goes(0));
        return laid;
    };
    let needs = |laid: &[Laid]| laid.iter().map(|it| it.width + 1).sum::<usize>().max(1) - 1;
    for step in 0..=u8::MAX {
        let further = columns.iter().any(|it| match it.tight {
            Tight::Stays => false,
            Tight::Goes(at) | Tight::Narrows(at, ..) => at >= step,
        });
        if !further || needs(&laid) <= terminal {
            break;
        }
        laid.retain(|it| columns[it.index].tight != Tight::Goes(step));
        for it in &mut laid {
            if let Tight::Narrows(at, width, name) = columns[it.index].tight
                && at == step
            {
                (it.width, it.name, it.narrow) = (width, name, true);
            }
        }
    }
    let mut room = terminal.saturating_sub(needs(&laid));
    let any_is_narrow = laid.iter().any(|it| it.narrow);
    for order in [Grows::First, Grows::Then] {
        for it in &mut laid {
            let column = &columns[it.index];
            if column.grows == order && !(order == Grows::Then && any_is_narrow) {
                let more = room.min(column.most.saturating_sub(it.width));
                it.width += more;
                room -= more;
            }
        }
    }
    let shares = |it: &Laid| columns[it.index].grows == Grows::Shares && !it.narrow;
    let sharers = laid.iter().filter(|it| shares(it)).count().max(1);
    for it in laid.iter_mut().filter(|it| shares(it)) {
        it.width += (room / sharers).min(columns[it.index].most - it.width);
    }
    laid
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column<()>; 4] = [
        Column::new((), "NAME", 6).goes(1).grows_first(10),
        Column::new((), "LOCAL", 8).narrows(2, 4, "L").shares(20),
        Column::new((), "REMOTE", 8).shares(20).fits_in_a_file(),
        Column::new((), "KIND", 4).goes(2),
    ];

    fn laid(terminal: Option<usize>) -> Vec<(&'static str, usize)> {
        let laid = lay_out(&COLUMNS, terminal, false, |_| 30);
        laid.iter().map(|it| (it.name, it.width)).collect()
    }

    #[test]
    fn what_matters_least_goes_first_and_room_is_given_away() {
        assert_eq!(
            laid(Some(29)),
            [("NAME", 6), ("LOCAL", 8), ("REMOTE", 8), ("KIND", 4)]
        );
        assert_eq!(laid(Some(28)), [("LOCAL", 11), ("REMOTE", 11), ("KIND", 4)]);
        assert_eq!(laid(Some(20)), [("L", 4), ("REMOTE", 15)]);
        assert_eq!(
            laid(Some(100)),
            [("NAME", 10), ("LOCAL", 20), ("REMOTE", 20), ("KIND", 4)]
        );
        assert_eq!(laid(Some(1)), [("L", 4), ("REMOTE", 8)]);
    }

    #[test]
    fn what_grows_second_does_not_while_a_column_is_narrow() {
        let columns = [
            Column::new((), "TIME", 4).grows_then(8),
            Column::new((), "LOCAL", 12).narrows(1, 4, "L"),
        ];
        let laid = |terminal| {
            let laid = lay_out(&columns, Some(terminal), false, |_| 0);
            let widths: Vec<usize> = laid.iter().map(|it| it.width).collect();
            widths
        };
        assert_eq!(laid(16), [4, 4]);
        assert_eq!(laid(17), [4, 12]);
        assert_eq!(laid(20), [7, 12]);
        assert_eq!(laid(80), [8, 12]);
    }

    #[test]
    fn ascii_may_take_more_or_less() {
        let columns = [
            Column::new((), "HELD", 6).in_ascii(1),
            Column::new((), "PROCESS", 12).in_ascii(-1),
        ];
        for terminal in [None, Some(20)] {
            let laid = lay_out(&columns, terminal, true, |_| 0);
            assert_eq!((laid[0].width, laid[1].width), (7, 11));
        }
    }

    #[test]
    fn a_column_of_a_file_is_not_narrower_than_its_heading() {
        let laid = lay_out(&COLUMNS, None, false, |_| 2);
        assert_eq!((laid[2].name, laid[2].width), ("REMOTE", 6));
    }

    #[test]
    fn a_file_has_all_columns_as_wide_as_what_is_in_them() {
        assert_eq!(
            laid(None),
            [("NAME", 6), ("LOCAL", 8), ("REMOTE", 30), ("KIND", 4)]
        );
    }
}
