//! A table that can't grow without limit.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Figures by key, for so many keys at the most. What comes after that is summed up in one row
/// without a key, so that sums stay right.
#[derive(Clone, Debug)]
pub struct Bounded<K, V> {
    rows: FxHashMap<K, V>,
    most: usize,
    others: Option<V>,
}

impl<K: Eq + Hash, V: Default> Bounded<K, V> {
    /// A table with room for so many keys.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            rows: FxHashMap::default(),
            most,
            others: None,
        }
    }

    /// The row of a key, or of all that found no room.
    pub fn row(&mut self, key: K) -> &mut V {
        if self.rows.len() >= self.most && !self.rows.contains_key(&key) {
            return self.others.get_or_insert_default();
        }
        self.rows.entry(key).or_default()
    }

    /// The row of a key, if it has one of its own.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// The sum of all keys that found no room; `None` as long as there was room.
    #[must_use]
    pub fn others(&self) -> Option<&V> {
        self.others.as_ref()
    }

    /// All rows, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// All rows, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.rows.iter_mut()
    }

    /// How many keys have a row.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows with the largest weight, the largest first; of equal ones, in the order of the
    /// keys.
    pub fn top<W: Ord>(&self, most: usize, weight: impl Fn(&V) -> W) -> Vec<(&K, &V)>
    where
        K: Ord,
    {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_unstable_by(|(a_key, a), (b_key, b)| {
            weight(b).cmp(&weight(a)).then_with(|| a_key.cmp(b_key))
        });
        rows.truncate(most);
        rows
    }

    /// Takes all rows of another table in; `add` sums two rows up.
    pub fn absorb(&mut self, other: Self, mut add: impl FnMut(&mut V, V)) {
        for (key, value) in other.rows {
            add(self.row(key), value);
        }
        if let Some(value) = other.others {
            add(self.others.get_or_insert_default(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_summed_up_and_told() {
        let mut table = Bounded::<u8, u32>::new(2);
        for key in [1, 2, 1, 3, 4, 1] {
            *table.row(key) += 1;
        }
        assert_eq!(table.top(9, |count| *count), [(&1, &3), (&2, &1)]);
        assert_eq!(table.others(), Some(&2));
        let mut whole = Bounded::new(2);
        *whole.row(7) += 1;
        whole.absorb(table, |sum, more| *sum += more);
        assert_eq!(
            whole.iter().map(|(_, count)| count).sum::<u32>() + whole.others().unwrap(),
            7
        );
    }

    #[test]
    fn as_long_as_there_is_room_there_are_no_others() {
        let mut table = Bounded::<u8, u32>::new(1);
        *table.row(1) += 1;
        *table.row(1) += 1;
        assert_eq!(table.others(), None);
    }
}
