//! What a replica knows of one peer, and what it says to it next. A few updates are under way on a link at
//! most; whatever happens meanwhile gathers into the next one. How soon that one may leave on a busy link is
//! its [`Tempo`]'s to say.

use std::collections::{BTreeSet, VecDeque};

use super::{
    flight::{Flights, Known, ReceiptKey},
    ledger::Ledger,
    owed::Owed,
    page::{Page, PageIndex},
    tempo::{Pace, Tempo},
};
use crate::types::{BranchId, Duration, Incarnation, Operation, Origin, Propagation, Time};

/// The wait before an unacknowledged message is sent again doubles up to this many times its first.
const RESEND_AFTER_FACTOR: u64 = 8;

/// An update is closed once it holds this many entries or receipts. (A single page is never cut.)
pub(super) const UPDATE_SIZE: usize = 4096;

/// The most updates under way on a transport that loses nothing while a session lasts; on any other, one.
const WINDOW: usize = 8;

/// Every update of a number that this divides is to be answered at once, so that the window is open again
/// before it is used up. The others' answers can wait for each other.
pub(super) const URGENT_EVERY: u64 = 4;

/// The most operations that wait for their own call; older ones are in the page's totals anyway.
const MAX_OPERATIONS: usize = 1024;

/// Where the exchange of versions stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Greeting {
    Due,
    Sent,
    Done,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    peer: BranchId,
    /// The branches of whose pages the peer hears from somebody else: left to that one at first.
    pub(super) heard_elsewhere: BTreeSet<BranchId>,
    /// The same for each page of the ledger that was looked at, to be found quickly.
    pub(super) is_heard_elsewhere: Vec<bool>,
    pub(super) pace: Pace,

    pub(super) up: bool,
    /// In which life the peer of this session is, if it has said so.
    life: Option<Incarnation>,
    pub(super) greeting: Greeting,
    /// Whether the peer's version is known in this session.
    pub(super) greeted: bool,
    /// Whether the peer is asked for it again.
    is_asked: bool,
    /// What the peer has, or had when it said so, that is not here.
    ahead: Vec<(Origin, u64)>,
    pub(super) flights: Flights,
    pub(super) owed: Owed,
    /// The receipts to tell: those whose origin's page this peer told.
    pub(super) receipts: BTreeSet<ReceiptKey>,
    pub(super) tempo: Tempo,
    pub(super) resend_at: Option<Time>,
    pub(super) greet_again_at: Option<Time>,
    pub(super) resend_after: Duration,
    pub(super) repair_at: Option<Time>,
    /// During a repair, nothing is left to anybody else.
    pub(super) repairing: bool,
    /// Whether the peer says that it lacks what it was just sent: then a repair is due later.
    pub(super) denied: bool,
    /// Whether the last call was an operation's: then a repair may come first.
    pub(super) called_operation: bool,
    /// The own operations that still need a call of their own, oldest first.
    pub(super) operations: VecDeque<(u64, Operation)>,
}

