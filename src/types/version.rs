//! The version vector: what a replica has seen, origin by origin.

use std::{collections::BTreeMap, fmt};

use super::Origin;

/// For each origin, the highest sequence with nothing missing below it. An origin that is absent is
/// at 0. Versions are partially ordered; [`Version::dominates`] is that order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Version(BTreeMap<Origin, u64>);

impl Version {
    /// Nothing seen.
    pub const EMPTY: Self = Self(BTreeMap::new());

    /// How far `origin` is known.
    pub fn sequence(&self, origin: Origin) -> u64 {
        self.0.get(&origin).copied().unwrap_or(0)
    }

    /// Raises `origin` to `sequence`; never lowers it.
    pub fn raise(&mut self, origin: Origin, sequence: u64) {
        if sequence > 0 {
            let known = self.0.entry(origin).or_default();
            *known = sequence.max(*known);
        }
    }

    /// The least version that dominates both.
    pub fn join(&mut self, other: &Self) {
        for (&origin, &sequence) in &other.0 {
            self.raise(origin, sequence);
        }
    }

    /// Whether everything that `other` has seen has been seen here.
    pub fn dominates(&self, other: &Self) -> bool {
        other.0.iter().all(|(&origin, &sequence)| self.sequence(origin) >= sequence)
    }

    /// Every origin above 0, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Origin, u64)> + '_ {
        self.0.iter().map(|(&origin, &sequence)| (origin, sequence))
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Origin, u64)> for Version {
    fn from_iter<I: IntoIterator<Item = (Origin, u64)>>(entries: I) -> Self {
        let mut version = Self::EMPTY;
        for (origin, sequence) in entries {
            version.raise(origin, sequence);
        }
        version
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{")?;
        for (index, (origin, sequence)) in self.iter().enumerate() {
            write!(f, "{}{origin}: {sequence}", if index == 0 { "" } else { ", " })?;
        }
        write!(f, "}}")
    }
}
