//! The customer's half of the replica: requests wait for their version, are judged once, committed
//! to the own page, and wait for their concern.

use super::{
    answers::{Outcome, Recall},
    disk::DiskLink,
    input::Request,
    ledger::Ledger,
    lives::Where,
    machine::Replica,
    news::News,
    output::Output,
    waits::{Expired, MAX_WAITING, WaitingWrite},
};
use crate::types::{
    Action, Answer, Committed, Concern, Operation, OperationKind, Origin, Propagation, Queried, Refusal, Time, Tried,
};

/// A retry waits so until every branch has shown what it has of the lives before: no page ever gets so far.
const UNTIL_ALL_HAVE_SHOWN: u64 = u64::MAX;

/// What is known of earlier tries of a request.
enum Earlier {
    /// There was none, or none that did anything.
    None,
    /// What came of it.
    Decided(Outcome),
    /// Perhaps something; that will turn out.
    Unknown,
}

impl Replica {
    /// A customer asks. What it writes may be what others wait for.
    pub(super) fn request(&mut self, request: Request, outputs: &mut Vec<Output>) {
        self.take(request, outputs);
        self.reached(self.own, outputs);
    }

    /// Whoever asked waits no longer. What was not decided never will be, and can be asked again; what is
    /// committed stays so.
    pub(super) fn give_up(&mut self, ticket: u64) {
        self.waits.take(ticket);
    }

    /// A request of somebody who may have no further request wait: it is decided, or refused for good.
    pub(super) fn request_at_once(&mut self, request: Request, limit: usize, outputs: &mut Vec<Output>) {
        let ticket = request.ticket;
        // What would be committed only to wait: not if it may have been committed before.
        let is_new = match (request.id, request.action) {
            (_, Action::Query { .. }) => false,
            (None, Action::Write(_)) => true,
            (Some(id), Action::Write(operation)) => {
                request.terms.tried == Tried::Never && self.answers.recall(id, operation) == Recall::New
            }
        };
        if is_new && request.terms.concern.replicas(self.branches.len()) > 1 {
            let refused = self.refuse(&request, Refusal::Overloaded { limit });
            return outputs.push(Output::Reply { ticket, answer: Answer::Refused(refused) });
        }
        self.request(request, outputs);
        match self.waits.take(ticket) {
            None => {}
            Some(Expired::Request(request)) => {
                let verdict = self.end_wait(&request, Refusal::Overloaded { limit });
                let answer = verdict.map_or_else(Answer::Refused, Answer::Committed);
                outputs.push(Output::Reply { ticket, answer });
            }
            Some(Expired::Write(write)) => {
                // Its time is over now.
                let needed = write.concern.replicas(self.branches.len());
                self.waits.park_write(needed, WaitingWrite { deadline: self.now, ..write });
                self.expire(self.now, outputs);
            }
        }
    }

    /// A page has moved on: decides the requests that waited for that, and those that waited for what
    /// these write, and so on: in a loop, since a chain of them may be long.
    pub(super) fn reached(&mut self, origin: Origin, outputs: &mut Vec<Output>) {
        if !self.waits.has_requests() {
            return;
        }
        let mut woken = self.waits.take_requests(origin, self.ledger.sequence(origin));
        while !woken.is_empty() {
            for request in woken {
                self.take(request, outputs);
            }
            woken = self.waits.take_requests(self.own, self.ledger.own().sequence);
        }
    }

    /// Decides a request, or lets it wait. A retry of what was decided waits for no version, and is
    /// never refused as if nothing had been done.
    fn take(&mut self, request: Request, outputs: &mut Vec<Output>) {
        let lacks = match self.recall(&request) {
            Earlier::Decided(outcome) => return self.conclude(&request, outcome, outputs),
            Earlier::Unknown => Some((self.own, UNTIL_ALL_HAVE_SHOWN)),
            Earlier::None => self.ledger.shortfall(&request.terms.at_least),
        };
        if let Some((origin, sequence)) = lacks {
            if self.is_full() {
                let verdict = self.end_wait(&request, Refusal::Overloaded { limit: MAX_WAITING });
                return reply(request.ticket, verdict.map(Answer::Committed), outputs);
            }
            return self.park(origin, sequence, request, outputs);
        }
        match request.action {
            Action::Query { account } => {
                let (ticket, answer) = (request.ticket, self.ledger.balance(account));
                if let Ok(balance) = answer {
                    self.note(|replica| News::Queried { ticket, account, balance, known: replica.operations() });
                }
                let answer = answer.map(|balance| {
                    let version = request.include_version.then(|| self.ledger.version());
                    Answer::Queried(Queried { balance, version })
                });
                reply(ticket, answer, outputs);
            }
            Action::Write(operation) => self.write(&request, operation, outputs),
        }
    }

