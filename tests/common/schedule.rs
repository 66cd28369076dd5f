//! Schedules: what proptest draws to happen to a network, and how it happens.

use std::{collections::BTreeMap, fmt};

use proptest::prelude::*;
use replibank::{
    replica::Request,
    topology::Shape,
    types::{
        AccountId, Action, Answer, BranchId, Concern, Duration, Operation, OperationKind, Propagation, Refusal, Terms,
        Version,
    },
};

use super::{OPENING, bank, deposit, network::Network, request, request_id, withdrawal};

pub const ACCOUNTS: u64 = 3;

/// What a customer asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which branch, counted around.
    pub at: usize,
    pub what: What,
    pub concern: Concern,
    /// The request waits for what this replica has seen, counted around.
    pub at_least: Option<usize>,
    pub wait_ms: u64,
}

#[derive(Clone, Debug)]
pub enum What {
    Query(u64),
    Write(Operation),
    /// Request `number` of one of the branch's clients. What it writes follows from the number, so
    /// that asking again is a retry; unless it is `forged`.
    Named {
        client: u64,
        number: u64,
        forged: bool,
    },
}

#[derive(Clone, Debug)]
pub enum Event {
    Ask(Ask),
    /// A driver polls one of the links that are ready.
    Poll(usize),
    PollAll,
    Deliver(usize),
    Double(usize),
    Lose(usize),
    Cut {
        link: usize,
        both_notice: bool,
    },
    Mend(usize),
    Advance(u64),
}

/// A bank and what happens to it.
#[derive(Clone)]
pub struct Schedule {
    pub branches: u32,
    pub shape: Shape,
    pub propagation: Propagation,
    /// Whether the links are up at first.
    pub up: bool,
    pub events: Vec<Event>,
}

pub fn schedule(events: usize) -> impl Strategy<Value = Schedule> {
    let bank = prop_oneof![
        (2..=6_u32, Just(Shape::Mesh), Just(Propagation::Unary)),
        (2..=6_u32, Just(Shape::Mesh), Just(Propagation::Stream)),
        (3..=6_u32, Just(Shape::Ring), Just(Propagation::Stream)),
        (4..=6_u32, Just(Shape::Overlay), Just(Propagation::Stream)),
    ];
    (bank, any::<bool>(), prop::collection::vec(event(), 1..events))
        .prop_map(|((branches, shape, propagation), up, events)| Schedule { branches, shape, propagation, up, events })
}

/// One event a line: what fails can be read, and kept as a test of its own.
impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { branches, shape, propagation, up, events } = self;
        writeln!(
            f,
            "Schedule {{ branches: {branches}, shape: {shape:?}, propagation: {propagation:?}, up: {up}, events: vec!["
        )?;
        for event in events {
            // On one line each, also where the whole is asked for in the long form.
            let event = format!("{event:?}");
            writeln!(f, "    {event},")?;
        }
        write!(f, "]}}")
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => ask().prop_map(Event::Ask),
        8 => (0..1_000_usize).prop_map(Event::Poll),
        4 => Just(Event::PollAll),
        16 => (0..1_000_usize).prop_map(Event::Deliver),
        4 => Just(Event::Deliver(0)),
        3 => (0..1_000_usize).prop_map(Event::Double),
        3 => (0..1_000_usize).prop_map(Event::Lose),
        2 => (0..1_000_usize, any::<bool>()).prop_map(|(link, both_notice)| Event::Cut { link, both_notice }),
        2 => (0..1_000_usize).prop_map(Event::Mend),
        3 => prop_oneof![Just(1), Just(500), Just(1_100), Just(9_000)].prop_map(Event::Advance),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let what = prop_oneof![
        1 => (0..=ACCOUNTS).prop_map(What::Query),
        3 => operation().prop_map(What::Write),
        3 => (0..2_u64, 1..6_u64, prop::bool::weighted(0.1))
            .prop_map(|(client, number, forged)| What::Named { client, number, forged }),
    ];
    let concern = prop_oneof![3 => Just(Concern::Local), 1 => Just(Concern::Majority), 1 => Just(Concern::All)];
    let wait = prop_oneof![Just(0), Just(2_000), Just(10_000), Just(120_000)];
    (0..1_000_usize, what, concern, prop::option::weighted(0.3, 0..1_000_usize), wait)
        .prop_map(|(at, what, concern, at_least, wait_ms)| Ask { at, what, concern, at_least, wait_ms })
}

fn operation() -> impl Strategy<Value = Operation> {
    let account = prop_oneof![20 => 0..ACCOUNTS, 1 => Just(ACCOUNTS)];
    (any::<bool>(), account, 1..60_u64).prop_map(|(deposits, account, amount)| {
        if deposits { deposit(account, amount) } else { withdrawal(account, amount) }
    })
}

impl Schedule {
    /// The bank before anything happens.
    pub fn network(&self) -> Network {
        let configs = bank(self.branches, ACCOUNTS, self.shape, self.propagation);
        if self.up { Network::up(configs) } else { Network::new(configs) }
    }

