//! What a replica does, written down as rows of a trace: the same for every driver of it, so that a
//! simulated bank and a served one tell their stories in the same words.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    replica::{Delta, News, PeerMessage, Request},
    trace::{
        Buffer, Change, Event, FaultKind, Mark, Message, MessageId, MessageKind, Place, Range, Read, Refused, Room,
        Write,
    },
    types::{Action, Answer, BranchId, OperationKind, Origin, RequestId, Time},
};

/// A request that is under way.
#[derive(Clone, Copy, Debug)]
struct PendingRow {
    at: Time,
    action: Action,
    id: Option<RequestId>,
    /// Its row, once it was decided.
    place: Option<Place>,
}

/// Writes one branch's rows.
#[derive(Clone, Debug)]
pub struct Recorder {
    buffer: Buffer,
    /// By ticket. Invariant: no more than wait in the replica, or for its disk.
    asked: BTreeMap<u64, PendingRow>,
    /// The message that the branch is taking.
    taking: Option<MessageId>,
}

impl Recorder {
    /// The recorder of `branch`, one of `branches`; rows are kept as long as there is room.
    pub fn new(branch: BranchId, branches: &BTreeSet<BranchId>, room: Arc<Room>) -> Self {
        Self { buffer: Buffer::new(branch, branches, room), asked: BTreeMap::new(), taking: None }
    }

    /// What was written.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The recorder of the branch's next life: see [`Buffer::next_life`].
    pub fn next_life(&self) -> Self {
        Self { buffer: self.buffer.next_life(), asked: BTreeMap::new(), taking: None }
    }

    /// Goes on after an earlier life whose rows are elsewhere: see [`Buffer::resume`].
    pub fn resume(&mut self, clock: u64, messages: u64) {
        self.buffer.resume(clock, messages);
    }

    /// A request has arrived. To be called before the replica's step.
    pub fn asked(&mut self, at: Time, request: &Request) {
        self.asked.insert(request.ticket, PendingRow { at, action: request.action, id: request.id, place: None });
    }

    /// A step is over: writes its news. To be called before anything of its outputs is written.
    pub fn stepped(&mut self, at: Time, news: impl Iterator<Item = News>) {
        let message = self.taking.take();
        for news in news {
            match news {
                News::Committed { ticket, operation, committed, known } => {
                    let write = Write {
                        origin: committed.origin,
                        sequence: committed.sequence,
                        account: operation.account,
                        amount: operation.amount.value(),
                        balance: committed.balance,
                        known,
                        request: self.asked.get(&ticket).and_then(|asked| asked.id),
                        waited_us: None,
                    };
                    let event = match operation.kind {
                        OperationKind::Deposit => Event::Deposit(write),
                        OperationKind::Withdraw => Event::Withdraw(write),
                    };
                    self.decided(at, ticket, event);
                }
                News::Queried { ticket, account, balance, known } => {
                    let request = self.asked.get(&ticket).and_then(|asked| asked.id);
                    self.decided(at, ticket, Event::Query(Read { account, balance, known, request, waited_us: None }));
                }
                News::Joined { .. } => self.joined(at, news, message),
            }
        }
    }

    fn decided(&mut self, at: Time, ticket: u64, event: Event) {
        let place = self.buffer.happened(at, event);
        if let Some(asked) = self.asked.get_mut(&ticket) {
            asked.place = place;
        }
    }

    fn joined(&mut self, at: Time, news: News, message: Option<MessageId>) {
        if let Some(change) = change(news, message) {
            self.buffer.happened(at, Event::Joined(change));
        }
    }

    /// A request is answered. What was decided gets its wait, and the balance as it is told; a retry that
    /// is answered as the first try was has no row.
    pub fn answered(&mut self, at: Time, ticket: u64, answer: &Answer) {
        let Some(asked) = self.asked.remove(&ticket) else { return };
        let waited = Some(at.0.saturating_sub(asked.at.0));
        let event = asked.place.and_then(|place| self.buffer.event_mut(place));
        match (answer, event) {
            (Answer::Refused(refusal), _) => {
                self.refused(at, Some(asked.action), asked.id, waited, refusal.to_string());
            }
            (Answer::Committed(committed), Some(Event::Deposit(write) | Event::Withdraw(write))) => {
                (write.waited_us, write.balance) = (waited, committed.balance);
            }
            (Answer::Queried(queried), Some(Event::Query(read))) => {
                (read.waited_us, read.balance) = (waited, queried.balance);
            }
            (Answer::Committed(_) | Answer::Queried(_), _) => {}
        }
    }

