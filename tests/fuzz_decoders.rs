//! Fuzz targets for everything that reads bytes of branches and customers. Whatever comes in, nothing
//! panics (tests check overflow), a refusal names its field, what is read can be written and read
//! again, and a replica that is told of it stays sound.
//!
//! The default is what a test run can afford. For hours, with new cases each time:
//! `PROPTEST_CASES=100000000 cargo test --test fuzz_decoders`
//! (not with --release, which does not check overflow).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]
#![cfg(feature = "net")]

mod common;
#[path = "fuzz/draw.rs"]
mod draw;
mod fuzz;

use std::{collections::BTreeSet, fmt::Debug};

use common::{ACCOUNT, branch, deposit, lone_replica, meet, origin, pages::pages, say, step, withdrawal, write};
use fuzz::{cases, damages, mangled};
use proptest::prelude::*;
use prost::Message;
use replibank::{
    replica::{Input, Output, PeerMessage, Replica},
    types::{AccountId, ClientId, OperationKind, RequestId, Time},
    wire::{Propagated, Snapshot, Status, WireError, proto},
};

/// Reads one kind of message; the error, if there is one.
type Read = fn(&[u8]) -> Option<WireError>;

const REQUEST: RequestId = RequestId { client: ClientId(7), number: 3 };

/// What reads each message that a call may carry.
const TARGETS: [(&str, Read); 14] = [
    ("ReplicateRequest", |bytes| read(bytes, |it: &proto::ReplicateRequest| peer_message(&it.message))),
    ("ReplicateResponse", |bytes| read(bytes, |it: &proto::ReplicateResponse| peer_message(&it.message))),
    ("PropagateDepositRequest", |bytes| {
        read(bytes, |it: &proto::PropagateDepositRequest| {
            Propagated::read(OperationKind::Deposit, it.operation.as_ref(), it.delta.as_ref()).map(drop)
        })
    }),
    ("PropagateWithdrawRequest", |bytes| {
        read(bytes, |it: &proto::PropagateWithdrawRequest| {
            Propagated::read(OperationKind::Withdraw, it.operation.as_ref(), it.delta.as_ref()).map(drop)
        })
    }),
    ("QueryRequest", |bytes| read(bytes, |it: &proto::QueryRequest| it.read().map(drop))),
    ("DepositRequest", |bytes| {
        read(bytes, |it: &proto::DepositRequest| {
            let (operation, id, terms) = it.read()?;
            if let (Ok(operation), Some(id)) = (operation, id) {
                let again = proto::DepositRequest::new(operation.account, operation.amount, id, &terms);
                assert_eq!(again.read(), Ok((Ok(operation), Some(id), terms)));
            }
            Ok(())
        })
    }),
    ("WithdrawRequest", |bytes| read(bytes, |it: &proto::WithdrawRequest| it.read().map(drop))),
    ("ExecuteRequest", |bytes| {
        read(bytes, |it: &proto::ExecuteRequest| {
            let batch = it.read()?;
            let asked: Vec<_> = batch.requests.iter().filter_map(|&(number, it)| Some((number, it.ok()?))).collect();
            if let (Some(client), true) = (batch.client, asked.len() == batch.requests.len()) {
                let again = proto::ExecuteRequest::new(client, asked, &batch.terms);
                assert_eq!(again.read(), Ok(batch));
            }
            Ok(())
        })
    }),
    ("ExecuteResponse", |bytes| {
        read(bytes, |it: &proto::ExecuteResponse| {
            it.answers.iter().try_for_each(|it| {
                let answer = it.read(REQUEST.client)?;
                same(Ok(&answer), proto::Answer::new(it.number, &answer).read(REQUEST.client))
            })
        })
    }),
    ("QueryResponse", |bytes| {
        read(bytes, |it: &proto::QueryResponse| {
            let answer = it.read()?;
            same(Ok(&answer), proto::QueryResponse::new(&answer).read())
        })
    }),
    ("DepositResponse", |bytes| {
        read(bytes, |it: &proto::DepositResponse| {
            let answer = it.read(REQUEST)?;
            same(Ok(&answer), proto::DepositResponse::new(&answer).read(REQUEST))
        })
    }),
    ("WithdrawResponse", |bytes| {
        read(bytes, |it: &proto::WithdrawResponse| {
            let answer = it.read(REQUEST)?;
            same(Ok(&answer), proto::WithdrawResponse::new(&answer).read(REQUEST))
        })
    }),
    ("StatusResponse", |bytes| {
        read(bytes, |it: &proto::StatusResponse| {
            let status = Status::try_from(it)?;
            same(Ok(&status), Status::try_from(&proto::StatusResponse::from(&status)))
        })
    }),
    ("WatchResponse", |bytes| {
        read(bytes, |it: &proto::WatchResponse| {
            let snapshot = Snapshot::try_from(it)?;
            same(Ok(&snapshot), Snapshot::try_from(&proto::WatchResponse::from(&snapshot)))
        })
    }),
];