    /// Everything that happens, then healing.
    pub fn run(&self) -> Network {
        let mut network = self.network();
        self.events.iter().for_each(|event| event.happen(&mut network));
        network.converge();
        network
    }
}

impl Event {
    pub fn happen(&self, network: &mut Network) {
        let pick = |pick: usize, of: usize| (of > 0).then(|| pick % of.max(1));
        match *self {
            Self::Ask(ref ask) => ask.ask(network),
            Self::Poll(index) => network.poll_nth(index),
            Self::PollAll => network.poll_all(),
            Self::Deliver(index) => {
                if let Some(index) = pick(index, network.in_transit.len()) {
                    network.deliver(index);
                }
            }
            Self::Double(index) => {
                if let Some(index) = pick(index, network.in_transit.len()) {
                    let parcel = network.in_transit[index].clone();
                    network.in_transit.push(parcel);
                }
            }
            Self::Lose(index) => {
                if let Some(index) = pick(index, network.in_transit.len()) {
                    network.in_transit.remove(index);
                }
            }
            Self::Cut { link, both_notice } => {
                let (a, b) = network.links[link % network.links.len()];
                if link % 2 == 0 { network.cut(a, b, both_notice) } else { network.cut(b, a, both_notice) }
            }
            Self::Mend(link) => {
                let (a, b) = network.links[link % network.links.len()];
                network.mend(a, b);
            }
            Self::Advance(milliseconds) => network.advance(Duration::milliseconds(milliseconds)),
        }
    }
}

impl Ask {
    fn ask(&self, network: &mut Network) {
        let branches: Vec<BranchId> = network.replicas.keys().copied().collect();
        let at = branches[self.at % branches.len()];
        let (id, action) = match self.what {
            What::Query(account) => (None, Action::Query { account: AccountId(account) }),
            What::Write(operation) => (None, Action::Write(operation)),
            What::Named { client, number, forged } => {
                let amount = 7 * number + u64::from(forged);
                let account = number % ACCOUNTS;
                let operation = if number % 2 == 0 { deposit(account, amount) } else { withdrawal(account, amount) };
                (Some(request_id(client, number)), Action::Write(operation))
            }
        };
        let at_least =
            self.at_least.map_or(Version::EMPTY, |peer| network.replicas[&branches[peer % branches.len()]].version());
        let terms =
            Terms { concern: self.concern, at_least, wait: Duration::milliseconds(self.wait_ms), ..Terms::default() };
        network.ask(at, Request { id, terms, ..request(0, action) });
    }
}

/// What the answers say the accounts hold: openings and every write that was committed, each named
/// one once.
pub fn promised(network: &Network) -> BTreeMap<AccountId, i64> {
    let mut balances: BTreeMap<AccountId, i64> = (0..ACCOUNTS).map(|account| (AccountId(account), OPENING)).collect();
    let mut named = BTreeMap::new();
    for asked in network.asked.values() {
        let Action::Write(operation) = asked.request.action else { continue };
        let done = match asked.answer.as_ref().unwrap() {
            Answer::Committed(_) | Answer::Refused(Refusal::ConcernNotReached { .. }) => true,
            Answer::Queried(_) | Answer::Refused(_) => false,
        };
        let first = match asked.request.id {
            Some(id) if done => {
                let earlier = named.insert((asked.at, id), operation);
                assert!(earlier.is_none_or(|earlier| earlier == operation), "{id} was done with two payloads");
                earlier.is_none()
            }
            Some(_) | None => true,
        };
        if done && first {
            let amount = operation.amount.value() as i64;
            *balances.get_mut(&operation.account).unwrap() += match operation.kind {
                OperationKind::Deposit => amount,
                OperationKind::Withdraw => -amount,
            };
        }
    }
    balances
}

/// Tries of one request agree: they were committed at one place, or refused for one reason.
pub fn assert_tries_agree(network: &Network) {
    let mut verdicts = BTreeMap::new();
    for asked in network.asked.values() {
        let (Some(id), Action::Write(operation)) = (asked.request.id, asked.request.action) else { continue };
        let verdict = match asked.answer.as_ref().unwrap() {
            Answer::Committed(committed) => Ok(*committed),
            Answer::Refused(refusal) => match refusal {
                Refusal::InsufficientFunds { .. }
                | Refusal::UnknownAccount { .. }
                | Refusal::TotalLimit { .. }
                | Refusal::Overloaded { .. }
                | Refusal::VersionNotReached
                | Refusal::VersionLost { .. } => Err(*refusal),
                Refusal::InvalidAmount { .. }
                | Refusal::RequestConflict { .. }
                | Refusal::RequestExpired { .. }
                | Refusal::ConcernNotReached { .. } => continue,
            },
            Answer::Queried(queried) => panic!("a write was answered by {queried:?}"),
        };
        let earlier = *verdicts.entry((asked.at, id)).or_insert((operation, verdict));
        assert_eq!(earlier, (operation, verdict), "of tries of {id} at {}", asked.at);
    }
}
