//! Figures by group, as they are shown.

use std::borrow::Cow;

use super::GroupValue;
use crate::{
    aggregate::stats::{Census, Group, GroupFigures, Period},
    host::Cgroups,
    model::{Comm, State},
};

/// A group, as it is shown. A container, pod or unit may have had several control groups: it is one.
pub struct ShownGroup<'a> {
    /// What its connections have in common.
    pub value: GroupValue,
    /// The name of the process, of one.
    pub comm: Option<Comm>,
    /// Its figures.
    pub figures: Cow<'a, GroupFigures>,
    /// What it was counted by.
    pub counted: Vec<Group>,
}

impl<'a> ShownGroup<'a> {
    /// All groups, those with the most transitions first.
    pub fn all(period: &'a Period<'a>, cgroups: &mut Cgroups) -> Vec<Self> {
        let Some(by) = period.figures.by else {
            return Vec::new();
        };
        let table = &period.figures.groups;
        let mut shown: Vec<Self> = Vec::new();
        for (group, figures) in table.top(table.len(), |it| it.transitions) {
            let value = GroupValue::new(by, group, cgroups);
            let same = match group {
                Group::Within(_) => shown.iter_mut().find(|it| it.value == value),
                _ => None,
            };
            if let Some(same) = same {
                same.figures.to_mut().absorb(figures.clone());
                same.counted.push(*group);
                continue;
            }
            shown.push(Self {
                value,
                comm: match group {
                    Group::Pid(Some(process)) => Some(process.comm),
                    _ => None,
                },
                figures: Cow::Borrowed(figures),
                counted: vec![*group],
            });
        }
        shown.sort_by_key(|it| std::cmp::Reverse(it.figures.transitions));
        shown
    }

    /// How many of its connections are in a state.
    pub fn now(&self, census: &Census, state: State) -> u64 {
        let counted = self.counted.iter();
        counted.map(|group| census.now_of(group, state)).sum()
    }
}
