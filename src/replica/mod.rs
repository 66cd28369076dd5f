//! The replica: a state machine without sockets, clocks, threads or randomness. It is a delta-state
//! PN-counter (Almeida, Shoker and Baquero 2018, arXiv 1603.01529) with a page per origin, eager
//! propagation, and anti-entropy by comparing versions (Demers et al. 1987).
//!
//! A driver calls [`Replica::step`] with what happened, [`Replica::poll_send`] for the peers that the
//! outputs name, and `step(Input::Tick)` once [`Replica::next_deadline`] has passed. The gRPC branch
//! is one such driver; a simulator is another.

mod answers;
mod branches;
mod changes;
mod customer;
mod entries;
mod fault;
mod flight;
mod ledger;
mod link;
mod lives;
mod message;
mod news;
mod owed;
mod page;
mod peer;
mod receipts;
mod save;
mod tempo;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use answers::Answers;
use branches::Branches;
use ledger::{Ledger, PageIndex};
use link::Link;
use lives::Lives;
use receipts::{Holders, Receipts};
use save::DiskLink;
use tempo::{Busy, Pace};
use waits::Waits;

pub use answers::{ANSWERS_PER_CLIENT, CLIENT_REMEMBERED_FOR, CLIENTS_REMEMBERED, Memory};
pub use fault::PeerFault;
pub use message::{Call, PeerMessage, Receipt, Update};
pub use news::News;
pub use page::{Delta, Entry, Past};
pub use save::{AnswerChange, Disk, Life, Remembered, Save, Saved};
pub use waits::MAX_WAITING;

use crate::types::{
    AccountId, Action, Answer, BranchId, Duration, Incarnation, Origin, Propagation, RequestId, Terms, Time, Version,
};

/// A repair compares versions on every link, which costs a message a link and an entry a branch: so
/// the more there are of them, the later it comes.
const REPAIR_AFTER_MIN: Duration = Duration::milliseconds(1_000);
const REPAIR_AFTER_PER_LINK: Duration = Duration::milliseconds(100);
const REPAIR_AFTER_PER_BRANCH: Duration = Duration::milliseconds(5);

/// What a replica must know before its first step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Whose page it writes: every start of a branch needs a higher incarnation than any before.
    pub own: Origin,
    /// Whether an earlier life of it may have answered requests. False only for a branch of a bank that is new as a
    /// whole. What a disk says of that counts more.
    pub had_lives: bool,
    /// Every branch of the bank, its own included.
    pub branches: BTreeSet<BranchId>,
    /// The peers it is linked to, each with the branches of whose pages the peer hears from somebody
    /// else. Those pages are left to that one at first, and repaired later if need be.
    pub links: BTreeMap<BranchId, BTreeSet<BranchId>>,
    /// The accounts and their opening balances: the same at every branch.
    pub accounts: BTreeMap<AccountId, i64>,
    /// How it tells its peers.
    pub propagation: Propagation,
    /// When what a peer has not acknowledged is sent again; the wait doubles, up to eight times
    /// this. [`Duration::MAX`] for a transport that loses nothing while a session lasts.
    pub resend_after: Duration,
}

/// A customer's request, on its way through the replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The driver's name for it, unique among requests that wait; the reply carries it back.
    pub ticket: u64,
    /// The customer's name for it. Without one, a retry counts again.
    pub id: Option<RequestId>,
    /// What is asked for.
    pub action: Action,
    /// Under which conditions.
    pub terms: Terms,
    /// Whether a query's answer carries the version.
    pub include_version: bool,
    /// When it is refused if its conditions do not hold; the driver adds `terms.wait` to its clock.
    pub deadline: Time,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A customer asks.
    Request(Request),
    /// The same, of a customer who may have no further request wait: one that would have to is refused as
    /// overloaded.
    RequestAtOnce {
        /// What is asked.
        request: Request,
        /// How many of the customer's may wait.
        limit: usize,
    },
    /// Whoever asked under this ticket waits no longer.
    GaveUp(u64),
    /// A session of the link to this peer begins. Messages of an earlier session must not be handed
    /// in any more: the peer may have lost what it acknowledged in it.
    LinkUp(BranchId),
    /// The peer of the session that has begun says in which life it is.
    Met(Origin),
    /// The session has ended.
    LinkDown(BranchId),
    /// A peer says something.
    Message {
        /// Which peer.
        from: BranchId,
        /// What it says.
        message: PeerMessage,
    },
    /// The save of this number is on disk.
    Saved(u64),
    /// Time has passed.
    Tick,
}