/// Messages of which every content makes sense as it stands.
const WITHOUT_READER: [&str; 4] =
    ["StatusRequest", "WatchRequest", "PropagateDepositResponse", "PropagateWithdrawResponse"];

fn read<M: Message + Default>(bytes: &[u8], read: impl Fn(&M) -> Result<(), WireError>) -> Option<WireError> {
    M::decode(bytes).ok().and_then(|message| read(&message).err())
}

/// What was read, written and read again.
fn same<T: PartialEq + Debug>(once: Result<&T, WireError>, again: Result<T, WireError>) -> Result<(), WireError> {
    assert_eq!(once, again.as_ref().map_err(Clone::clone));
    Ok(())
}

fn peer_message(message: &Option<proto::PeerMessage>) -> Result<(), WireError> {
    let message = message.clone().unwrap_or_default();
    if let Ok(hello) = message.read_hello() {
        assert!(message.read().is_err(), "a hello is no message of a replica's");
        return same(Ok(&hello), proto::PeerMessage::hello(hello).read_hello());
    }
    let read = message.read()?;
    let again = proto::PeerMessage::new(&read).expect("a stream carries it");
    same(Ok(&read), again.read())
}

fn judge(target: Read, bytes: &[u8]) {
    if let Some(error) = target(bytes) {
        assert!(!error.field.is_empty() && !error.reason.is_empty(), "{error:?}");
        assert!(error.to_string().len() < 200, "{error}");
    }
}

#[test]
fn every_message_that_a_call_may_carry_is_fuzzed() {
    let services = draw::pool();
    let ours = services.services().filter(|service| service.full_name().starts_with("replibank."));
    let methods: Vec<_> = ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let carried = methods.iter().flat_map(|method| [method.input(), method.output()]);
    let carried: BTreeSet<String> = carried.map(|message| message.name().to_owned()).collect();
    let fuzzed = TARGETS.iter().map(|&(name, _)| name).chain(WITHOUT_READER).map(str::to_owned).collect();
    assert_eq!(carried, fuzzed);
}

/// Branch 1 of four: it has written, it is linked to 2 and 3, and it has a page of 3.
fn replica() -> Replica {
    let mut replica = lone_replica(4);
    meet(&mut replica, 2);
    meet(&mut replica, 3);
    step(&mut replica, write(1, deposit(ACCOUNT, 5)));
    step(&mut replica, write(2, withdrawal(1, 3)));
    say(&mut replica, 3, common::update(1, common::delta(3, 0, 2, &[(0, 1, 9, 0), (1, 2, 4, 1)])));
    replica
}

/// Runs on what was said until the replica has nothing to do or say.
fn settle(replica: &mut Replica) {
    for _ in 0..4 {
        for peer in [2, 3] {
            let mut said = 0;
            while replica.poll_send(Time::default(), branch(peer)).is_some() {
                said += 1;
                assert!(said < 100, "it never falls silent");
            }
        }
        let Some(deadline) = replica.next_deadline() else { return };
        common::step_at(replica, deadline, Input::Tick);
    }
}

/// A peer's word may move other origins' pages on, and nothing else.
fn assert_only_pages_moved_on(before: &Replica, after: &Replica) {
    assert_eq!(after.invariants(), Ok(()));
    let (old, new) = (pages(before), pages(after));
    assert_eq!(old.get(&origin(1)), new.get(&origin(1)), "the own page is its own");
    for (origin, (sequence, entries)) in &old {
        let (later, grown) = new.get(origin).expect("no page is ever lost");
        assert!(later >= sequence, "{origin} went back");
        for (account, entry) in entries {
            let now = grown[account];
            assert!(now.deposited >= entry.deposited && now.withdrawn >= entry.withdrawn, "{origin} shrank");
        }
    }
    for (&account, &balance) in after.balances() {
        let net: i64 = new.values().map(|(_, page)| common::pages::net(page, account)).sum();
        assert_eq!(balance, common::OPENING + net, "account {account}");
    }
    assert_eq!(after.balances().len(), before.balances().len(), "accounts neither come nor go");
}

/// Tells the replica, as a driver would; a fault ends the session, and another begins.
fn tell(replica: &mut Replica, message: PeerMessage) {
    let before = replica.clone();
    let whole = match &message {
        PeerMessage::Update(update) => update.deltas.len() <= 1,
        PeerMessage::Greeting { .. } | PeerMessage::Call(_) | PeerMessage::Acknowledgement { .. } => true,
    };
    let outputs = say(replica, 2, message);
    let faulty = outputs.iter().any(|output| matches!(output, Output::Faulty { .. }));
    assert_only_pages_moved_on(&before, replica);
    if faulty && whole {
        assert_eq!(before.balances(), replica.balances());
        assert_eq!(before.version(), replica.version());
    }
    if faulty {
        step(replica, Input::LinkDown(branch(2)));
        step(replica, Input::LinkUp(branch(2)));
    }
    settle(replica);
}

