//! What a replica knows of one peer, and what it says to it next. At most one update is under way
//! on a link; whatever happens meanwhile gathers into the next one. How soon that one may leave on a
//! busy link is its [`Tempo`]'s to say.

use std::collections::{BTreeSet, VecDeque};

use super::{
    Call, Delta, PeerMessage, Receipt, Update,
    flight::{InFlight, Known},
    ledger::{Ledger, PageIndex},
    receipts::Receipts,
    tempo::{Pace, Tempo},
};
use crate::types::{BranchId, Duration, MAX_ORIGINS, Operation, Origin, Propagation, Time};

/// The wait before an unacknowledged message is sent again doubles up to this many times its first.
const RESEND_AFTER_FACTOR: u64 = 8;

/// An update is closed once it holds this many entries or receipts. (A single page is never cut.)
const UPDATE_SIZE: usize = 4096;

/// The most operations that wait for their own call; older ones are in the page's totals anyway.
const MAX_OPERATIONS: usize = 1024;

/// Where the exchange of versions stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Greeting {
    Due,
    Sent,
    Done,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    peer: BranchId,
    /// The branches of whose pages the peer hears from somebody else: left to that one at first.
    heard_elsewhere: BTreeSet<BranchId>,
    /// The same for each page of the ledger that was looked at, to be found quickly.
    is_heard_elsewhere: Vec<bool>,
    pace: Pace,

    up: bool,
    greeting: Greeting,
    /// Whether the peer's version is known in this session.
    greeted: bool,
    /// Of each page of the ledger; what is not here yet, the peer does not have.
    known: Vec<Known>,
    /// Up to which change of the ledger, and of the receipts, the peer has been told.
    cursor: u64,
    receipt_cursor: u64,
    in_flight: Option<InFlight>,
    tempo: Tempo,
    last_number: u64,
    resend_at: Option<Time>,
    greet_again_at: Option<Time>,
    resend_after: Duration,
    repair_at: Option<Time>,
    /// During a repair, nothing is left to anybody else.
    repairing: bool,
    /// Whether the peer says that it lacks what it was just sent: then a repair is due later.
    denied: bool,
    /// Whether the last call was an operation's: then a repair may come first.
    called_operation: bool,
    /// Acknowledgements we owe: of a greeting, and of an update with these origins' pages, some
    /// perhaps without any page here, some perhaps named twice. What is beyond [`MAX_ORIGINS`] goes
    /// without: it is sent again.
    owes_version: bool,
    owes_update: Option<(u64, Vec<Origin>)>,
    /// The own operations that still need a call of their own, oldest first.
    operations: VecDeque<(u64, Operation)>,
}

