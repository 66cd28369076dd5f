//! The replica itself: what it consists of, how it begins, and the one way in and the two ways out. What each
//! input does is told by the file of its subject.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    answers::{Answers, Memory},
    branches::Branches,
    config::Config,
    disk::DiskLink,
    input::Input,
    ledger::Ledger,
    link::Link,
    lives::Lives,
    message::PeerMessage,
    news::{News, joined},
    offence::PeerOffence,
    output::Output,
    receipts::{Holders, Receipts},
    save::{Life, Save, Saved},
    tempo::{Busy, Pace},
    waits::Waits,
};
use crate::types::{AccountId, BranchId, Duration, Incarnation, Origin, Propagation, Time, Version};

/// A repair compares versions on every link, which costs a message a link and an entry a branch: so
/// the more there are of them, the later it comes.
const REPAIR_AFTER_MIN: Duration = Duration::milliseconds(1_000);
const REPAIR_AFTER_PER_LINK: Duration = Duration::milliseconds(100);
const REPAIR_AFTER_PER_BRANCH: Duration = Duration::milliseconds(5);

/// One branch's replica of a bank.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(super) own: Origin,
    pub(super) branches: Branches,
    pub(super) propagation: Propagation,
    pub(super) ledger: Ledger,
    pub(super) answers: Answers,
    pub(super) lives: Lives,
    /// Whether a later life was heard of since somebody looked whether requests wait for an earlier one.
    pub(super) is_to_seek: bool,
    pub(super) waits: Waits,
    pub(super) links: BTreeMap<BranchId, Link>,
    /// The links that have room, and so must be told of a change.
    pub(super) idle: Vec<BranchId>,
    /// Those among them that let changes gather, by the time until which they do.
    pub(super) paced: BTreeSet<(Time, BranchId)>,
    pub(super) busy: Busy,
    /// The time of this step.
    pub(super) now: Time,
    pub(super) receipts: Receipts,
    pub(super) holders: Holders,
    /// `None`: nothing is kept on disk.
    pub(super) disk: Option<DiskLink>,
    /// `None`: nobody asks for it.
    pub(super) news: Option<Vec<News>>,
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
    /// [`PeerOffence`] if what was saved cannot be this replica's.
    pub fn recover(mut config: Config, saved: &Saved) -> Result<Self, PeerOffence> {
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
                return Err(PeerOffence::OwnPage { claimed: committed.sequence, written });
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
    pub(super) fn hold(&mut self, first: usize, outputs: &mut Vec<Output>) {
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

    /// Lets news gather from now on. It begins with what is there already, page by page, as if it had
    /// just been joined: what a disk had.
    pub fn keep_news(&mut self) {
        let mut known = 0;
        let mut news = Vec::new();
        for (page, moved) in self.ledger.keep_moves() {
            known += page.1;
            news.extend(joined(page.0, 0, page.1, known, moved));
        }
        self.news = Some(news);
    }

    /// What has gathered, oldest first.
    pub fn news(&mut self) -> impl Iterator<Item = News> + '_ {
        self.news.iter_mut().flat_map(|news| news.drain(..))
    }

    /// Notes what a page moved when it advanced from `before`.
    pub(super) fn note_joined(&mut self, origin: Origin, before: u64) {
        if let Some(news) = &mut self.news {
            let (sequence, known) = (self.ledger.sequence(origin), self.ledger.operations());
            news.extend(joined(origin, before, sequence, known, self.ledger.take_moved()));
        }
    }

    pub(super) fn note(&mut self, make: impl FnOnce(&Self) -> News) {
        if self.news.is_some() {
            let made = make(self);
            self.news.iter_mut().for_each(|news| news.push(made));
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

    /// Whether a request waits, for a version or for its concern. (One that is answered may still wait for the
    /// disk.)
    pub fn is_waiting(&self, ticket: u64) -> bool {
        self.waits.has(ticket)
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waits.len()
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
