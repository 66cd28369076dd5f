//! A deterministic network of replicas in virtual time. A message may be lost, doubled, late or
//! overtaken; a link's two ends notice its breaks each for itself; what was said in an earlier
//! session is dropped, as drivers must. After every step the network checks what must hold of the
//! whole bank: no replica invents or loses money, every answer is true.

use std::collections::{BTreeMap, BTreeSet};

use replibank::{
    replica::{Config, Input, Output, PeerMessage, PeerOffence, Replica, Request},
    types::{Action, Answer, BranchId, Committed, Duration, Origin, Refusal, Time, Version},
};

use super::{
    OBSERVER, OPENING, branch,
    pages::{Page, net, pages},
};

/// How long a healed network may take to agree, at most: a resend at its slowest, a repair, and a
/// resend again on the way.
pub const HEALING: Duration = Duration::milliseconds(30_000);

/// A message under way.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub from: BranchId,
    pub to: BranchId,
    session: u64,
    pub message: PeerMessage,
}

/// How many messages of each kind were handed to the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    pub greetings: usize,
    pub updates: usize,
    pub calls: usize,
    pub acknowledgements: usize,
    /// All deltas of the updates.
    pub deltas: usize,
}

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: BranchId,
    pub request: Request,
    pub answer: Option<Answer>,
    pub answered_at: Time,
}

pub struct Network {
    pub now: Time,
    pub replicas: BTreeMap<BranchId, Replica>,
    configs: BTreeMap<BranchId, Config>,
    /// Each link once, the lower end first.
    pub links: Vec<(BranchId, BranchId)>,
    /// The session that an end of a link, (whose, with whom), is in.
    sessions: BTreeMap<(BranchId, BranchId), u64>,
    last_session: u64,
    pub in_transit: Vec<Parcel>,
    ready: BTreeSet<(BranchId, BranchId)>,
    pub asked: BTreeMap<u64, Asked>,
    pub faults: Vec<(BranchId, PeerOffence)>,
    pub sent: Sent,
    /// What each origin's page was at each sequence that anyone could see.
    truth: BTreeMap<(Origin, u64), Page>,
    /// When the network last healed; from then on waits must end well.
    healed_at: Option<Time>,
    /// A restart without data forgets what was promised: then concerns are not checked.
    pub forgetful: bool,
}

impl Network {
    /// Replicas that have not met: no link is up.
    pub fn new(configs: Vec<Config>) -> Self {
        let links = configs.iter().flat_map(|config| {
            let own = config.own.branch;
            config
                .links
                .keys()
                .filter(move |&&peer| own < peer && peer != branch(OBSERVER))
                .map(move |&peer| (own, peer))
        });
        Self {
            now: Time::default(),
            links: links.collect(),
            sessions: BTreeMap::new(),
            last_session: 0,
            in_transit: Vec::new(),
            ready: BTreeSet::new(),
            asked: BTreeMap::new(),
            faults: Vec::new(),
            sent: Sent::default(),
            truth: BTreeMap::new(),
            healed_at: None,
            forgetful: false,
            replicas: configs.iter().map(|config| (config.own.branch, Replica::new(config.clone()))).collect(),
            configs: configs.into_iter().map(|config| (config.own.branch, config)).collect(),
        }
    }

    /// A network that is up and quiet.
    pub fn up(configs: Vec<Config>) -> Self {
        let mut network = Self::new(configs);
        network.heal();
        network.settle();
        network.healed_at = None;
        network.sent = Sent::default();
        network
    }

    /// Asks; returns the ticket.
    pub fn ask(&mut self, at: BranchId, mut request: Request) -> u64 {
        let ticket = self.asked.len() as u64 + 1;
        request.ticket = ticket;
        request.deadline = self.now + request.terms.wait;
        let asked = Asked { at, request: request.clone(), answer: None, answered_at: self.now };
        self.asked.insert(ticket, asked);
        self.step(at, Input::Request(request));
        ticket
    }

    pub fn answer(&self, ticket: u64) -> Option<&Answer> {
        self.asked[&ticket].answer.as_ref()
    }

    /// Polls one link until it has nothing to say.
    pub fn poll(&mut self, from: BranchId, to: BranchId) {
        self.ready.remove(&(from, to));
        while let Some(message) = self.replicas.get_mut(&from).unwrap().poll_send(self.now, to) {
            match &message {
                PeerMessage::Greeting { .. } => self.sent.greetings += 1,
                PeerMessage::Call(_) => self.sent.calls += 1,
                PeerMessage::Acknowledgement { .. } => self.sent.acknowledgements += 1,
                PeerMessage::Update(update) => {
                    self.sent.updates += 1;
                    self.sent.deltas += update.deltas.len();
                }
            }
            assert_eq!(self.replicas[&from].invariants(), Ok(()));
            let session = *self.sessions.get(&(from, to)).expect("a link that is down has nothing to say");
            self.in_transit.push(Parcel { from, to, session, message });
        }
    }

