//! The version vector: what a replica has seen, origin by origin.

use std::fmt;

use super::Origin;

/// For each origin, the highest sequence with nothing missing below it. An origin that is absent is
/// at 0. Versions are partially ordered; [`Version::dominates`] is that order.
///
/// It is a list, in the order of the origins and without any that is at 0: the version of a thousand
/// branches is copied, compared and joined in one go.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Version(Vec<(Origin, u64)>);

/// Fewer entries than this are joined one by one.
const FEW: usize = 4;

impl Version {
    /// Nothing seen.
    pub const EMPTY: Self = Self(Vec::new());

    /// How far `origin` is known.
    pub fn sequence(&self, origin: Origin) -> u64 {
        self.place(origin).map_or(0, |place| self.0[place].1)
    }

    fn place(&self, origin: Origin) -> Result<usize, usize> {
        self.0.binary_search_by_key(&origin, |&(known, _)| known)
    }

    /// Raises `origin` to `sequence`; never lowers it.
    pub fn raise(&mut self, origin: Origin, sequence: u64) {
        match self.place(origin) {
            Ok(place) => self.0[place].1 = sequence.max(self.0[place].1),
            Err(place) if sequence > 0 => self.0.insert(place, (origin, sequence)),
            Err(_) => {}
        }
    }

    /// The least version that dominates both.
    pub fn join(&mut self, other: &Self) {
        if other.0.len() < FEW {
            other.iter().for_each(|(origin, sequence)| self.raise(origin, sequence));
        } else {
            *self = self.iter().chain(other.iter()).collect();
        }
    }

    /// Whether everything that `other` has seen has been seen here.
    pub fn dominates(&self, other: &Self) -> bool {
        other.iter().all(|(origin, sequence)| self.sequence(origin) >= sequence)
    }

    /// Every origin above 0, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Origin, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Origin, u64)> for Version {
    fn from_iter<I: IntoIterator<Item = (Origin, u64)>>(entries: I) -> Self {
        let mut entries: Vec<(Origin, u64)> = entries.into_iter().filter(|&(_, sequence)| sequence > 0).collect();
        // Of one origin, the highest comes first and stays. This sort takes no time for what is in order,
        // and little for two lists that are.
        entries.sort_by(|(origin, sequence), (other, than)| origin.cmp(other).then(than.cmp(sequence)));
        entries.dedup_by_key(|&mut (origin, _)| origin);
        Self(entries)
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