/// What the driver is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Answer the request of this ticket.
    Reply {
        /// Which request.
        ticket: u64,
        /// The answer.
        answer: Answer,
    },
    /// Call [`Replica::poll_send`] for this peer until it returns `None`. Extra calls are harmless.
    Ready(BranchId),
    /// Call [`Replica::poll_save`].
    Save,
    /// Log this, and end the session of the link.
    Faulty {
        /// Which peer.
        from: BranchId,
        /// What was wrong.
        fault: PeerFault,
    },
}

/// One branch's replica of a bank.
#[derive(Clone, Debug)]
pub struct Replica {
    own: Origin,
    branches: Branches,
    propagation: Propagation,
    ledger: Ledger,
    answers: Answers,
    lives: Lives,
    /// Whether a later life was heard of since somebody looked whether requests wait for an earlier one.
    is_to_seek: bool,
    waits: Waits,
    links: BTreeMap<BranchId, Link>,
    /// The links that have room, and so must be told of a change.
    idle: Vec<BranchId>,
    /// Those among them that let changes gather, by the time until which they do.
    paced: BTreeSet<(Time, BranchId)>,
    busy: Busy,
    /// The time of this step.
    now: Time,
    receipts: Receipts,
    holders: Holders,
    /// `None`: nothing is kept on disk.
    disk: Option<DiskLink>,
    /// `None`: nobody asks for it.
    news: Option<Vec<News>>,
}

impl Replica {
    /// A replica that has seen nothing.
    pub fn new(config: Config) -> Self {
        let repair_after = Duration(
            REPAIR_AFTER_PER_LINK.0 * config.links.len() as u64
                + REPAIR_AFTER_PER_BRANCH.0 * config.branches.len() as u64,
        );
        let pace = Pace {
            propagation: config.propagation,
            resend_after: config.resend_after,
            repair_after: repair_after.max(REPAIR_AFTER_MIN),
        };
        let link = |(peer, heard_elsewhere)| (peer, Link::new(peer, heard_elsewhere, pace));
        let branches = Branches::new(&config.branches);
        Self {
            own: config.own,
            is_to_seek: false,
            lives: Lives::new(config.own, &branches, Vec::new(), config.had_lives),
            holders: Holders::new(&branches),
            branches: branches.clone(),
            propagation: config.propagation,
            ledger: Ledger::new(config.own, branches, config.accounts),
            answers: Answers::new(Memory::default()),
            waits: Waits::default(),
            busy: Busy::new(),
            links: config.links.into_iter().map(link).collect(),
            idle: Vec::new(),
            paced: BTreeSet::new(),
            now: Time(0),
            receipts: Receipts::default(),
            disk: None,
            news: None,
        }
    }

    /// The same, with a memory of another size: for tests, and for machines that have little.
    pub fn with_memory(mut self, memory: Memory) -> Self {
        self.answers.resize(memory);
        self
    }

    /// A durable replica that begins a new life with what its disk has: its pages, which it only reads from now on,
    /// and its answers. The life's number is higher than that of any before: see [`Replica::own`].
    ///
    /// # Errors
    /// [`PeerFault`] if what was saved cannot be this replica's.
    pub fn recover(mut config: Config, saved: &Saved) -> Result<Self, PeerFault> {
        let is_new = *saved == Saved::default();
        if let Some(Incarnation(before)) = saved.latest_life(config.own.branch) {
            config.own.incarnation = Incarnation(before + 1).max(config.own.incarnation);
        }
        let had_others = if is_new { config.had_lives } else { saved.had_others };
        let own = config.own;
        let mut replica = Self::new(config);
        replica.lives = Lives::new(own, &replica.branches, saved.lives.clone(), had_others);
        for page in &saved.pages {
            replica.judge_origin(page.origin)?;
            replica.ledger.restore(page)?;
        }
        for committed in saved.answers.iter().filter_map(|answer| answer.outcome.ok()) {
            let written = replica.ledger.sequence(committed.origin);
            if committed.sequence > written {
                return Err(PeerFault::OwnPage { claimed: committed.sequence, written });
            }
        }
        replica.ledger.stand_on_earlier_lives();
        replica.answers = Answers::restore(Memory::default(), saved);
        let begins = Life { number: own.incarnation, had_others };
        replica.disk = Some(DiskLink::new(&mut replica.ledger, begins));
        Ok(replica)
    }

