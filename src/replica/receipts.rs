//! Who has which page, as far as this replica was told. Receipts make write concerns work on an
//! overlay, where an origin is not linked to every branch: they travel back by the way of the pages,
//! and only for origins that asked.

use std::collections::BTreeMap;

use super::Receipt;
use crate::types::{BranchId, Origin};

/// A grow-only map of (origin, branch) to sequence, in the order of change.
#[derive(Clone, Debug, Default)]
pub(super) struct Receipts {
    known: BTreeMap<(Origin, BranchId), (u64, u64)>,
    order: BTreeMap<u64, (Origin, BranchId)>,
    last_stamp: u64,
}

impl Receipts {
    /// Whether the receipt is news.
    pub(super) fn raise(&mut self, receipt: Receipt) -> bool {
        let key = (receipt.origin, receipt.branch);
        let (sequence, stamp) = self.known.entry(key).or_default();
        if *sequence >= receipt.sequence {
            return false;
        }
        self.order.remove(stamp);
        self.last_stamp += 1;
        *sequence = receipt.sequence;
        *stamp = self.last_stamp;
        self.order.insert(self.last_stamp, key);
        true
    }

    pub(super) fn sequence(&self, origin: Origin, branch: BranchId) -> u64 {
        self.known.get(&(origin, branch)).map_or(0, |&(sequence, _)| sequence)
    }

    pub(super) fn last_stamp(&self) -> u64 {
        self.last_stamp
    }

    /// The receipts that changed after `stamp`, oldest first.
    pub(super) fn changed_after(&self, stamp: u64) -> impl Iterator<Item = (u64, Receipt)> + '_ {
        self.order.range(stamp + 1..).map(|(&stamp, &(origin, branch))| {
            (stamp, Receipt { branch, origin, sequence: self.sequence(origin, branch) })
        })
    }
}