    pub fn poll_nth(&mut self, pick: usize) {
        if let Some(&(from, to)) = self.ready.iter().nth(pick % self.ready.len().max(1)) {
            self.poll(from, to);
        }
    }

    pub fn poll_all(&mut self) {
        while let Some(&(from, to)) = self.ready.first() {
            self.poll(from, to);
        }
    }

    /// Delivers the message at `index`, unless its session is over.
    pub fn deliver(&mut self, index: usize) {
        let Parcel { from, to, session, message } = self.in_transit.remove(index);
        if self.sessions.get(&(to, from)) == Some(&session) {
            self.step(to, Input::Message { from, message });
        }
    }

    /// Cuts a link; `a` notices, `b` if it is to.
    pub fn cut(&mut self, a: BranchId, b: BranchId, both_notice: bool) {
        let noticing = if both_notice { vec![(a, b), (b, a)] } else { vec![(a, b)] };
        for (at, peer) in noticing {
            if self.sessions.remove(&(at, peer)).is_some() {
                self.step(at, Input::LinkDown(peer));
            }
        }
        self.in_transit.retain(|parcel| (parcel.from, parcel.to) != (a, b) && (parcel.from, parcel.to) != (b, a));
    }

    /// Begins a new session of a link.
    pub fn mend(&mut self, a: BranchId, b: BranchId) {
        self.last_session += 1;
        for (at, peer) in [(a, b), (b, a)] {
            self.sessions.insert((at, peer), self.last_session);
            self.step(at, Input::LinkUp(peer));
        }
    }

    /// Mends every link whose ends are not in one session.
    pub fn heal(&mut self) {
        for (a, b) in self.links.clone() {
            let (one, other) = (self.sessions.get(&(a, b)), self.sessions.get(&(b, a)));
            if one.is_none() || one != other {
                self.mend(a, b);
            }
        }
        self.healed_at = Some(self.now);
    }

    pub fn unheal(&mut self) {
        self.healed_at = None;
    }

    /// Lets time pass, and ticks the replicas that are due.
    pub fn advance(&mut self, span: Duration) {
        self.now = self.now + span;
        self.tick();
    }

    fn tick(&mut self) {
        let due = |(&at, replica): (&BranchId, &Replica)| (replica.next_deadline()? <= self.now).then_some(at);
        let due: Vec<BranchId> = self.replicas.iter().filter_map(due).collect();
        for at in due {
            self.step(at, Input::Tick);
            let next = self.replicas[&at].next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a tick acts on everything that is due");
        }
    }

    /// Delivers everything that there is to say now, in order. Time stands still.
    pub fn flush(&mut self) {
        let mut delivered = 0;
        self.poll_all();
        while !self.in_transit.is_empty() {
            self.deliver(0);
            self.poll_all();
            delivered += 1;
            assert!(delivered < 20_000, "the network does not fall silent: {:?}", self.in_transit);
        }
    }

    /// Runs until nothing is under way and no deadline is left. Returns how long it took.
    pub fn settle(&mut self) -> Duration {
        let begin = self.now;
        self.flush();
        let mut ticks = 0;
        while let Some(deadline) = self.replicas.values().filter_map(Replica::next_deadline).min() {
            self.now = self.now.max(deadline);
            self.tick();
            self.flush();
            ticks += 1;
            assert!(ticks < 2_000, "deadlines never end");
        }
        Duration(self.now.0 - begin.0)
    }

    /// Settles a healed network and checks that it agrees in time.
    pub fn converge(&mut self) {
        self.heal();
        self.flush();
        let end = self.now + HEALING;
        while let Some(deadline) =
            self.replicas.values().filter_map(Replica::next_deadline).min().filter(|at| *at <= end)
        {
            self.now = self.now.max(deadline);
            self.tick();
            self.flush();
        }
        self.assert_agreed();
        self.settle();
        self.assert_agreed();
        let waiting: Vec<_> = self.asked.values().filter(|asked| asked.answer.is_none()).collect();
        assert!(waiting.is_empty(), "never answered: {waiting:?}");
    }

    pub fn assert_agreed(&self) {
        let mut replicas = self.replicas.values();
        let first = replicas.next().unwrap();
        for replica in replicas {
            assert_eq!(first.version(), replica.version(), "of {} and {}", first.own(), replica.own());
            assert_eq!(first.balances(), replica.balances(), "of {} and {}", first.own(), replica.own());
        }
    }

    /// The branch comes back without its data, under this configuration. Its links are down.
    pub fn restart(&mut self, at: BranchId, own: Origin) {
        for (a, b) in self.links.clone() {
            if a == at {
                self.cut(b, a, false);
            } else if b == at {
                self.cut(a, b, false);
            }
        }
        self.sessions.retain(|&(whose, _), _| whose != at);
        self.ready.retain(|&(whose, _)| whose != at);
        self.asked.values_mut().filter(|asked| asked.at == at && asked.answer.is_none()).for_each(|asked| {
            asked.answer = Some(Answer::Refused(Refusal::VersionNotReached));
        });
        self.forgetful = true;
        let config = self.configs.get_mut(&at).unwrap();
        config.own = own;
        config.had_lives = true;
        self.replicas.insert(at, Replica::new(config.clone()));
    }

