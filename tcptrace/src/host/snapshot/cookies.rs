//! A set of cookies.

use std::collections::HashMap;

use crate::model::Cookie;

/// Cookies. The kernel gives them out one after the other (`__sock_gen_cookie()`,
/// net/core/sock_diag.c), so that of a million there are few words of 64 to keep.
#[derive(Debug, Default)]
pub struct Cookies(HashMap<u64, u64>);

impl Cookies {
    /// Adds one; false if it was there already.
    pub fn insert(&mut self, cookie: Cookie) -> bool {
        let cookie = cookie.0.get();
        let (word, bit) = (cookie / 64, 1 << (cookie % 64));
        let bits = self.0.entry(word).or_default();
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_new_once() {
        let mut cookies = Cookies::default();
        let numbers = [1, 2, 63, 64, 65, u64::MAX - 1, u64::MAX];
        for expected in [true, false] {
            for number in numbers {
                let cookie = Cookie::new(number).expect("not 0");
                assert_eq!(cookies.insert(cookie), expected, "{number}");
            }
        }
    }
}
