//! The parts of an entry, in their order.

use super::{Entry, Kind};

impl Entry {
    /// All that is to be said behind its line: each part with its heading, the id of a word of
    /// [`Chapter::Explain`].
    ///
    /// [`Chapter::Explain`]: crate::language::Chapter::Explain
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, String)> {
        let (what, who, many) = match self.kind() {
            Kind::State => ("what-it-is", "who-is-in-it", "when-many"),
            Kind::Setting => ("what-it-does", "who-is-in-it", "when-many"),
            Kind::Topic => ("how-it-goes", "who-is-in-it", "when-many"),
            Kind::Verdict => ("what-it-means", "who-is-to-blame", "what-to-do"),
            Kind::Product => ("what-it-does", "who-is-in-it", "what-to-do"),
            _ => ("what-it-means", "who-is-in-it", "when-often"),
        };
        let usual = self.default.as_ref().map(|value| match &self.unit {
            Some(unit) => format!("{value} {unit}"),
            None => value.clone(),
        });
        [
            (what, Some(self.what.clone())),
            (who, self.who.clone()),
            ("how-it-ends", self.ends.clone()),
            ("how-long", self.lasts.clone()),
            (many, self.many.clone()),
            ("where", self.file.clone().or_else(|| self.how.clone())),
            ("default", usual.or_else(|| self.default_words.clone())),
            ("mind", self.trap.clone()),
        ]
        .into_iter()
        .filter_map(|(name, text)| text.map(|text| (name, text)))
        .collect()
    }
}
