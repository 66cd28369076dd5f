//! The version vector: what a replica has seen, origin by origin.

use std::{fmt, sync::Arc};

use super::Origin;

/// For each origin, the highest sequence with nothing missing below it. An origin that is absent is
/// at 0. Versions are partially ordered; [`Version::dominates`] is that order.
///
/// It is a list, in the order of the origins and without any that is at 0: the version of a thousand
/// branches is compared and joined in one go. Clones share it, until one of them is changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Version(
    /// Invariant: `None` if there is no entry.
    Option<Arc<Vec<(Origin, u64)>>>,
);

/// Fewer entries than this are joined one by one.
const FEW: usize = 4;

impl Version {
    /// Nothing seen.
    pub const EMPTY: Self = Self(None);

    fn entries(&self) -> &[(Origin, u64)] {
        self.0.as_ref().map_or(&[], |entries| entries)
    }

    /// How far `origin` is known.
    pub fn sequence(&self, origin: Origin) -> u64 {
        self.place(origin).map_or(0, |place| self.entries()[place].1)
    }

    fn place(&self, origin: Origin) -> Result<usize, usize> {
        self.entries().binary_search_by_key(&origin, |&(known, _)| known)
    }

    /// Raises `origin` to `sequence`; never lowers it.
    pub fn raise(&mut self, origin: Origin, sequence: u64) {
        if self.sequence(origin) >= sequence {
            return;
        }
        let place = self.place(origin);
        let entries = Arc::make_mut(self.0.get_or_insert_default());
        match place {
            Ok(place) => entries[place].1 = sequence,
            Err(place) => entries.insert(place, (origin, sequence)),
        }
    }

    /// The least version that dominates both.
    pub fn join(&mut self, other: &Self) {
        if other.entries().len() < FEW {
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
        self.entries().iter().copied()
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl FromIterator<(Origin, u64)> for Version {
    fn from_iter<I: IntoIterator<Item = (Origin, u64)>>(entries: I) -> Self {
        let mut entries: Vec<(Origin, u64)> = entries.into_iter().filter(|&(_, sequence)| sequence > 0).collect();
        // Of one origin, the highest comes first and stays. This sort takes no time for what is in order,
        // and little for two lists that are.
        entries.sort_by(|(origin, sequence), (other, than)| origin.cmp(other).then(than.cmp(sequence)));
        entries.dedup_by_key(|&mut (origin, _)| origin);
        Self((!entries.is_empty()).then(|| Arc::new(entries)))
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
