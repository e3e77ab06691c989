//! The idle timeouts that people meet, the shortest first.

use super::{Look, page::wrap};
use crate::{
    aggregate::flows::{Candidate, IdleTable, Manner},
    language::Words,
};

/// Lists the table of products that tcptrace ships.
pub(super) fn list(page: &mut String, look: Look, words: &Words) {
    let Ok(table) = IdleTable::load(None) else {
        return;
    };
    let mut rows: Vec<&Candidate> = table.rows().iter().collect();
    rows.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    for row in rows {
        let places = [
            ("seconds", row.seconds.to_string().into()),
            ("product", row.product.as_str().into()),
            ("setting", row.setting.as_str().into()),
        ];
        let said = match row.closes {
            Manner::Closes => words.say("closes-after", places),
            Manner::Forgets => words.say("forgets-after", places),
        };
        wrap(page, &format!("- {said}"), "  ", look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        language::{Chapter, Language},
        output::Palette,
    };

    #[test]
    fn each_product_has_its_time_and_the_shortest_comes_first() {
        let mut page = String::new();
        let words = Words::of(Chapter::Explain, Language::English).unwrap();
        list(&mut page, Look::new(None, false, Palette::plain()), &words);
        assert!(
            page.contains("- 350 s: AWS Network Load Balancer"),
            "{page}"
        );
        assert!(page.contains("- 75 s: nginx"), "{page}");
        let seconds: Vec<f64> = page
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- ")?.split(' ').next())
            .map(|word| word.parse().unwrap())
            .collect();
        assert!(seconds.len() > 20 && seconds.is_sorted(), "{page}");
    }
}