    /// Takes one input; appends what follows from it to `outputs`.
    pub fn step(&mut self, now: Time, input: Input, outputs: &mut Vec<Output>) {
        let first = outputs.len();
        self.now = now;
        match input {
            Input::Request(request) => self.request(request, outputs),
            Input::RequestAtOnce { request, limit } => self.request_at_once(request, limit, outputs),
            Input::GaveUp(ticket) => self.give_up(ticket),
            Input::LinkUp(peer) => self.link_up(peer, outputs),
            Input::Met(life) => self.met(life, outputs),
            Input::LinkDown(peer) => self.link_down(peer, outputs),
            Input::Message { from, message } => self.message(from, message, outputs),
            Input::Saved(number) => {
                if let Some(disk) = &mut self.disk {
                    disk.saved(number, &self.ledger, &self.answers, outputs);
                }
                return;
            }
            Input::Tick => self.tick(now, outputs),
        }
        self.hold(first, outputs);
    }

    /// Keeps back what must not be told before it is on disk.
    fn hold(&mut self, first: usize, outputs: &mut Vec<Output>) {
        if let Some(disk) = &mut self.disk {
            disk.hold(first, &self.ledger, &self.answers, outputs);
        }
    }

    /// What the disk lacks, if it has taken the save before. Confirmed by [`Input::Saved`].
    pub fn poll_save(&mut self) -> Option<Save> {
        self.disk.as_mut()?.poll(&mut self.ledger, &mut self.answers)
    }

    /// The save that must be on disk before what can be read from this replica may be told to anybody.
    /// Replies and messages wait for theirs by themselves.
    pub fn unsaved(&self) -> Option<u64> {
        self.disk.as_ref()?.awaited(&self.ledger, &self.answers)
    }

    /// The next message for `peer`, built only now that its link has room: what has gathered since
    /// the last one leaves together.
    pub fn poll_send(&mut self, now: Time, peer: BranchId) -> Option<PeerMessage> {
        let link = self.links.get_mut(&peer)?;
        self.paced.retain(|&(_, paced)| paced != peer);
        let message = match &mut self.disk {
            None => link.poll(now, &mut self.ledger, &self.receipts),
            Some(disk) if disk.holds(peer) => disk.release(peer),
            Some(disk) => link
                .poll(now, &mut self.ledger, &self.receipts)
                .and_then(|message| disk.pass(peer, message, &self.ledger, &self.answers)),
        };
        // Once it is on disk, what waits for that is asked for again.
        let is_held = self.disk.as_ref().is_some_and(|disk| disk.holds(peer));
        if message.is_none() && link.has_room() && !is_held {
            if let Some(at) = link.paced_until(now, &self.ledger) {
                self.paced.insert((at, peer));
            } else if let Err(place) = self.idle.binary_search(&peer) {
                self.idle.insert(place, peer);
            }
        }
        message
    }

    /// Whether somebody waits for what the link to `peer` would say now. If nobody does, the link may give way
    /// to others.
    pub fn is_urgent(&self, peer: BranchId) -> bool {
        self.links.get(&peer).is_some_and(|link| link.is_urgent(&self.ledger))
    }

    /// A link has given way after [`Output::Ready`], and waited so long for its turn: the longer, the more it
    /// lets changes gather. For a driver that shares its processors with others.
    pub fn waited(&mut self, now: Time, peer: BranchId, wait: Duration) {
        let gap = self.busy.waited(wait);
        if let Some(link) = self.links.get_mut(&peer) {
            link.tempo.keep(now, gap);
        }
    }