    /// Whoever asked waits no longer. What was decided has its row.
    pub fn gave_up(&mut self, ticket: u64) {
        self.asked.remove(&ticket);
    }

    /// A request is refused; `None`: it could not even be asked.
    pub fn refused(
        &mut self,
        at: Time,
        action: Option<Action>,
        request: Option<RequestId>,
        waited_us: Option<u64>,
        reason: String,
    ) {
        let (account, amount) = match action {
            None => (None, None),
            Some(Action::Query { account }) => (Some(account), None),
            Some(Action::Write(operation)) => (Some(operation.account), Some(operation.amount.value())),
        };
        self.buffer.happened(at, Event::Refused(Box::new(Refused { account, amount, request, waited_us, reason })));
    }

    /// A message leaves for a peer; the mark is to travel with it.
    pub fn sent(&mut self, at: Time, message: Message) -> Mark {
        self.buffer.sent(at, message)
    }

    /// A peer's message has come. To be called before the replica's step: what joins then, it brought.
    pub fn received(&mut self, at: Time, message: Message, mark: Option<Mark>) {
        self.buffer.received(at, message, mark);
        self.taking = mark.map(|mark| mark.id);
    }

    /// A message that this branch had sent is lost.
    pub fn lost(&mut self, at: Time, message: Message) {
        self.buffer.happened(at, Event::Lost(message));
    }

    /// A message that this branch has sent will arrive twice.
    pub fn doubled(&mut self, at: Time, message: Message) {
        self.buffer.happened(at, Event::Doubled(message));
    }

    /// A session of a link has begun.
    pub fn link_up(&mut self, at: Time, peer: BranchId) {
        self.buffer.happened(at, Event::LinkUp(peer));
    }

    /// It has ended.
    pub fn link_down(&mut self, at: Time, peer: BranchId) {
        self.buffer.happened(at, Event::LinkDown(peer));
    }

    /// Something befell the branch on purpose. One that is killed answers nobody any more.
    pub fn fault(&mut self, at: Time, kind: FaultKind, peer: Option<BranchId>, reason: Option<String>) {
        if kind == FaultKind::Killed {
            self.asked.clear();
            self.taking = None;
        }
        self.buffer.fault(at, kind, peer, reason);
    }

    /// A new life begins with what the disk had: what a replica tells when it is first watched.
    pub fn recovered(&mut self, at: Time, news: impl Iterator<Item = News>) {
        for change in news.filter_map(|news| change(news, None)) {
            self.buffer.happened(at, Event::Recovered(change));
        }
    }
}

fn change(news: News, message: Option<MessageId>) -> Option<Change> {
    match news {
        News::Joined { origin, from, through, account, change, balance, known } => {
            Some(Change { range: Range { origin, from, through }, account, amount: change, balance, known, message })
        }
        News::Committed { .. } | News::Queried { .. } => None,
    }
}

/// A message between branches, as a trace tells it.
pub fn message(peer: BranchId, message: &PeerMessage, bytes: Option<u64>) -> Message {
    let (kind, operations, carries) = match message {
        PeerMessage::Greeting { .. } => (MessageKind::Greeting, 0, None),
        PeerMessage::Acknowledgement { .. } => (MessageKind::Acknowledgement, 0, None),
        PeerMessage::Update(update) => {
            let carries = if let [delta] = update.deltas.as_slice() { range(delta) } else { None };
            (MessageKind::Update, update.deltas.iter().map(operations).sum(), carries)
        }
        PeerMessage::Call(told) => return call(peer, &told.delta, bytes),
    };
    Message { peer, kind, id: None, operations, bytes, carries }
}

/// A unary call, as a trace tells it.
pub fn call(peer: BranchId, delta: &Delta, bytes: Option<u64>) -> Message {
    Message { peer, kind: MessageKind::Call, id: None, operations: operations(delta), bytes, carries: range(delta) }
}

/// A unary call that says no more than one operation.
pub fn plain_call(peer: BranchId, origin: Origin, sequence: u64, bytes: Option<u64>) -> Message {
    let carries = Some(Range { origin, from: sequence, through: sequence });
    Message { peer, kind: MessageKind::Call, id: None, operations: 1, bytes, carries }
}

fn operations(delta: &Delta) -> u64 {
    // A peer may say anything.
    delta.sequence.saturating_sub(delta.base)
}

fn range(delta: &Delta) -> Option<Range> {
    let (origin, from, through) = (delta.origin, delta.base.saturating_add(1), delta.sequence);
    (from <= through).then_some(Range { origin, from, through })
}
