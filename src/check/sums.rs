//! The balances that a choice of operations can give: every one of them while they are few, and their
//! bounds when they are many.

use std::fmt;

use super::prefixes::Stretch;

/// The most sums that are kept one by one.
const MAX_EXACT: usize = 1024;

/// A set of reachable sums. What is kept one by one stays within 64 bits in a bank within its bounds;
/// in another, it stops at the end of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sums {
    least: i128,
    most: i128,
    /// In order, each once. `None`: too many; then anything from `least` to `most` may be reachable.
    exact: Option<Vec<i64>>,
}

impl Sums {
    pub(super) fn one(sum: i64) -> Self {
        Self { least: sum.into(), most: sum.into(), exact: Some(vec![sum]) }
    }

    /// Anything between two bounds.
    pub(super) fn between(least: i128, most: i128) -> Self {
        Self { least, most, exact: None }
    }

    pub(super) fn add(&mut self, value: i64) {
        self.add_choice(&[value], (value, value));
    }

    /// Adds one of these values (at least one of them is given).
    pub(super) fn add_one_of(&mut self, values: &[i64]) {
        if let (Some(&least), Some(&most)) = (values.iter().min(), values.iter().max()) {
            self.add_choice(values, (least, most));
        }
    }

    /// Adds this value, or nothing.
    pub(super) fn add_maybe(&mut self, value: i64) {
        self.add_one_of(&[0, value]);
    }

    /// Adds one of the sums of a stretch.
    pub(super) fn add_stretch(&mut self, stretch: Stretch<'_>) {
        self.add_choice(stretch.sums(), stretch.bounds());
    }

    /// Adds anything between two bounds.
    pub(super) fn add_between(&mut self, least: i128, most: i128) {
        self.least += least;
        self.most += most;
        self.exact = None;
    }

    /// Adds one of the values, of which these are the least and the greatest.
    fn add_choice(&mut self, values: &[i64], (least, most): (i64, i64)) {
        self.least += i128::from(least);
        self.most += i128::from(most);
        let Some(exact) = &mut self.exact else { return };
        if let [value] = values {
            return exact.iter_mut().for_each(|sum| *sum = sum.saturating_add(*value));
        }
        let distinct = in_order(values.iter().copied().take(MAX_EXACT * 4).collect());
        if exact.len() * distinct.len() > MAX_EXACT {
            self.exact = None;
        } else {
            // In order for each value, which a sort that looks for such runs has soon merged.
            *exact = distinct.iter().flat_map(|value| exact.iter().map(|sum| sum.saturating_add(*value))).collect();
            exact.sort();
            exact.dedup();
        }
    }

    /// How many there are, if they are kept one by one.
    pub(super) fn count(&self) -> Option<usize> {
        self.exact.as_ref().map(Vec::len)
    }

    pub(super) fn is_exact(&self) -> bool {
        self.exact.is_some()
    }

    pub(super) fn bounds(&self) -> (i128, i128) {
        (self.least, self.most)
    }

    pub(super) fn contains(&self, sum: i64) -> bool {
        match &self.exact {
            Some(exact) => exact.binary_search(&sum).is_ok(),
            None => (self.least..=self.most).contains(&sum.into()),
        }
    }
}

/// In order, each once.
fn in_order(mut sums: Vec<i64>) -> Vec<i64> {
    sums.sort_unstable();
    sums.dedup();
    sums
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.exact {
            Some(exact) if exact.len() <= 4 => {
                let sums: Vec<String> = exact.iter().map(i64::to_string).collect();
                match sums.split_last() {
                    Some((last, first)) if !first.is_empty() => write!(f, "{} or {last}", first.join(", ")),
                    Some((only, _)) => write!(f, "{only}"),
                    None => write!(f, "nothing"),
                }
            }
            Some(exact) => write!(f, "one of {} balances from {} to {}", exact.len(), self.least, self.most),
            None => write!(f, "something from {} to {}", self.least, self.most),
        }
    }
}
