//! The most extreme of many, without keeping the others.

/// Those with the largest measure, up to a number; the others are counted.
#[derive(Clone, Debug)]
pub struct Longest<T> {
    most: usize,
    /// The largest first; of equal ones, the one that came first.
    rows: Vec<(u64, T)>,
    count: u64,
}

impl<T> Longest<T> {
    /// Keeps so many.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            rows: Vec::new(),
            count: 0,
        }
    }

    /// Takes one of that measure; `make` is called only if it is kept.
    pub fn take(&mut self, measure: u64, make: impl FnOnce() -> T) {
        self.count += 1;
        let at = self.rows.partition_point(|(other, _)| *other >= measure);
        if at == self.most {
            return;
        }
        self.rows.truncate(self.most - 1);
        self.rows.insert(at, (measure, make()));
    }

    /// Those that are kept, the largest first, each with its measure.
    pub fn iter(&self) -> impl Iterator<Item = &(u64, T)> {
        self.rows.iter()
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.rows.iter_mut().map(|(_, it)| it)
    }

    /// How many there were in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_kept_and_all_are_counted() {
        let mut longest = Longest::new(3);
        for measure in [5, 1, 9, 5, 7, 2] {
            longest.take(measure, || measure);
        }
        let kept: Vec<u64> = longest.iter().map(|(measure, _)| *measure).collect();
        assert_eq!(kept, [9, 7, 5]);
        assert_eq!((longest.count(), longest.len()), (6, 3));
    }

    #[test]
    fn what_is_not_kept_is_not_made() {
        let mut longest = Longest::new(1);
        longest.take(2, || "first");
        longest.take(2, || unreachable!("the first of equal ones stays"));
        longest.take(1, || unreachable!("it is smaller"));
        assert_eq!(longest.iter().next(), Some(&(2, "first")));
    }
}
