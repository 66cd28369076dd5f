//! The balances that a choice of operations can give: every one of them while they are few, and their
//! bounds when they are many.

use std::{collections::BTreeSet, fmt};

/// The most sums that are kept one by one.
const MAX_EXACT: usize = 1024;

/// A set of reachable sums.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sums {
    least: i64,
    most: i64,
    /// `None`: too many; then anything from `least` to `most` may be reachable.
    exact: Option<BTreeSet<i64>>,
}

impl Sums {
    pub(super) fn one(sum: i64) -> Self {
        Self { least: sum, most: sum, exact: Some(BTreeSet::from([sum])) }
    }

    /// Adds one of these values (at least one of them is given).
    pub(super) fn add_one_of(&mut self, values: impl Iterator<Item = i64> + Clone) {
        let bounds = values.clone().fold(None, |bounds: Option<(i64, i64)>, value| {
            Some(bounds.map_or((value, value), |(least, most)| (least.min(value), most.max(value))))
        });
        let Some((least, most)) = bounds else { return };
        self.add_between(least, most);
        if let Some(exact) = self.exact.take() {
            let distinct: BTreeSet<i64> = values.take(MAX_EXACT * 4).collect();
            if exact.len() * distinct.len() <= MAX_EXACT {
                self.exact = Some(exact.iter().flat_map(|sum| distinct.iter().map(move |value| sum + value)).collect());
            }
        }
    }

    /// Adds anything between two bounds.
    pub(super) fn add_between(&mut self, least: i64, most: i64) {
        self.least += least;
        self.most += most;
    }

    /// Adds this value, or nothing.
    pub(super) fn add_maybe(&mut self, value: i64) {
        if value != 0 {
            self.add_one_of([0, value].into_iter());
        }
    }

    /// The exact ones are no longer known.
    pub(super) fn blur(&mut self) {
        self.exact = None;
    }

    pub(super) fn contains(&self, sum: i64) -> bool {
        match &self.exact {
            Some(exact) => exact.contains(&sum),
            None => (self.least..=self.most).contains(&sum),
        }
    }
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
            None => write!(f, "{} to {}", self.least, self.most),
        }
    }
}
