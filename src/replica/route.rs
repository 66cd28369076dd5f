//! Receipts on their way to whoever waits for them, from link to link.

use super::{
    flight::ReceiptKey, link::Link, machine::Replica, message::Receipt, offence::PeerOffence, output::Output,
    page::MAX_SEQUENCE,
};
use crate::types::{BranchId, Propagation};

impl Replica {
    /// Tells an origin that asked, and that no link of ours leads to, that we have its page.
    pub(super) fn issue_receipt(&mut self, index: usize, outputs: &mut Vec<Output>) {
        let page = self.ledger.page(index);
        if page.confirm_through == 0 {
            return;
        }
        let (origin, sequence) = (page.origin, page.sequence);
        let own = self.own.branch;
        let told = origin == self.own || self.links.get(&origin.branch).is_some_and(Link::is_up);
        let known = self.receipts.get(origin, own).map_or(0, |receipt| receipt.sequence);
        if !told && page.confirm_through > known && !self.is_over(origin) {
            self.receipts.raise(Receipt { by: self.own, origin, sequence });
            self.route((origin, own), None, outputs);
        }
    }

    /// Hands a receipt to the link that told the page; to all others, if that one is down, or has lost its own way
    /// and sent the receipt here.
    pub(super) fn route(&mut self, key: ReceiptKey, from: Option<BranchId>, outputs: &mut Vec<Output>) {
        if self.propagation == Propagation::Unary {
            return;
        }
        let is_up = |peer: &BranchId| self.links.get(peer).is_some_and(Link::is_up);
        let way = self.ledger.told_by(key.0).filter(|&peer| Some(peer) != from).filter(is_up);
        let ways: Vec<BranchId> = match way {
            Some(peer) => vec![peer],
            None => self.links.keys().copied().filter(|&peer| Some(peer) != from).filter(is_up).collect(),
        };
        for peer in ways {
            if let Some(link) = self.links.get_mut(&peer) {
                link.tell_receipt(key);
                self.wake(peer, outputs);
            }
        }
    }

    /// A link has come up or gone down: what was under way there may be lost, and ways may have changed.
    pub(super) fn route_again(&mut self, outputs: &mut Vec<Output>) {
        for key in self.receipts.keys().collect::<Vec<_>>() {
            self.route(key, None, outputs);
        }
    }

    /// A receipt is hearsay: who passes it on cannot check it. So one that cannot be true is dropped,
    /// rather than held against the messenger.
    /// Returns whether it says more of the own page than was known.
    pub(super) fn take_receipt(
        &mut self,
        from: BranchId,
        receipt: Receipt,
        outputs: &mut Vec<Output>,
    ) -> Result<bool, PeerOffence> {
        let Receipt { by, origin, sequence } = receipt;
        self.judge_origin(origin)?;
        self.judge_origin(by)?;
        if origin == self.own {
            let is_possible = sequence <= self.ledger.own().sequence;
            return Ok(is_possible && self.holders.raise(&self.branches, by, sequence));
        }
        let has_page = |origin| self.ledger.find(origin).is_some();
        let is_wanted = sequence <= MAX_SEQUENCE && !self.is_over(origin) && self.receipts.admit(origin, has_page);
        if is_wanted && self.receipts.raise(receipt) {
            self.route((origin, by.branch), Some(from), outputs);
        }
        Ok(false)
    }
}
