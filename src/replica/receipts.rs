//! Who has which page, as far as this replica was told. Receipts make write concerns work on an
//! overlay, where an origin is not linked to every branch: they travel back by the way of the pages,
//! and only for origins that asked.

use std::collections::BTreeMap;

use super::Receipt;
use crate::types::{BranchId, Incarnation, Origin};

/// A grow-only map of origin and branch to sequence, in the order of change.
#[derive(Clone, Debug, Default)]
pub(super) struct Receipts {
    /// Each with its stamp.
    known: BTreeMap<Origin, BTreeMap<BranchId, (u64, u64)>>,
    order: BTreeMap<u64, (Origin, BranchId)>,
    last_stamp: u64,
    /// The life of each branch that receipts named before its page came here.
    awaited: BTreeMap<BranchId, Incarnation>,
}

impl Receipts {
    /// Whether receipts for this origin are kept. One that has a page here always counts; of a branch's
    /// lives without one, the latest: nobody waits in an earlier one, and lives that nobody led
    /// would fill the memory.
    pub(super) fn admit(&mut self, origin: Origin, has_page: impl Fn(Origin) -> bool) -> bool {
        if has_page(origin) {
            return true;
        }
        let awaited = self.awaited.entry(origin.branch).or_insert(origin.incarnation);
        let latest = Origin { incarnation: *awaited, ..origin };
        *awaited = origin.incarnation.max(*awaited);
        if latest.incarnation < origin.incarnation && !has_page(latest) {
            for (_, stamp) in self.known.remove(&latest).unwrap_or_default().into_values() {
                self.order.remove(&stamp);
            }
        }
        origin.incarnation >= latest.incarnation
    }

    /// Whether the receipt is news.
    pub(super) fn raise(&mut self, receipt: Receipt) -> bool {
        let (sequence, stamp) = self.known.entry(receipt.origin).or_default().entry(receipt.branch).or_default();
        if *sequence >= receipt.sequence {
            return false;
        }
        self.order.remove(stamp);
        self.last_stamp += 1;
        *sequence = receipt.sequence;
        *stamp = self.last_stamp;
        self.order.insert(self.last_stamp, (receipt.origin, receipt.branch));
        true
    }

    pub(super) fn sequence(&self, origin: Origin, branch: BranchId) -> u64 {
        self.known.get(&origin).and_then(|known| known.get(&branch)).map_or(0, |&(sequence, _)| sequence)
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
