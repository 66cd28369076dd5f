//! The customer's half of the replica: requests wait for their version, are judged once, committed
//! to the own page, and wait for their concern.

use super::{
    Output, Receipt, Replica, Request,
    answers::Recall,
    waits::{Expired, MAX_WAITING, WaitingWrite},
};
use crate::types::{Action, Answer, Committed, Operation, OperationKind, Origin, Propagation, Queried, Refusal, Time};

impl Replica {
    pub(super) fn request(&mut self, request: Request, outputs: &mut Vec<Output>) {
        if let Some((origin, sequence)) = self.ledger.shortfall(&request.terms.at_least) {
            if self.waits.is_full() {
                return reply(request.ticket, Err(Refusal::Overloaded { limit: MAX_WAITING }), outputs);
            }
            return self.waits.park_request(origin, sequence, request);
        }
        match request.action {
            Action::Query { account } => {
                let answer = self.ledger.balance(account).map(|balance| {
                    let version = request.include_version.then(|| self.ledger.version());
                    Answer::Queried(Queried { balance, version })
                });
                reply(request.ticket, answer, outputs);
            }
            Action::Write(operation) => self.write(&request, operation, outputs),
        }
    }

    fn write(&mut self, request: &Request, operation: Operation, outputs: &mut Vec<Output>) {
        let needed = request.terms.concern.replicas(self.branches.len());
        if needed > 1 && self.waits.is_full() {
            return reply(request.ticket, Err(Refusal::Overloaded { limit: MAX_WAITING }), outputs);
        }
        match self.decide(request, operation, outputs) {
            Ok(committed) if self.holders(committed) < needed => {
                self.ledger.want_receipts();
                let (ticket, concern, deadline) = (request.ticket, request.terms.concern, request.deadline);
                self.waits.park_write(needed, WaitingWrite { ticket, concern, committed, deadline });
            }
            outcome => reply(request.ticket, outcome.map(Answer::Committed), outputs),
        }
    }

    /// What comes of a write: what came of it before, if this is a retry.
    fn decide(
        &mut self,
        request: &Request,
        operation: Operation,
        outputs: &mut Vec<Output>,
    ) -> Result<Committed, Refusal> {
        let Some(id) = request.id else { return self.commit(operation, outputs) };
        match self.answers.recall(id, operation) {
            Recall::Decided(outcome) => outcome,
            Recall::Conflict => Err(Refusal::RequestConflict { request: id }),
            Recall::Expired => Err(Refusal::RequestExpired { request: id }),
            Recall::New => {
                let outcome = self.commit(operation, outputs);
                self.answers.remember(id, operation, outcome);
                outcome
            }
        }
    }

    fn commit(&mut self, operation: Operation, outputs: &mut Vec<Output>) -> Result<Committed, Refusal> {
        self.judge(operation)?;
        let balance = self.ledger.commit(operation)?;
        let sequence = self.ledger.own().sequence;
        if self.propagation == Propagation::Unary {
            for link in self.links.values_mut() {
                link.queue_operation(sequence, operation);
            }
        }
        self.wake_idle(outputs);
        Ok(Committed { origin: self.own, sequence, balance })
    }

    /// Whether the money is there, as far as this branch sees. Concurrent withdrawals at several
    /// branches can overdraw an account; escrow (what a branch may spend without asking) will be
    /// judged here.
    fn judge(&self, operation: Operation) -> Result<(), Refusal> {
        let available = self.ledger.balance(operation.account)?;
        let requested = operation.amount;
        if operation.kind == OperationKind::Withdraw && available < requested.value() as i64 {
            return Err(Refusal::InsufficientFunds { available, requested });
        }
        Ok(())
    }

    /// How many replicas are known to have a write of this branch.
    fn holders(&self, committed: Committed) -> usize {
        let has =
            |&&branch: &&_| branch == self.own.branch || self.receipts.sequence(self.own, branch) >= committed.sequence;
        self.branches.iter().filter(has).count()
    }

    /// A replica has the own page up to some sequence: answers the writes that waited for that.
    pub(super) fn received(&mut self, receipt: Receipt, outputs: &mut Vec<Output>) {
        if !self.receipts.raise(receipt) || receipt.origin != self.own {
            return;
        }
        for needed in self.waits.needs() {
            let mut sequences: Vec<u64> =
                self.branches.iter().map(|&branch| self.receipts.sequence(self.own, branch)).collect();
            // The own branch has all of it; the receipts say nothing of it.
            sequences.sort_unstable_by(|a, b| b.cmp(a));
            let through = sequences.get(needed - 2).copied().unwrap_or(0);
            for write in self.waits.take_writes(needed, through) {
                reply(write.ticket, Ok(Answer::Committed(write.committed)), outputs);
            }
        }
    }

    /// A page has moved on: decides the requests that waited for that.
    pub(super) fn reached(&mut self, origin: Origin, outputs: &mut Vec<Output>) {
        for request in self.waits.take_requests(origin, self.ledger.sequence(origin)) {
            self.request(request, outputs);
        }
    }

    pub(super) fn expire(&mut self, now: Time, outputs: &mut Vec<Output>) {
        for expired in self.waits.expire(now) {
            match expired {
                Expired::Request(request) => reply(request.ticket, Err(Refusal::VersionNotReached), outputs),
                Expired::Write(WaitingWrite { ticket, concern, committed, .. }) => {
                    let (reached, needed) = (self.holders(committed), concern.replicas(self.branches.len()));
                    reply(ticket, Err(Refusal::ConcernNotReached { concern, reached, needed }), outputs);
                }
            }
        }
    }
}

fn reply(ticket: u64, answer: Result<Answer, Refusal>, outputs: &mut Vec<Output>) {
    outputs.push(Output::Reply { ticket, answer: answer.unwrap_or_else(Answer::Refused) });
}
