//! The peer's half of the replica: sessions of links, pages joined, receipts passed on.

use super::{
    Call, Delta, Output, PeerFault, PeerMessage, Receipt, Replica, Update,
    ledger::Ledger,
    link::Link,
    page::{Joined, MAX_SEQUENCE},
};
use crate::types::{BranchId, Operation, Origin, Version};

impl Replica {
    pub(super) fn link_up(&mut self, peer: BranchId, outputs: &mut Vec<Output>) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.up();
            self.idle.remove(&peer);
            self.paced.retain(|&(_, paced)| paced != peer);
            self.unsay(peer);
            outputs.push(Output::Ready(peer));
        }
    }

    /// What was to be said in a session that is over.
    fn unsay(&mut self, peer: BranchId) {
        if let Some(disk) = &mut self.disk {
            disk.forget(peer);
        }
    }

    /// The peer can no longer be told directly that we have its pages: receipts take other ways.
    pub(super) fn link_down(&mut self, peer: BranchId, outputs: &mut Vec<Output>) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.down();
            self.unsay(peer);
            let its_pages = self.ledger.pages().filter(|(_, page)| page.origin.branch == peer);
            for index in its_pages.map(|(index, _)| index).collect::<Vec<_>>() {
                self.issue_receipt(index, outputs);
            }
        }
    }

    pub(super) fn message(&mut self, from: BranchId, message: PeerMessage, outputs: &mut Vec<Output>) {
        if !self.links.get(&from).is_some_and(|link| link.is_up()) {
            return;
        }
        let taken = match message {
            PeerMessage::Greeting { version } => self.greeting(from, &version, outputs),
            PeerMessage::Update(update) => self.update(from, &update, outputs),
            PeerMessage::Call(call) => self.call(from, &call, outputs),
            PeerMessage::Acknowledgement { number, version } => self.acknowledgement(from, number, &version, outputs),
        };
        match taken {
            Ok(true) => outputs.push(Output::Ready(from)),
            Ok(false) => {}
            Err(fault) => outputs.push(Output::Faulty { from, fault }),
        }
    }

    /// Whether the link may have something to send now; so for the others.
    fn greeting(&mut self, from: BranchId, version: &Version, outputs: &mut Vec<Output>) -> Result<bool, PeerFault> {
        let received = version.sequence(self.own);
        let version: Vec<(Origin, u64)> = version.iter().collect();
        self.judge_version(&version)?;
        if let Some(link) = self.links.get_mut(&from) {
            link.learn(&version, &self.ledger);
            link.owed.version();
        }
        // It may be the only word of it: what the peer has is not sent, and so not acknowledged.
        self.received(Receipt { branch: from, origin: self.own, sequence: received }, outputs);
        Ok(true)
    }

    fn update(&mut self, from: BranchId, update: &Update, outputs: &mut Vec<Output>) -> Result<bool, PeerFault> {
        for delta in &update.deltas {
            self.join(from, delta, outputs)?;
        }
        for &receipt in &update.receipts {
            self.take_receipt(from, receipt, outputs)?;
        }
        if let Some(link) = self.links.get_mut(&from) {
            let origins = update.deltas.iter().map(|delta| delta.origin);
            link.owed.update(self.now, update.number, origins, update.is_urgent);
        }
        Ok(update.is_urgent)
    }

    fn call(&mut self, from: BranchId, call: &Call, outputs: &mut Vec<Output>) -> Result<bool, PeerFault> {
        self.join(from, &call.delta, outputs)?;
        if let Some(link) = self.links.get_mut(&from) {
            link.owed.update(self.now, call.number, [call.delta.origin], true);
        }
        Ok(true)
    }

    fn acknowledgement(
        &mut self,
        from: BranchId,
        number: u64,
        version: &[(Origin, u64)],
        outputs: &mut Vec<Output>,
    ) -> Result<bool, PeerFault> {
        self.judge_version(version)?;
        let Some(link) = self.links.get_mut(&from) else { return Ok(false) };
        let is_to_ask = if number > 0 {
            link.acknowledged(number, version, &self.ledger)
        } else {
            if link.awaits_version() {
                link.learn(version, &self.ledger);
            }
            true
        };
        if let Some(&(origin, sequence)) = version.iter().find(|&&(origin, _)| origin == self.own) {
            self.received(Receipt { branch: from, origin, sequence }, outputs);
        }
        Ok(is_to_ask)
    }

    /// A version that a peer says it has.
    fn judge_version(&self, version: &[(Origin, u64)]) -> Result<(), PeerFault> {
        for &(origin, sequence) in version {
            self.judge_origin(origin)?;
            if origin == self.own && sequence > self.ledger.own().sequence {
                return Err(PeerFault::OwnPage { claimed: sequence, written: self.ledger.own().sequence });
            }
        }
        Ok(())
    }

    pub(super) fn judge_origin(&self, origin: Origin) -> Result<(), PeerFault> {
        if self.branches.contains(origin.branch) { Ok(()) } else { Err(PeerFault::UnknownOrigin { origin }) }
    }

    /// Joins what `from` says of one page; returns how far the page is known now.
    fn join(&mut self, from: BranchId, delta: &Delta, outputs: &mut Vec<Output>) -> Result<u64, PeerFault> {
        self.judge_origin(delta.origin)?;
        let before = self.ledger.operations();
        let (index, joined) = self.ledger.join(delta)?;
        let Some(index) = index else { return Ok(0) };
        let sequence = self.ledger.page(index).sequence;
        self.note_joined(delta.origin, sequence - (self.ledger.operations() - before));
        if let Some(link) = self.links.get_mut(&from) {
            link.raise(index, delta.sequence.min(sequence), delta.confirm_through);
        }
        match joined {
            Joined::Advanced => {
                self.issue_receipt(index, outputs);
                if self.ledger.last_wish() == self.ledger.last_stamp() {
                    self.wake_all(outputs);
                } else {
                    self.wake_idle(index, outputs);
                }
                self.reached(delta.origin, outputs);
            }
            Joined::Known => self.issue_receipt(index, outputs),
            Joined::Gap => {}
        }
        if index == Ledger::OWN {
            self.received(Receipt { branch: from, origin: self.own, sequence: delta.sequence }, outputs);
        }
        Ok(sequence)
    }

    /// Tells an origin that asked, and that no link of ours leads to, that we have its page.
    fn issue_receipt(&mut self, index: usize, outputs: &mut Vec<Output>) {
        let page = self.ledger.page(index);
        if page.confirm_through == 0 {
            return;
        }
        let (origin, sequence) = (page.origin, page.sequence);
        let own = self.own.branch;
        let told = origin == self.own || self.links.get(&origin.branch).is_some_and(Link::is_up);
        if !told && page.confirm_through > self.receipts.sequence(origin, own) {
            self.receipts.raise(Receipt { branch: own, origin, sequence });
            self.wake_all(outputs);
        }
    }

    /// A receipt is hearsay: who passes it on cannot check it. So one that cannot be true is dropped,
    /// rather than held against the messenger.
    fn take_receipt(&mut self, from: BranchId, receipt: Receipt, outputs: &mut Vec<Output>) -> Result<(), PeerFault> {
        self.judge_origin(receipt.origin)?;
        self.judge_origin(Origin { branch: receipt.branch, ..receipt.origin })?;
        let most = if receipt.origin == self.own { self.ledger.own().sequence } else { MAX_SEQUENCE };
        let has_page = |origin| self.ledger.find(origin).is_some();
        if receipt.sequence > most || !self.receipts.admit(receipt.origin, has_page) {
            return Ok(());
        }
        let before = self.receipts.last_stamp();
        self.received(receipt, outputs);
        let after = self.receipts.last_stamp();
        if let Some(link) = self.links.get_mut(&from) {
            link.skip_receipt(before, after);
        }
        if after > before {
            self.wake_all(outputs);
        }
        Ok(())
    }

    /// A peer without sessions says that it has come back: it may have lost what it had.
    fn begun_again(&mut self, peer: BranchId, outputs: &mut Vec<Output>) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.greet();
            outputs.push(Output::Ready(peer));
        }
    }

    /// The unary door: an operation that its origin tells us, outside of any session. Without a
    /// delta, the operation counts if it is the one that follows what we have. An empty delta without
    /// an operation says that the origin has come back, and lacks what it was not told since. Returns how
    /// far the origin's page is known now, which may be told once [`Replica::unsaved`] is on disk.
    ///
    /// # Errors
    /// [`PeerFault`] if what is said cannot be.
    pub fn propagated(
        &mut self,
        origin: Origin,
        operation: Option<(u64, Operation)>,
        delta: Option<Delta>,
        outputs: &mut Vec<Output>,
    ) -> Result<u64, PeerFault> {
        let first = outputs.len();
        let sequence = self.propagate(origin, operation, delta, outputs);
        self.hold(first, outputs);
        sequence
    }

    fn propagate(
        &mut self,
        origin: Origin,
        operation: Option<(u64, Operation)>,
        delta: Option<Delta>,
        outputs: &mut Vec<Output>,
    ) -> Result<u64, PeerFault> {
        self.judge_origin(origin)?;
        if operation.is_none() && delta.as_ref().is_some_and(|delta| delta.sequence == 0) {
            self.begun_again(origin.branch, outputs);
        }
        let plain = || operation.and_then(|(sequence, operation)| self.ledger.delta_of(origin, sequence, operation));
        match delta.or_else(plain) {
            Some(delta) if delta.origin == origin => self.join(origin.branch, &delta, outputs),
            Some(_) => Err(PeerFault::Malformed { origin, reason: "its operation is another origin's" }),
            None => Ok(self.ledger.sequence(origin)),
        }
    }
}