    pub fn step(&mut self, at: BranchId, input: Input) {
        let replica = self.replicas.get_mut(&at).unwrap();
        let before = replica.version();
        let mut outputs = Vec::new();
        replica.step(self.now, input, &mut outputs);
        assert_eq!(replica.invariants(), Ok(()));
        let after = replica.version();
        assert!(after.dominates(&before), "a version never falls");
        if after != before {
            self.check_pages(at);
        }
        for output in outputs {
            match output {
                Output::Reply { ticket, answer } => self.reply(at, ticket, answer),
                Output::Ready(peer) => _ = self.ready.insert((at, peer)),
                Output::Save => unreachable!("none of these is durable"),
                Output::Faulty { fault, .. } => self.faults.push((at, fault)),
            }
        }
    }

    /// The replica's pages are pages that their origins wrote, and its balances follow from them.
    fn check_pages(&mut self, at: BranchId) {
        let replica = &self.replicas[&at];
        let pages = pages(replica);
        for (&origin, page) in &pages {
            if origin == replica.own() {
                self.truth.entry((origin, page.0)).or_insert_with(|| page.clone());
            }
            assert_eq!(self.truth.get(&(origin, page.0)), Some(page), "{at} has page {origin} as it was written");
        }
        for (&account, &balance) in replica.balances() {
            let nets: i64 = pages.values().map(|(_, entries)| net(entries, account)).sum();
            assert_eq!(balance, OPENING + nets, "of account {account} at {at}");
        }
    }

    /// The balance of `action`'s account that belongs to this version. None if a page of it was there
    /// only in the middle of a step, which nobody outside could see.
    fn balance(&self, action: Action, version: &Version) -> Option<i64> {
        let account = match action {
            Action::Query { account } => account,
            Action::Write(operation) => operation.account,
        };
        let nets: Option<i64> = version.iter().map(|at| Some(net(&self.truth.get(&at)?.1, account))).sum();
        Some(OPENING + nets?)
    }

    /// An answer is given once, and it is true at this moment.
    fn reply(&mut self, at: BranchId, ticket: u64, answer: Answer) {
        let asked = &self.asked[&ticket];
        assert_eq!((asked.at, &asked.answer), (at, &None), "ticket {ticket} is answered once, where it was asked");
        let (terms, deadline) = (&asked.request.terms, asked.request.deadline);
        match &answer {
            Answer::Queried(queried) => {
                let version = queried.version.as_ref().unwrap();
                assert!(version.dominates(&terms.at_least), "{version} was to reach {}", terms.at_least);
                let balance = self.balance(asked.request.action, version);
                assert!(balance.is_none_or(|balance| queried.balance == balance), "{queried:?}, not {balance:?}");
            }
            Answer::Committed(committed) => {
                let needed = terms.concern.replicas(self.replicas.len());
                assert!(
                    self.forgetful || self.holders(*committed) >= needed,
                    "{committed:?} is not at {needed} replicas"
                );
            }
            Answer::Refused(Refusal::VersionNotReached) => {
                // What another try of the same request was told stands.
                let id = asked.request.id.filter(|_| matches!(asked.request.action, Action::Write(_)));
                let told =
                    |other: &Asked| other.at == at && other.request.id == id && other.answer.as_ref() == Some(&answer);
                if id.is_none() || !self.asked.values().any(told) {
                    assert!(self.now >= deadline && !self.replicas[&at].version().dominates(&terms.at_least));
                    self.assert_wait_may_fail(deadline, &answer);
                }
            }
            Answer::Refused(Refusal::ConcernNotReached { concern, reached, needed }) => {
                assert!(self.now >= deadline && reached < needed);
                assert_eq!((*concern, *needed), (terms.concern, terms.concern.replicas(self.replicas.len())));
                self.assert_wait_may_fail(deadline, &answer);
            }
            Answer::Refused(_) => {}
        }
        let asked = self.asked.get_mut(&ticket).unwrap();
        (asked.answer, asked.answered_at) = (Some(answer), self.now);
    }

    /// A wait that goes on long after the network has healed must not fail.
    fn assert_wait_may_fail(&self, deadline: Time, answer: &Answer) {
        let due = self.healed_at.is_some_and(|healed| deadline > healed + HEALING);
        assert!(!due, "the network has healed long ago, yet: {answer:?}");
    }

    /// How many replicas have this write.
    pub fn holders(&self, committed: Committed) -> usize {
        self.replicas.values().filter(|replica| replica.version().dominates(&committed.version())).count()
    }
}
