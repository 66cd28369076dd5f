//! Fuzz targets for what becomes of bytes that can be read: a replica is told of them, as its drivers
//! would tell it. It stays sound, only others' pages move on, and what is refused is refused whole.
//!
//! The default is what a test run can afford. For hours, with new cases each time:
//! `PROPTEST_CASES=100000000 cargo test --test net fuzz_replica`
//! (not with --release, which does not check overflow).

use proptest::prelude::*;
use prost::Message;
use replibank::{
    replica::{Input, Output, PeerMessage, Replica},
    types::{AccountId, MAX_AMOUNT, OperationKind, Time},
    wire::{Propagated, proto},
};

use crate::{
    common::{self, ACCOUNT, branch, deposit, lone_replica, meet, origin, pages::pages, say, step, withdrawal, write},
    draw,
    fuzz::{cases, damages, mangled},
};

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
    for (sequence, entries) in new.values() {
        let total = entries.values().map(|entry| entry.deposited.max(entry.withdrawn)).max().unwrap_or(0);
        assert!(total <= MAX_AMOUNT && *sequence <= 1 << 48, "{total} in {sequence} operations: beyond any limit");
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
        // Of several parts, those before the false one are taken.
        PeerMessage::Update(update) => update.deltas.len() + update.receipts.len() <= 1,
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
    let Ok(told) = Propagated::read(kind, it.operation, it.delta) else { return };
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
            said.push(proto::PeerMessage::new(message.clone()).expect("a stream carries it").encode_to_vec());
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

/// A field of an update's delta or of one of its entries, and what it becomes.
type Twist = (usize, prop::sample::Index, u64);

fn twist() -> impl Strategy<Value = Twist> {
    (0..11_usize, any::<prop::sample::Index>(), draw::number())
}

fn twisted(update: &mut proto::Update, &(field, place, number): &Twist) {
    let Some(delta) = update.deltas.first_mut() else { return };
    match field {
        0 => return delta.origin = number as u32,
        1 => return delta.incarnation = number,
        2 => return delta.base = number,
        3 => return delta.sequence = number,
        4 => return delta.confirm_through = number,
        _ => {}
    }
    if delta.entries.is_empty() {
        return;
    }
    let place = place.index(delta.entries.len());
    let entry = &mut delta.entries[place];
    match field {
        5 => entry.account = number,
        6 => entry.sequence = number,
        7 => entry.deposited = number,
        8 => entry.withdrawn = number,
        9 => drop(delta.entries.remove(place)),
        _ => {
            // One more operation of the same account.
            delta.sequence = delta.sequence.saturating_add(1);
            let last = proto::Entry { sequence: delta.sequence, deposited: number, ..*entry };
            delta.entries.push(last);
        }
    }
}

proptest! {
    #![proptest_config(cases(8_000))]

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

    /// Well-formed, with one value wrong here and there: this gets further than damaged bytes do.
    #[test]
    fn prop_no_twisted_delta_breaks_a_replica(
        batches in batches(),
        script in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(twist(), 0..4)), 1..10),
    ) {
        let messages = honest(&batches);
        let mut replica = replica();
        for (pick, twists) in &script {
            let mut message = proto::PeerMessage::decode(&pick.get(&messages)[..]).expect("an honest message");
            if let Some(proto::peer_message::Kind::Update(update)) = &mut message.kind {
                twists.iter().for_each(|twist| twisted(update, twist));
            }
            tell_bytes(&mut replica, &message.encode_to_vec());
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