impl Link {
    pub(super) fn new(peer: BranchId, heard_elsewhere: BTreeSet<BranchId>, pace: Pace) -> Self {
        Self {
            peer,
            heard_elsewhere,
            is_heard_elsewhere: Vec::new(),
            pace,
            up: false,
            greeting: Greeting::Due,
            greeted: false,
            known: Vec::new(),
            cursor: 0,
            receipt_cursor: 0,
            in_flight: None,
            tempo: Tempo::new(),
            last_number: 0,
            resend_at: None,
            greet_again_at: None,
            resend_after: pace.resend_after,
            repair_at: None,
            repairing: true,
            denied: false,
            called_operation: false,
            owes_version: false,
            owes_update: None,
            operations: VecDeque::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    /// A new session: forgets what the peer had, for it may have lost it.
    pub(super) fn up(&mut self) {
        let operations = std::mem::take(&mut self.operations);
        let heard_elsewhere = std::mem::take(&mut self.heard_elsewhere);
        let is_heard_elsewhere = std::mem::take(&mut self.is_heard_elsewhere);
        let fresh = Self::new(self.peer, heard_elsewhere, self.pace);
        *self = Self { up: true, operations, is_heard_elsewhere, ..fresh };
    }

    pub(super) fn down(&mut self) {
        self.up = false;
        self.resend_at = None;
        self.greet_again_at = None;
        self.repair_at = None;
    }

    fn known(&self, index: PageIndex) -> Known {
        self.known.get(index).copied().unwrap_or_default()
    }

    fn known_mut(&mut self, index: PageIndex) -> &mut Known {
        if self.known.len() <= index {
            self.known.resize(index + 1, Known::default());
        }
        &mut self.known[index]
    }

    /// The peer itself told us this much of the page.
    pub(super) fn raise(&mut self, index: PageIndex, sequence: u64, confirm_through: u64) {
        let known = self.known_mut(index);
        known.sequence = sequence.max(known.sequence);
        known.confirm_through = confirm_through.max(known.confirm_through);
    }

    /// The peer says how far it has these pages: it knows best, even if that is less than we thought.
    fn set(&mut self, version: &[(Origin, u64)], ledger: &Ledger) {
        for &(origin, sequence) in version {
            if let Some(index) = ledger.find(origin) {
                self.known_mut(index).sequence = sequence;
            }
        }
    }

    /// The peer's whole version, by its greeting or its answer to ours. Starts a repair.
    pub(super) fn learn(&mut self, version: &[(Origin, u64)], ledger: &Ledger) {
        self.greeted = true;
        self.greeting = Greeting::Done;
        self.greet_again_at = None;
        self.repair_at = None;
        self.resend_after = self.pace.resend_after;
        self.known.iter_mut().for_each(|known| known.sequence = 0);
        self.set(version, ledger);
        self.cursor = 0;
        if let Some(sent) = &mut self.in_flight {
            sent.cursor = 0;
        }
        self.repairing = true;
    }

    /// Whether we wait for the answer to a greeting.
    pub(super) fn awaits_version(&self) -> bool {
        self.greeting == Greeting::Sent
    }

    pub(super) fn owe_version(&mut self) {
        self.owes_version = true;
    }

    pub(super) fn owe_update(&mut self, number: u64, origins: impl IntoIterator<Item = Origin>) {
        let (owed, owed_origins) = self.owes_update.get_or_insert_default();
        *owed = number.max(*owed);
        let room = MAX_ORIGINS.saturating_sub(owed_origins.len());
        owed_origins.extend(origins.into_iter().take(room));
    }

    /// The peer has taken update `number` and now has these pages so far. Ignored unless it is the
    /// one under way.
    pub(super) fn acknowledged(&mut self, now: Time, number: u64, version: &[(Origin, u64)], ledger: &Ledger) {
        let Some(sent) = self.in_flight.take_if(|sent| sent.number == number) else { return };
        self.tempo.answered(now);
        let thought: Vec<u64> = sent.pages.iter().map(|&(index, _)| self.known(index).sequence).collect();
        self.set(version, ledger);
        self.cursor = sent.cursor;
        self.receipt_cursor = sent.receipt_cursor;
        for ((index, told), thought) in sent.pages.into_iter().zip(thought) {
            if self.known(index).sequence < thought {
                // It lost something that we thought it had: look at every page again.
                self.cursor = 0;
            } else if self.known(index).sequence < told.sequence {
                // It has what it needed to take this, and denies that it did. To send it again at once
                // would be a loop as fast as the wire.
                self.denied = true;
            } else {
                self.raise(index, told.sequence, told.confirm_through);
            }
        }
        if sent.carries_operation {
            self.operations.pop_front();
        }
        self.resend_after = self.pace.resend_after;
        self.resend_at = None;
    }

    /// An own operation that will need a call of its own.
    pub(super) fn queue_operation(&mut self, sequence: u64, operation: Operation) {
        if self.operations.len() >= MAX_OPERATIONS {
            // The first may be under way; the second is the oldest that is not.
            self.operations.remove(1);
        }
        self.operations.push_back((sequence, operation));
    }

    /// The peer itself sent the receipt: it need not hear it, unless something before it is due.
    pub(super) fn skip_receipt(&mut self, before: u64, after: u64) {
        if self.in_flight.is_none() && self.receipt_cursor == before {
            self.receipt_cursor = after;
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        [self.resend_at, self.greet_again_at, self.repair_at].into_iter().flatten().min()
    }

    /// Asks for the peer's version.
    pub(super) fn greet(&mut self) {
        self.greeting = Greeting::Due;
    }

    /// Acts on deadlines that have passed; whether there is something to send now.
    pub(super) fn tick(&mut self, now: Time) -> bool {
        let due = |at: &mut Option<Time>| at.take_if(|at| *at <= now).is_some();
        let resend = due(&mut self.resend_at);
        let greet_again = due(&mut self.greet_again_at);
        let repair = due(&mut self.repair_at);
        if resend {
            self.in_flight = None;
        }
        if greet_again || repair {
            self.greet();
        }
        if resend || greet_again {
            let longest = Duration(self.pace.resend_after.0.saturating_mul(RESEND_AFTER_FACTOR));
            self.resend_after = Duration(self.resend_after.0.saturating_mul(2)).min(longest);
        }
        resend || greet_again || repair
    }

    /// The next message, if there is one and the link has room for it.
    pub(super) fn poll(&mut self, now: Time, ledger: &mut Ledger, receipts: &Receipts) -> Option<PeerMessage> {
        if !self.up {
            return None;
        }
        self.poll_acknowledgement(ledger)
            .or_else(|| self.poll_greeting(now, ledger))
            .or_else(|| self.poll_pages(now, ledger, receipts))
    }

    fn poll_acknowledgement(&mut self, ledger: &Ledger) -> Option<PeerMessage> {
        if std::mem::take(&mut self.owes_version) {
            return Some(PeerMessage::Acknowledgement { number: 0, version: ledger.version().iter().collect() });
        }
        let (number, mut origins) = self.owes_update.take()?;
        origins.sort_unstable();
        origins.dedup();
        let version = origins.into_iter().map(|origin| (origin, ledger.sequence(origin)));
        Some(PeerMessage::Acknowledgement { number, version: version.collect() })
    }

    fn poll_greeting(&mut self, now: Time, ledger: &Ledger) -> Option<PeerMessage> {
        if self.greeting != Greeting::Due {
            return None;
        }
        self.greeting = Greeting::Sent;
        self.greet_again_at = Some(now + self.resend_after);
        Some(PeerMessage::Greeting { version: ledger.version() })
    }

    fn poll_pages(&mut self, now: Time, ledger: &mut Ledger, receipts: &Receipts) -> Option<PeerMessage> {
        if std::mem::take(&mut self.denied) {
            self.repair_at.get_or_insert(now + self.pace.repair_after);
        }
        if !self.greeted || self.in_flight.is_some() || self.paced_until(now, ledger, receipts).is_some() {
            return None;
        }
        let message = match self.pace.propagation {
            Propagation::Stream => self.poll_update(now, ledger, receipts),
            Propagation::Unary => self.poll_call(now, ledger),
        }?;
        self.resend_at = Some(now + self.resend_after);
        Some(message)
    }

    fn poll_update(&mut self, now: Time, ledger: &mut Ledger, receipts: &Receipts) -> Option<PeerMessage> {
        let (lacking, cursor) = self.lacking(now, ledger, UPDATE_SIZE);
        let own = ledger.own().origin;
        let mut receipt_cursor = receipts.last_stamp();
        let mut told = Vec::new();
        for (stamp, receipt) in receipts.changed_after(self.receipt_cursor) {
            if told.len() == UPDATE_SIZE {
                receipt_cursor = stamp - 1;
                break;
            }
            if self.tells(&receipt, own) {
                told.push(receipt);
            }
        }
        if lacking.is_empty() && told.is_empty() {
            self.cursor = cursor;
            self.receipt_cursor = receipt_cursor;
            return None;
        }
        self.tempo.sent(now);
        let deltas = lacking.iter().map(|&index| self.delta(ledger, index)).collect();
        let number = self.send(lacking, ledger, cursor, receipt_cursor, false);
        Some(PeerMessage::Update(Update { number, deltas, receipts: told }))
    }

    /// Operations and repairs take turns, or a busy branch would never repair.
    fn poll_call(&mut self, now: Time, ledger: &mut Ledger) -> Option<PeerMessage> {
        if !std::mem::take(&mut self.called_operation)
            && let Some(call) = self.call_operation(ledger)
        {
            return Some(call);
        }
        let (lacking, cursor) = self.lacking(now, ledger, 1);
        let Some(&index) = lacking.first() else {
            self.cursor = cursor;
            return self.call_operation(ledger);
        };
        let delta = self.delta(ledger, index);
        let number = self.send(lacking, ledger, cursor, self.receipt_cursor, false);
        Some(PeerMessage::Call(Call { number, operation: None, delta }))
    }

    fn call_operation(&mut self, ledger: &Ledger) -> Option<PeerMessage> {
        let operation = *self.operations.front()?;
        let delta = self.delta(ledger, Ledger::OWN);
        let number = self.send(vec![Ledger::OWN], ledger, self.cursor, self.receipt_cursor, true);
        self.called_operation = true;
        Some(PeerMessage::Call(Call { number, operation: Some(operation), delta }))
    }

    /// What the peer lacks of a page.
    fn delta(&self, ledger: &Ledger, index: PageIndex) -> Delta {
        let page = ledger.page(index);
        page.delta(self.known(index).sequence.min(page.sequence))
    }

    /// The pages that changed since the cursor and that the peer lacks, up to `limit` entries, and
    /// where the cursor may stand once it has them. Pages that their origin tells the peer itself
    /// are left to it, until the next repair.
    fn lacking(&mut self, now: Time, ledger: &mut Ledger, limit: usize) -> (Vec<PageIndex>, u64) {
        let mut lacking = Vec::new();
        let mut entries = 0;
        ledger.mark_read();
        let new = ledger.pages().skip(self.is_heard_elsewhere.len());
        self.is_heard_elsewhere.extend(new.map(|(_, page)| self.heard_elsewhere.contains(&page.origin.branch)));
        for (stamp, index) in ledger.changed_after(self.cursor) {
            // A branch that is linked to the origin hears its wish from it, too, if it needs to. Most pages
            // of a large bank are of this kind, and are not looked at.
            let told_by_origin = index != Ledger::OWN && self.is_heard_elsewhere[index];
            if told_by_origin && !self.repairing && self.repair_at.is_some() {
                continue;
            }
            let (page, known) = (ledger.page(index), self.known(index));
            let lacks = page.sequence > known.sequence;
            let wishes = page.confirm_through > known.confirm_through && !told_by_origin;
            // Every call of an operation carries the own page's totals.
            let called = index == Ledger::OWN && !self.operations.is_empty();
            if lacks && told_by_origin && !self.repairing {
                self.repair_at = Some(now + self.pace.repair_after);
            } else if (lacks || wishes) && !called {
                if entries >= limit {
                    return (lacking, stamp - 1);
                }
                entries += page.changed_since(known.sequence.min(page.sequence)).max(1);
                lacking.push(index);
            }
        }
        self.repairing = false;
        (lacking, ledger.last_stamp())
    }

    fn send(
        &mut self,
        pages: Vec<PageIndex>,
        ledger: &Ledger,
        cursor: u64,
        receipt_cursor: u64,
        carries_operation: bool,
    ) -> u64 {
        self.last_number += 1;
        let told = |index| {
            let page = ledger.page(index);
            (index, Known { sequence: page.sequence, confirm_through: page.confirm_through })
        };
        let pages = pages.into_iter().map(told).collect();
        self.in_flight = Some(InFlight { number: self.last_number, pages, cursor, receipt_cursor, carries_operation });
        self.last_number
    }

    /// An origin needs no word of its own page to go on; the branch named knows it.
    fn tells(&self, receipt: &Receipt, own: Origin) -> bool {
        receipt.origin != own && receipt.branch != self.peer
    }

    /// When the link may send what the peer lacks, if it must wait until then. Nobody waits for receipts
    /// longer than for the wire, so what asks for them, and they themselves, do not wait.
    pub(super) fn paced_until(&self, now: Time, ledger: &Ledger, receipts: &Receipts) -> Option<Time> {
        let free_at = self.tempo.free_at();
        let is_busy = self.pace.propagation == Propagation::Stream && free_at > now;
        if !is_busy || self.cursor == ledger.last_stamp() || self.cursor < ledger.last_wish() {
            return None;
        }
        let own = ledger.own().origin;
        let told = receipts.changed_after(self.receipt_cursor).any(|(_, receipt)| self.tells(&receipt, own));
        (!told).then_some(free_at)
    }

    /// Whether nothing happens here until something changes elsewhere.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_none()
    }

    /// Operations of known pages that the peer is not known to have.
    pub(super) fn behind(&self, ledger: &Ledger) -> u64 {
        ledger.pages().map(|(index, page)| page.sequence.saturating_sub(self.known(index).sequence)).sum()
    }
}