fn tell_bytes(replica: &mut Replica, bytes: &[u8]) {
    let Ok(message) = proto::PeerMessage::decode(bytes) else { return };
    if let Ok(message) = message.read() {
        tell(replica, message);
    }
}

fn call_bytes(replica: &mut Replica, kind: OperationKind, bytes: &[u8]) {
    let Ok(it) = proto::PropagateDepositRequest::decode(bytes) else { return };
    let Ok(told) = Propagated::read(kind, it.operation.as_ref(), it.delta.as_ref()) else { return };
    let before = replica.clone();
    let taken = replica.propagated(told.origin, told.operation, told.delta, &mut Vec::new());
    assert_only_pages_moved_on(&before, replica);
    if taken.is_err() {
        assert_eq!(before.version(), replica.version());
    }
    settle(replica);
}

/// What an honest branch 2 says on its link to branch 1, after these operations, one batch after another.
fn honest(batches: &[Vec<(u64, bool, u64)>]) -> Vec<Vec<u8>> {
    let mut peer =
        Replica::new(common::bank(4, 2, replibank::topology::Shape::Mesh, Default::default()).swap_remove(1));
    step(&mut peer, Input::LinkUp(branch(1)));
    let mut said = Vec::new();
    let mut hear = |peer: &mut Replica| {
        while let Some(message) = peer.poll_send(Time::default(), branch(1)) {
            said.push(proto::PeerMessage::new(&message).expect("a stream carries it").encode_to_vec());
            let (number, version) = match message {
                PeerMessage::Greeting { .. } => (0, Vec::new()),
                PeerMessage::Update(it) => (it.number, it.deltas.iter().map(|it| (it.origin, it.sequence)).collect()),
                PeerMessage::Call(_) | PeerMessage::Acknowledgement { .. } => continue,
            };
            say(peer, 1, PeerMessage::Acknowledgement { number, version });
        }
    };
    hear(&mut peer);
    for (ticket, batch) in batches.iter().enumerate() {
        for &(account, deposits, amount) in batch {
            let operation = if deposits { deposit(account, amount) } else { withdrawal(account, amount) };
            step(&mut peer, write(ticket as u64, operation));
        }
        hear(&mut peer);
    }
    said
}

fn batches() -> impl Strategy<Value = Vec<Vec<(u64, bool, u64)>>> {
    prop::collection::vec(prop::collection::vec((0..2_u64, any::<bool>(), 1..20_u64), 1..4), 1..5)
}

fn any_target() -> impl Strategy<Value = (&'static str, Read)> {
    prop::sample::select(TARGETS.to_vec())
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn prop_no_bytes_panic(target in any_target(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(target.1, &bytes);
    }

    #[test]
    fn prop_no_message_panics_whole_or_damaged(
        (target, bytes) in any_target().prop_flat_map(|(name, read)| (Just(read), draw::encoded(name))),
        damages in damages(),
    ) {
        judge(target, &bytes);
        judge(target, &mangled(bytes, &damages));
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn prop_no_message_of_a_peer_breaks_a_replica(
        messages in prop::collection::vec(draw::encoded("PeerMessage"), 1..6),
        calls in prop::collection::vec((any::<bool>(), draw::encoded("PropagateDepositRequest")), 0..4),
    ) {
        let mut replica = replica();
        for message in &messages {
            tell_bytes(&mut replica, message);
        }
        for (deposits, call) in &calls {
            let kind = if *deposits { OperationKind::Deposit } else { OperationKind::Withdraw };
            call_bytes(&mut replica, kind, call);
        }
    }

    #[test]
    fn prop_no_damaged_message_breaks_a_replica(
        batches in batches(),
        script in prop::collection::vec((any::<prop::sample::Index>(), damages()), 1..10),
    ) {
        let messages = honest(&batches);
        let mut replica = replica();
        for (pick, damages) in &script {
            tell_bytes(&mut replica, &mangled(pick.get(&messages).clone(), damages));
        }
    }

    /// The same messages undamaged are the control: they are all taken, and nothing is lost.
    #[test]
    fn prop_honest_messages_are_taken(batches in batches()) {
        let mut replica = replica();
        let before = replica.balances()[&AccountId(0)] + replica.balances()[&AccountId(1)];
        for message in honest(&batches) {
            tell_bytes(&mut replica, &message);
        }
        let sequence = replica.version().sequence(origin(2));
        let moved = replica.balances()[&AccountId(0)] + replica.balances()[&AccountId(1)] - before;
        // Every amount is at least 1; withdrawals beyond the balance were refused.
        let all: Vec<_> = batches.concat();
        prop_assert!(sequence <= all.len() as u64);
        let deposits: i64 = all.iter().filter(|it| it.1).map(|it| it.2 as i64).sum();
        let withdrawals: i64 = all.iter().filter(|it| !it.1).map(|it| it.2 as i64).sum();
        prop_assert!(moved <= deposits && moved >= deposits - withdrawals, "{moved}");
        if withdrawals < common::OPENING {
            prop_assert_eq!((sequence, moved), (all.len() as u64, deposits - withdrawals));
        }
    }
}