    fn write(&mut self, request: &Request, operation: Operation, outputs: &mut Vec<Output>) {
        if self.needed(request.terms.concern) > 1 && self.is_full() {
            let refused = self.refuse(request, Refusal::Overloaded { limit: MAX_WAITING });
            return reply(request.ticket, Err(refused), outputs);
        }
        let outcome = self.commit(operation, outputs);
        if let Ok(committed) = outcome {
            let ticket = request.ticket;
            self.note(|replica| News::Committed { ticket, operation, committed, known: replica.operations() });
        }
        if let Some(id) = request.id {
            self.answers.remember(self.now, id, operation, outcome);
        }
        self.conclude(request, outcome, outputs);
    }

    /// Refuses a request for good: another try of it that still waits here must not be executed after
    /// the customer was told that nothing was done.
    pub(super) fn refuse(&mut self, request: &Request, refusal: Refusal) -> Refusal {
        if let (Some(id), Action::Write(operation)) = (request.id, request.action) {
            self.answers.remember(self.now, id, operation, Err(refusal));
        }
        refusal
    }

    /// Whether too many requests wait already: for a version, for a concern or for the disk.
    fn is_full(&self) -> bool {
        self.waits.count() + self.disk.as_ref().map_or(0, DiskLink::held) >= MAX_WAITING
    }

    /// Lets a request wait until `origin` has reached `sequence`.
    fn park(&mut self, origin: Origin, sequence: u64, request: Request, outputs: &mut Vec<Output>) {
        self.waits.park_request(origin, sequence, request);
        if self.is_over(origin) {
            self.seek(outputs);
        }
    }

    /// Refuses the requests that wait for what a life has taken with it.
    pub(super) fn refuse_lost(&mut self, outputs: &mut Vec<Output>) {
        for origin in self.waits.origins() {
            if !self.is_over(origin) {
                continue;
            }
            let Some(most) = self.most_that_is_left(origin) else { continue };
            for request in self.waits.take_requests_beyond(origin, most) {
                let verdict = self.end_wait(&request, Refusal::VersionLost { origin, most });
                reply(request.ticket, verdict.map(Answer::Committed), outputs);
            }
        }
    }

    /// What came of a write before, if this is a retry.
    fn recall(&mut self, request: &Request) -> Earlier {
        let (Some(id), Action::Write(operation)) = (request.id, request.action) else { return Earlier::None };
        let expired = Earlier::Decided(Err(Refusal::RequestExpired { request: id }));
        match self.answers.recall(id, operation) {
            recall @ (Recall::New | Recall::Stranger) => {
                match self.may_have_been_executed(request.terms.tried, recall) {
                    Some(true) => return expired,
                    Some(false) => {}
                    None => return Earlier::Unknown,
                }
                let room = self.answers.make_room(self.now, id.client);
                room.map_or_else(|limit| Earlier::Decided(Err(Refusal::Overloaded { limit })), |()| Earlier::None)
            }
            Recall::Decided(outcome) => Earlier::Decided(outcome),
            Recall::Conflict => Earlier::Decided(Err(Refusal::RequestConflict { request: id })),
            Recall::Expired => expired,
        }
    }

    /// Whether an earlier try that is not remembered may have been executed: by a life of which this one knows
    /// nothing, or by one whose answers may have been forgotten. A life that ran on this disk has not, if the disk
    /// is the one that it left; `None`: that is not certain yet.
    fn may_have_been_executed(&self, tried: Tried, recall: Recall) -> Option<bool> {
        let place = match tried {
            Tried::Never => return Some(false),
            Tried::In(life) => self.lives.of_tries_in(life),
            Tried::Sometime => self.lives.of_any_tries(),
        };
        match (place, recall) {
            (Where::Elsewhere, _) | (_, Recall::Stranger) => Some(true),
            (Where::Here, _) => Some(false),
            (Where::OnThisDisk, _) => self.lives.is_whole().map(|is_whole| !is_whole),
        }
    }

    /// Decides the requests that waited until it was certain what this disk has.
    pub(super) fn all_have_shown(&mut self, outputs: &mut Vec<Output>) {
        if self.waits.has_requests() && self.lives.is_whole().is_some() {
            for request in self.waits.take_requests(self.own, UNTIL_ALL_HAVE_SHOWN) {
                self.take(request, outputs);
            }
        }
    }

