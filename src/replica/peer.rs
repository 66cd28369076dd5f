//! The peer's half of the replica: sessions of links, pages joined, receipts passed on.

use super::{
    delta::Delta,
    ledger::Ledger,
    machine::Replica,
    message::{Call, PeerMessage, Update},
    offence::PeerOffence,
    output::Output,
    page::{Joined, Page},
    save::Life,
};
use crate::types::{BranchId, Operation, Origin, Propagation, Version};

impl Replica {
    pub(super) fn link_up(&mut self, peer: BranchId, outputs: &mut Vec<Output>) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.up();
            self.idle.retain(|&idle| idle != peer);
            self.paced.retain(|&(_, paced)| paced != peer);
            self.unsay(peer);
            outputs.push(Output::Ready(peer));
            self.route_again(outputs);
        }
    }

    /// The peer of a session says in which life it is.
    pub(super) fn met(&mut self, life: Origin, outputs: &mut Vec<Output>) {
        self.hear(life);
        if let Some(link) = self.links.get_mut(&life.branch) {
            link.met(life.incarnation);
            outputs.push(Output::Ready(life.branch));
        }
        self.seek_if_needed(outputs);
    }

    /// A life may be over that requests wait for.
    fn seek_if_needed(&mut self, outputs: &mut Vec<Output>) {
        if std::mem::take(&mut self.is_to_seek) && self.waits.origins().into_iter().any(|origin| self.is_over(origin)) {
            self.seek(outputs);
        }
    }

    /// A life was heard of.
    fn hear(&mut self, life: Origin) {
        if self.lives.hear(&self.branches, life) {
            self.begin_life(life);
        }
    }

    /// It is a later one than before of its branch: what those had may be lost, and nobody waits in them.
    #[cold]
    fn begin_life(&mut self, life: Origin) {
        self.is_to_seek = self.waits.has_requests();
        self.holders.begin(&self.branches, life);
        self.receipts.overtaken_by(life);
    }

    /// In which life a peer speaks; if it does not say, in its latest.
    fn life_of(&self, peer: BranchId) -> Origin {
        let met = self.links.get(&peer).and_then(|link| link.life());
        Origin { branch: peer, incarnation: met.unwrap_or_else(|| self.lives.latest(&self.branches, peer)) }
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
            self.holders.end_session(&self.branches, peer);
            self.ledger.forget_told_by(peer);
            self.route_again(outputs);
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
        self.seek_if_needed(outputs);
    }

    /// Whether the link may have something to send now; so for the others.
    fn greeting(&mut self, from: BranchId, version: &Version, outputs: &mut Vec<Output>) -> Result<bool, PeerOffence> {
        let held = version.sequence(self.own);
        let version: Vec<(Origin, u64)> = version.iter().collect();
        self.judge_version(&version)?;
        if let Some(link) = self.links.get_mut(&from) {
            link.learn(&version, &self.ledger);
            link.owed.version();
        }
        self.shown(from, &version, outputs);
        // It may be the only word of it: what the peer has is not sent, and so not acknowledged.
        self.held_by(from, held, true, outputs);
        self.confirm_earlier(outputs);
        Ok(true)
    }

    /// A peer has said all that it has.
    fn shown(&mut self, from: BranchId, version: &[(Origin, u64)], outputs: &mut Vec<Output>) {
        if self.propagation == Propagation::Unary && version.is_empty() {
            // Whoever calls takes it so when the peer cannot be asked.
            return;
        }
        let (own, ledger) = (self.own, &self.ledger);
        let earlier = version.iter().filter(|(origin, _)| origin.branch == own.branch && *origin < own);
        let has = earlier.map(|&(origin, there)| (origin.incarnation, there, ledger.sequence(origin)));
        if self.lives.show(&self.branches, from, has) {
            self.put_miss_on_record();
        }
        self.all_have_shown(outputs);
        if self.waits.has_requests() {
            self.refuse_lost(outputs);
        }
    }

    fn put_miss_on_record(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.put_on_record(Life { number: self.own.incarnation, had_others: true });
        }
    }

    /// Whether a later life of its branch has been heard of.
    pub(super) fn is_over(&self, origin: Origin) -> bool {
        origin.incarnation < self.lives.latest(&self.branches, origin.branch)
    }

    /// What the lives of this branch wrote and a peer with that version may lack, in an order in which it can take it.
    pub fn written_beyond(&self, version: &[(Origin, u64)]) -> Vec<Delta> {
        let own = self.own.branch;
        let mut pages: Vec<&Page> = self.ledger.pages().map(|(_, page)| page).collect();
        pages.retain(|page| page.origin.branch == own && page.origin <= self.own && page.sequence > 0);
        pages.sort_unstable_by_key(|page| page.origin);
        let known = |origin| version.iter().find(|(page, _)| *page == origin).map_or(0, |&(_, there)| there);
        let lacks = pages.into_iter().filter(|page| known(page.origin) < page.sequence);
        lacks.map(|page| page.delta(known(page.origin))).collect()
    }

    /// Asks all peers what they have now.
    pub(super) fn seek(&mut self, outputs: &mut Vec<Output>) {
        if self.propagation == Propagation::Stream {
            for (&peer, link) in &mut self.links {
                link.ask();
                outputs.push(Output::Ready(peer));
            }
        }
    }

    /// The most that any branch has of a life that is over: all of them have said so since somebody waits for it.
    /// `None`: some have not, or cannot be asked.
    pub(super) fn most_that_is_left(&self, origin: Origin) -> Option<u64> {
        let mut most = self.ledger.sequence(origin);
        for branch in self.branches.iter().filter(|&branch| branch != self.own.branch) {
            most = most.max(self.links.get(&branch)?.has_of(origin, &self.ledger)?);
        }
        (self.propagation == Propagation::Stream).then_some(most)
    }

    /// A neighbour itself says how far it has the own page; perhaps less than before.
    fn held_by(&mut self, peer: BranchId, sequence: u64, may_have_less: bool, outputs: &mut Vec<Output>) {
        let life = self.life_of(peer);
        if self.holders.tell(&self.branches, life, sequence, may_have_less) {
            self.confirm(outputs);
        }
    }

    fn update(&mut self, from: BranchId, update: &Update, outputs: &mut Vec<Output>) -> Result<bool, PeerOffence> {
        for delta in &update.deltas {
            self.join(from, delta, outputs)?;
        }
        let mut confirms = false;
        for &receipt in &update.receipts {
            confirms |= self.take_receipt(from, receipt, outputs)?;
        }
        if confirms {
            self.confirm(outputs);
        }
        if let Some(link) = self.links.get_mut(&from) {
            let origins = update.deltas.iter().map(|delta| delta.origin);
            link.owed.update(self.now, update.number, origins, update.is_urgent);
        }
        Ok(update.is_urgent)
    }

    fn call(&mut self, from: BranchId, call: &Call, outputs: &mut Vec<Output>) -> Result<bool, PeerOffence> {
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
    ) -> Result<bool, PeerOffence> {
        self.judge_version(version)?;
        let Some(link) = self.links.get_mut(&from) else { return Ok(false) };
        // One that is not awaited is old: what it lacks, the peer may have by now, and would not be told again.
        let is_version = number == 0 && link.awaits_version();
        let is_to_ask = number == 0 || link.acknowledged(number, version, &self.ledger);
        if is_version {
            link.learn(version, &self.ledger);
            self.shown(from, version, outputs);
        }
        let held = version.iter().find(|&&(origin, _)| origin == self.own).map(|&(_, sequence)| sequence);
        match held {
            Some(sequence) => self.held_by(from, sequence, is_version, outputs),
            None if is_version => self.held_by(from, 0, true, outputs),
            None => {}
        }
        self.confirm_earlier(outputs);
        Ok(is_to_ask)
    }

    /// A version that a peer says it has.
    fn judge_version(&mut self, version: &[(Origin, u64)]) -> Result<(), PeerOffence> {
        for &(origin, sequence) in version {
            self.judge_origin(origin)?;
            self.hear(origin);
            if origin == self.own && sequence > self.ledger.own().sequence {
                return Err(PeerOffence::OwnPage { claimed: sequence, written: self.ledger.own().sequence });
            }
        }
        Ok(())
    }

    pub(super) fn judge_origin(&self, origin: Origin) -> Result<(), PeerOffence> {
        if self.branches.contains(origin.branch) { Ok(()) } else { Err(PeerOffence::UnknownOrigin { origin }) }
    }

    /// Joins what `from` says of one page; returns how far the page is known now.
    fn join(&mut self, from: BranchId, delta: &Delta, outputs: &mut Vec<Output>) -> Result<u64, PeerOffence> {
        self.judge_origin(delta.origin)?;
        let before = self.ledger.operations();
        let (index, joined) = self.ledger.join(delta)?;
        let Some(index) = index else { return Ok(0) };
        self.hear(delta.origin);
        let sequence = self.ledger.page(index).sequence;
        self.note_joined(delta.origin, sequence - (self.ledger.operations() - before));
        // Calls do not say who calls: that of an earlier life may be late, and what it had may be lost by now.
        let is_of_caller = self.propagation == Propagation::Stream || !self.is_over(delta.origin);
        if let Some(link) = self.links.get_mut(&from).filter(|_| is_of_caller) {
            link.raise(index, delta.sequence.min(sequence), delta.confirm_through);
        }
        match joined {
            Joined::Advanced => {
                self.ledger.set_told_by(index, from);
                self.missed(delta.origin, outputs);
                self.issue_receipt(index, outputs);
                if self.ledger.last_wish() == self.ledger.changes.last() {
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
            self.held_by(from, delta.sequence, false, outputs);
        }
        Ok(sequence)
    }

    /// A page has come: if it is that of an earlier life of this branch, this disk did not have all that was done, also
    /// if by now everything is here that others show.
    fn missed(&mut self, origin: Origin, outputs: &mut Vec<Output>) {
        if origin.branch == self.own.branch && origin < self.own && self.lives.miss() {
            self.put_miss_on_record();
            self.all_have_shown(outputs);
        }
    }

    /// A peer without sessions says that it has come back: it may have lost what it had.
    fn begun_again(&mut self, life: Origin, outputs: &mut Vec<Output>) {
        self.hear(life);
        if let Some(link) = self.links.get_mut(&life.branch) {
            link.greet();
            outputs.push(Output::Ready(life.branch));
        }
        self.seek_if_needed(outputs);
    }

    /// The unary door: an operation that its origin tells us, outside of any session. Without a
    /// delta, the operation counts if it is the one that follows what we have. An empty delta without
    /// an operation says that the origin has come back, and lacks what it was not told since. Returns how
    /// far the origin's page is known now, which may be told once [`Replica::unsaved`] is on disk.
    ///
    /// # Errors
    /// [`PeerOffence`] if what is said cannot be.
    pub fn propagated(
        &mut self,
        origin: Origin,
        operation: Option<(u64, Operation)>,
        delta: Option<Delta>,
        outputs: &mut Vec<Output>,
    ) -> Result<u64, PeerOffence> {
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
    ) -> Result<u64, PeerOffence> {
        self.judge_origin(origin)?;
        if operation.is_none() && delta.as_ref().is_some_and(|delta| delta.sequence == 0) {
            self.begun_again(origin, outputs);
        }
        let plain = || operation.and_then(|(sequence, operation)| self.ledger.delta_of(origin, sequence, operation));
        match delta.or_else(plain) {
            Some(delta) if delta.origin == origin => self.join(origin.branch, &delta, outputs),
            Some(_) => Err(PeerOffence::Malformed { origin, reason: "its operation is another origin's" }),
            None => Ok(self.ledger.sequence(origin)),
        }
    }
}
