//! What the tests of the pure replica share: a deterministic network, schedules drawn by proptest,
//! and short words for the types.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

pub mod disk;
pub mod laws;
pub mod lives;
pub mod network;
pub mod pages;
pub mod schedule;

use replibank::{
    replica::{Config, Delta, Entry, Input, Output, PeerMessage, Replica, Request, Update},
    topology::{Shape, Topology},
    types::{
        AccountId, Action, Amount, BranchId, ClientId, Duration, Incarnation, Operation, OperationKind, Origin,
        Propagation, RequestId, Terms, Time,
    },
};

/// What every account of a test bank opens with.
pub const OPENING: i64 = 100;

/// The account that most tests move money on.
pub const ACCOUNT: u64 = 0;

/// A branch that no bank has: replicas are linked to it, so that tests can read their pages.
pub const OBSERVER: u32 = 1_000_000;

pub fn branch(id: u32) -> BranchId {
    BranchId::new(id).unwrap()
}

pub fn origin(id: u32) -> Origin {
    Origin { branch: branch(id), incarnation: Incarnation(0) }
}

pub fn deposit(account: u64, amount: u64) -> Operation {
    Operation { kind: OperationKind::Deposit, account: AccountId(account), amount: Amount::new(amount).unwrap() }
}

pub fn withdrawal(account: u64, amount: u64) -> Operation {
    Operation { kind: OperationKind::Withdraw, account: AccountId(account), amount: Amount::new(amount).unwrap() }
}

pub fn request_id(client: u64, number: u64) -> RequestId {
    RequestId { client: ClientId(client), number }
}

/// A request under default terms, at time 0.
pub fn request(ticket: u64, action: Action) -> Request {
    let terms = Terms::default();
    let deadline = Time::default() + terms.wait;
    Request { ticket, id: None, action, terms, include_version: true, deadline }
}

pub fn write(ticket: u64, operation: Operation) -> Input {
    Input::Request(request(ticket, Action::Write(operation)))
}

pub fn query(ticket: u64, account: u64) -> Input {
    Input::Request(request(ticket, Action::Query { account: AccountId(account) }))
}

/// The configurations of a bank of branches 1 to `branches`, every one linked to the observer too.
pub fn bank(branches: u32, accounts: u64, shape: Shape, propagation: Propagation) -> Vec<Config> {
    let ids = (1..=branches).map(branch).collect();
    let topology = Topology::new(shape, &ids);
    let config = |&own: &BranchId| Config {
        own: Origin { branch: own, incarnation: Incarnation(0) },
        had_lives: false,
        branches: ids.clone(),
        links: topology.links(own).into_iter().chain([(branch(OBSERVER), Default::default())]).collect(),
        accounts: (0..accounts).map(|account| (AccountId(account), OPENING)).collect(),
        propagation,
        resend_after: Duration::milliseconds(1_000),
    };
    ids.iter().map(config).collect()
}

/// The replica of branch 1 in a mesh of `branches`, without a network.
pub fn lone_replica(branches: u32) -> Replica {
    Replica::new(bank(branches, 2, Shape::Mesh, Propagation::Stream).swap_remove(0))
}

/// One step at time 0; the invariants hold after it.
pub fn step(replica: &mut Replica, input: Input) -> Vec<Output> {
    step_at(replica, Time::default(), input)
}

pub fn step_at(replica: &mut Replica, now: Time, input: Input) -> Vec<Output> {
    let mut outputs = Vec::new();
    replica.step(now, input, &mut outputs);
    assert_eq!(replica.invariants(), Ok(()));
    outputs
}

/// Begins a session with `peer`, which has nothing, and is known to have nothing.
pub fn meet(replica: &mut Replica, peer: u32) {
    step(replica, Input::LinkUp(branch(peer)));
    assert!(matches!(replica.poll_send(Time::default(), branch(peer)), Some(PeerMessage::Greeting { .. })));
    say(replica, peer, PeerMessage::Acknowledgement { number: 0, version: Vec::new() });
    while replica.poll_send(Time::default(), branch(peer)).is_some() {}
}

pub fn say(replica: &mut Replica, from: u32, message: PeerMessage) -> Vec<Output> {
    step(replica, Input::Message { from: branch(from), message })
}

/// An update of one delta.
pub fn update(number: u64, delta: Delta) -> PeerMessage {
    PeerMessage::Update(Update { number, is_urgent: true, deltas: vec![delta], receipts: Vec::new() })
}

/// A delta of branch `of`, with entries (account, sequence, deposited, withdrawn).
pub fn delta(of: u32, base: u64, sequence: u64, entries: &[(u64, u64, u64, u64)]) -> Delta {
    let entry = |&(account, sequence, deposited, withdrawn): &(u64, u64, u64, u64)| Entry {
        account: AccountId(account),
        sequence,
        deposited,
        withdrawn,
    };
    let entries = entries.iter().map(entry).collect();
    Delta { origin: origin(of), base, sequence, entries, confirm_through: 0, past: Vec::new() }
}