impl Link {
    pub(super) fn new(peer: BranchId, heard_elsewhere: BTreeSet<BranchId>, pace: Pace) -> Self {
        Self {
            peer,
            heard_elsewhere,
            is_heard_elsewhere: Vec::new(),
            pace,
            up: false,
            life: None,
            greeting: Greeting::Due,
            greeted: false,
            is_asked: false,
            ahead: Vec::new(),
            flights: Flights::default(),
            owed: Owed::default(),
            receipts: BTreeSet::new(),
            tempo: Tempo::new(),
            resend_at: None,
            greet_again_at: None,
            resend_after: pace.resend_after,
            repair_at: None,
            repairing: true,
            denied: false,
            called_operation: false,
            operations: VecDeque::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    pub(super) fn met(&mut self, life: Incarnation) {
        self.life = Some(life);
    }

    pub(super) fn life(&self) -> Option<Incarnation> {
        self.life
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
        self.owed.forget();
        self.receipts.clear();
    }

    /// The peer itself told us this much of the page.
    pub(super) fn raise(&mut self, index: PageIndex, sequence: u64, confirm_through: u64) {
        self.flights.raise(index, Known { sequence, confirm_through });
    }

    /// The peer's whole version, by its greeting or its answer to ours. Starts a repair.
    pub(super) fn learn(&mut self, version: &[(Origin, u64)], ledger: &Ledger) {
        (self.greeted, self.is_asked) = (true, false);
        self.greeting = Greeting::Done;
        self.greet_again_at = None;
        self.repair_at = None;
        self.resend_after = self.pace.resend_after;
        let learned = self.flights.learn(version, ledger);
        self.ahead = learned.ahead;
        self.denied |= learned.presumes;
        self.repairing = true;
    }

    /// Asks the peer what it has now.
    pub(super) fn ask(&mut self) {
        if self.up {
            self.is_asked = true;
            self.greet();
        }
    }

    /// How far the peer has a page of a life that is over; `None`: it has not said so lately, or has a page that may
    /// stand on it and is not here.
    pub(super) fn has_of(&self, origin: Origin, ledger: &Ledger) -> Option<u64> {
        let may_speak_for = |&(page, _): &(Origin, u64)| page.branch == origin.branch && page > origin;
        if !self.up || !self.greeted || self.is_asked || self.ahead.iter().any(may_speak_for) {
            return None;
        }
        let ahead = self.ahead.iter().find(|(page, _)| *page == origin).map_or(0, |&(_, there)| there);
        let known = ledger.find(origin).map_or(0, |index| self.flights.known(index).sequence);
        Some(ahead.max(known))
    }

    /// How far the peer has said in this session to have a page.
    pub(super) fn has(&self, index: PageIndex) -> u64 {
        if self.up && self.greeted { self.flights.confirmed_of(index) } else { 0 }
    }

    /// Whether we wait for the answer to a greeting.
    pub(super) fn awaits_version(&self) -> bool {
        self.greeting == Greeting::Sent
    }

    /// The peer has taken everything up to update `number` and now has these pages so far. Ignored unless
    /// that is under way. Returns whether there may be something to send that could not be sent before.
    pub(super) fn acknowledged(&mut self, number: u64, version: &[(Origin, u64)], ledger: &Ledger) -> bool {
        let had_room = self.has_room();
        let Some(taken) = self.flights.acknowledged(number, version, ledger) else { return false };
        if taken.lost {
            self.flights.look_again();
        }
        // To send it again at once would be a loop as fast as the wire.
        self.denied |= taken.denied;
        if taken.operation {
            self.operations.pop_front();
        }
        self.resend_after = self.pace.resend_after;
        if self.flights.count() == 0 {
            self.resend_at = None;
        }
        !had_room || taken.lost || taken.denied
    }

    /// An own operation that will need a call of its own.
    pub(super) fn queue_operation(&mut self, sequence: u64, operation: Operation) {
        if self.operations.len() >= MAX_OPERATIONS {
            // The first may be under way; the second is the oldest that is not.
            self.operations.remove(1);
        }
        self.operations.push_back((sequence, operation));
    }

    /// A receipt is to be told, unless the peer knows it: it is the peer's own, or for a page of this branch.
    pub(super) fn tell_receipt(&mut self, (origin, branch): ReceiptKey) {
        if self.up && branch != self.peer {
            self.receipts.insert((origin, branch));
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        let earlier = |one: Option<Time>, other: Option<Time>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        earlier(earlier(self.resend_at, self.greet_again_at), earlier(self.repair_at, self.owed.next_deadline()))
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
            self.receipts.extend(self.flights.take_back());
        }
        if greet_again || repair {
            self.greet();
        }
        if resend || greet_again {
            let longest = Duration(self.pace.resend_after.0.saturating_mul(RESEND_AFTER_FACTOR));
            self.resend_after = Duration(self.resend_after.0.saturating_mul(2)).min(longest);
        }
        let answer = self.owed.tick(now);
        resend || greet_again || repair || answer
    }

    /// Whether the page as it is now has to be told to the peer: not if the peer has it, or if it is left to
    /// somebody else until the next repair, which is due already.
    pub(super) fn is_to_tell(&self, index: PageIndex, page: &Page) -> bool {
        let known = self.flights.known(index);
        let lacks = page.sequence > known.sequence || page.confirm_through > known.confirm_through;
        let is_heard_elsewhere = || match self.is_heard_elsewhere.get(index) {
            Some(&known) => known,
            None => self.heard_elsewhere.contains(&page.origin.branch),
        };
        lacks && !(self.leaves_to_others() && index != Ledger::OWN && is_heard_elsewhere())
    }

    /// Whether pages that the peer hears from somebody else are left to that one: a repair is due already.
    pub(super) fn leaves_to_others(&self) -> bool {
        !self.repairing && self.repair_at.is_some()
    }

    /// How many updates may be under way.
    pub(super) fn window(&self) -> usize {
        let loses_nothing = self.pace.resend_after == Duration::MAX;
        if loses_nothing && self.pace.propagation == Propagation::Stream { WINDOW } else { 1 }
    }

    /// Whether the next change can leave before something arrives.
    pub(super) fn has_room(&self) -> bool {
        self.flights.count() < self.window()
    }

    /// When the link may send what the peer lacks, if it must wait until then. Nobody waits for receipts
    /// longer than for the wire, so what asks for them, and they themselves, do not wait.
    pub(super) fn paced_until(&self, now: Time, ledger: &Ledger) -> Option<Time> {
        let free_at = self.tempo.free_at();
        let is_busy = self.pace.propagation == Propagation::Stream && free_at > now;
        let is_paced = is_busy && self.flights.cursor != ledger.changes.last() && !self.has_wishes(ledger);
        is_paced.then_some(free_at)
    }

    /// Whether there is a wish for receipts to tell, or a receipt.
    fn has_wishes(&self, ledger: &Ledger) -> bool {
        self.flights.cursor < ledger.last_wish() || !self.receipts.is_empty()
    }

    /// Whether somebody waits for what the link would say now.
    pub(super) fn is_urgent(&self, ledger: &Ledger) -> bool {
        self.owed.is_due() || self.has_wishes(ledger)
    }

    /// Operations of known pages that the peer is not known to have.
    pub(super) fn behind(&self, ledger: &Ledger) -> u64 {
        let pages = ledger.pages().map(|(_, page)| page.sequence);
        let confirmed = self.flights.confirmed(pages.len());
        pages.zip(confirmed).map(|(sequence, confirmed)| sequence.saturating_sub(confirmed)).sum()
    }
}