    /// When [`Input::Tick`] is due, if ever. It may change with every step and poll.
    pub fn next_deadline(&self) -> Option<Time> {
        let paced = self.paced.first().map(|&(at, _)| at);
        self.links.values().filter_map(Link::next_deadline).chain(self.waits.next_deadline()).chain(paced).min()
    }

    fn tick(&mut self, now: Time, outputs: &mut Vec<Output>) {
        for (&peer, link) in &mut self.links {
            if link.tick(now) {
                outputs.push(Output::Ready(peer));
            }
        }
        self.wake_paced(now, outputs);
        self.expire(now, outputs);
    }

    /// A page changed: wakes the links that have to tell it and are not busy anyway; those that let changes
    /// gather, once their time has come.
    fn wake_idle(&mut self, index: PageIndex, outputs: &mut Vec<Output>) {
        let (now, ledger, links) = (self.now, &self.ledger, &self.links);
        let page = ledger.page(index);
        self.idle.retain(|&peer| {
            let Some(link) = links.get(&peer).filter(|link| link.is_to_tell(index, page)) else { return true };
            match link.paced_until(now, ledger) {
                Some(at) => _ = self.paced.insert((at, peer)),
                None => outputs.push(Output::Ready(peer)),
            }
            false
        });
        self.wake_paced(self.now, outputs);
    }

    /// Something is to be told to this peer that somebody waits for.
    fn wake(&mut self, peer: BranchId, outputs: &mut Vec<Output>) {
        let is_idle = self.idle.binary_search(&peer).map(|place| self.idle.remove(place)).is_ok();
        let before = self.paced.len();
        self.paced.retain(|&(_, paced)| paced != peer);
        if is_idle || self.paced.len() < before {
            outputs.push(Output::Ready(peer));
        }
    }

    /// Something changed that somebody waits for: wakes every link that is not busy.
    fn wake_all(&mut self, outputs: &mut Vec<Output>) {
        outputs.extend(self.idle.drain(..).map(Output::Ready));
        self.wake_paced(Time(u64::MAX), outputs);
    }

    /// Wakes the links that have let changes gather for long enough by `now`.
    fn wake_paced(&mut self, now: Time, outputs: &mut Vec<Output>) {
        while self.paced.first().is_some_and(|&(at, _)| at <= now)
            && let Some((_, peer)) = self.paced.pop_first()
        {
            outputs.push(Output::Ready(peer));
        }
    }

    /// Whose page this replica writes.
    pub fn own(&self) -> Origin {
        self.own
    }

    /// Every account's balance, as this replica sees it.
    pub fn balances(&self) -> &BTreeMap<AccountId, i64> {
        self.ledger.balances()
    }

    /// What this replica has seen. A life of a branch whose page stands on those of earlier lives speaks for them
    /// too, and they are not listed: normally, there is one entry a branch.
    pub fn version(&self) -> Version {
        self.ledger.version()
    }

    /// The same with an entry for every page.
    pub fn full_version(&self) -> Version {
        self.ledger.sequences().collect()
    }

    /// Whether it has reached a version.
    pub fn has_reached(&self, version: &Version) -> bool {
        self.ledger.shortfall(version).is_none()
    }

    /// A later life of this branch that was heard of: then this one must stop serving. What it has written counts.
    pub fn superseded(&self) -> Option<Origin> {
        self.lives.superseded(&self.branches)
    }

    /// The latest life of a branch that was heard of.
    pub fn latest_life(&self, branch: BranchId) -> Incarnation {
        self.lives.latest(&self.branches, branch)
    }

    /// How many operations this replica has counted: it grows with every change of the version.
    pub fn operations(&self) -> u64 {
        self.ledger.operations()
    }

    /// Every peer, whether its link is up, and how many operations it is not known to have.
    pub fn links(&self) -> impl Iterator<Item = (BranchId, bool, u64)> + '_ {
        self.links.iter().map(|(&peer, link)| (peer, link.is_up(), link.behind(&self.ledger)))
    }

    /// Checks what must hold in every state. Tests and the simulator call it after every step.
    ///
    /// # Errors
    /// A sentence that says what does not hold.
    pub fn invariants(&self) -> Result<(), String> {
        self.ledger.invariants()?;
        self.answers.invariants()?;
        self.waits.invariants()
    }
}