    /// Answers a write that was decided, once its concern is reached.
    fn conclude(&mut self, request: &Request, outcome: Outcome, outputs: &mut Vec<Output>) {
        let (ticket, concern, deadline) = (request.ticket, request.terms.concern, request.deadline);
        match outcome.and_then(|committed| self.confirmed(concern, committed)) {
            Err(Refusal::ConcernNotReached { .. }) if !self.is_full() => {
                let Ok(committed) = outcome else { return };
                self.ledger.want_receipts();
                self.wake_all(outputs);
                // Its operations stand on all that earlier lives did.
                let through = if committed.origin == self.own { committed.sequence } else { 1 };
                let write = WaitingWrite { ticket, concern, committed, through, deadline };
                self.waits.park_write(self.needed(concern), write);
            }
            verdict => reply(ticket, verdict.map(Answer::Committed), outputs),
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
        self.wake_idle(Ledger::OWN, outputs);
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

    /// How many replicas must have a write.
    fn needed(&self, concern: Concern) -> usize {
        concern.replicas(self.branches.len())
    }

    /// A committed write, if as many replicas are known to have it as its concern asks for.
    fn confirmed(&self, concern: Concern, committed: Committed) -> Outcome {
        let needed = self.needed(concern);
        if needed <= 1 {
            return Ok(committed);
        }
        let reached = 1 + if committed.origin == self.own {
            self.received_by_others().filter(|&sequence| sequence >= committed.sequence).count()
        } else {
            self.others_with_earlier(committed)
        };
        if reached >= needed { Ok(committed) } else { Err(Refusal::ConcernNotReached { concern, reached, needed }) }
    }

    /// How many others are known to have a write of an earlier life: those that have an own operation, which stands on
    /// it, and neighbours that say so.
    fn others_with_earlier(&self, committed: Committed) -> usize {
        let Some(index) = self.ledger.find(committed.origin) else { return 0 };
        let says_so = |branch| self.links.get(&branch).is_some_and(|link| link.has(index) >= committed.sequence);
        let others = self.branches.iter().filter(|&branch| branch != self.own.branch);
        let counts = others.zip(self.received_by_others());
        counts.filter(|&(branch, sequence)| sequence > 0 || says_so(branch)).count()
    }

    /// A neighbour says what it has: answers the writes of earlier lives that waited for that.
    pub(super) fn confirm_earlier(&mut self, outputs: &mut Vec<Output>) {
        for write in self.waits.writes_before(self.own) {
            if self.confirmed(write.concern, write.committed).is_ok() {
                self.waits.take(write.ticket);
                reply(write.ticket, Ok(Answer::Committed(write.committed)), outputs);
            }
        }
    }

    /// How far each other replica is known to have the own page.
    fn received_by_others(&self) -> impl Iterator<Item = u64> + '_ {
        self.holders.others(&self.branches, self.own.branch)
    }

    /// Some replica has more of the own page: answers the writes that waited for that.
    pub(super) fn confirm(&mut self, outputs: &mut Vec<Output>) {
        for needed in self.waits.needs() {
            let mut sequences: Vec<u64> = self.received_by_others().collect();
            sequences.sort_unstable_by(|a, b| b.cmp(a));
            // The own branch has all of it; so the last one needed is the `needed - 1`th other.
            let through = sequences.get(needed - 2).copied().unwrap_or(0);
            for write in self.waits.take_writes(needed, through) {
                reply(write.ticket, Ok(Answer::Committed(write.committed)), outputs);
            }
        }
        self.confirm_earlier(outputs);
    }

    pub(super) fn expire(&mut self, now: Time, outputs: &mut Vec<Output>) {
        for expired in self.waits.expire(now) {
            let (ticket, verdict) = match expired {
                Expired::Write(WaitingWrite { ticket, concern, committed, .. }) => {
                    (ticket, self.confirmed(concern, committed))
                }
                Expired::Request(request) => (request.ticket, self.end_wait(&request, Refusal::VersionNotReached)),
            };
            reply(ticket, verdict.map(Answer::Committed), outputs);
        }
    }

    /// What a request is told that cannot wait, or waited in vain. Another try may have been decided meanwhile: then it is not true
    /// that nothing was done, or it was refused for another reason.
    pub(super) fn end_wait(&mut self, request: &Request, refusal: Refusal) -> Result<Committed, Refusal> {
        match (self.recall(request), request.id) {
            (Earlier::Decided(outcome), _) => {
                outcome.and_then(|committed| self.confirmed(request.terms.concern, committed))
            }
            (Earlier::Unknown, Some(request)) => Err(Refusal::RequestExpired { request }),
            (Earlier::None | Earlier::Unknown, _) => Err(self.refuse(request, refusal)),
        }
    }
}

fn reply(ticket: u64, answer: Result<Answer, Refusal>, outputs: &mut Vec<Output>) {
    outputs.push(Output::Reply { ticket, answer: answer.unwrap_or_else(Answer::Refused) });
}
