//! What peers tell a replica: joining is a join, lies are refused whole, a branch that lost its data
//! does no harm, and links say no more than they must.

use proptest::prelude::*;
use replibank::{
    replica::{Delta, Entry, Input, Output, PeerMessage, PeerOffence, Receipt, Replica, Update},
    topology::Shape,
    types::{AccountId, Action, BranchId, Duration, Incarnation, MAX_AMOUNT, MAX_ORIGINS, Origin, Propagation, Time},
};

use crate::common::{
    self, ACCOUNT, OPENING, bank, branch, deposit, lone_replica, meet,
    network::Network,
    origin,
    pages::{Page, pages},
    request, say, step, step_at, write,
};

fn entry(account: u64, sequence: u64, deposited: u64, withdrawn: u64) -> Entry {
    Entry { account: AccountId(account), sequence, deposited, withdrawn }
}

fn delta(origin: Origin, base: u64, sequence: u64, entries: Vec<Entry>) -> Delta {
    Delta { origin, base, sequence, entries, confirm_through: 0, past: Vec::new() }
}

/// Hands in deltas from branch 2, each in an update of its own; returns the faults.
fn hear(replica: &mut Replica, deltas: &[Delta]) -> Vec<PeerOffence> {
    let mut faults = Vec::new();
    for (index, delta) in deltas.iter().enumerate() {
        let update =
            Update { number: index as u64 + 1, is_urgent: true, deltas: vec![delta.clone()], receipts: Vec::new() };
        for output in say(replica, 2, PeerMessage::Update(update)) {
            match output {
                Output::Faulty { fault, .. } => faults.push(fault),
                Output::Reply { .. } | Output::Ready(_) | Output::Save => {}
            }
        }
    }
    faults
}

fn met() -> Replica {
    let mut replica = lone_replica(4);
    meet(&mut replica, 2);
    replica
}

/// The history of one page: states 1 to n, as `(account, deposited?, amount)` operations make them.
fn history(operations: &[(u64, bool, u64)]) -> Vec<Page> {
    let mut page: Page = (0, Default::default());
    let mut states = vec![page.clone()];
    for &(account, deposits, amount) in operations {
        page.0 += 1;
        let known = page.1.entry(AccountId(account)).or_insert(entry(account, 0, 0, 0));
        known.sequence = page.0;
        *(if deposits { &mut known.deposited } else { &mut known.withdrawn }) += amount;
        states.push(page.clone());
    }
    states
}

/// The truthful delta from one state to a later one.
fn truthful(origin: Origin, states: &[Page], base: usize, to: usize) -> Delta {
    let mut entries: Vec<Entry> = states[to].1.values().filter(|entry| entry.sequence > base as u64).copied().collect();
    entries.sort_by_key(|entry| entry.sequence);
    delta(origin, base as u64, to as u64, entries)
}

/// Truthful deltas of two origins, with bases of every kind.
fn deltas() -> impl Strategy<Value = Vec<Delta>> {
    let operations = || prop::collection::vec((0..2_u64, any::<bool>(), 1..50_u64), 1..8);
    let picks = prop::collection::vec((any::<bool>(), 0..100_usize, 0..100_usize), 1..12);
    (operations(), operations(), picks).prop_map(|(two, three, picks)| {
        let histories = [(origin(2), history(&two)), (origin(3), history(&three))];
        let pick = |(which, base, length): (bool, usize, usize)| {
            let (origin, states) = &histories[usize::from(which)];
            let base = base % states.len();
            truthful(*origin, states, base, base + length % (states.len() - base))
        };
        picks.into_iter().map(pick).collect()
    })
}

fn state(replica: &Replica) -> (std::collections::BTreeMap<Origin, Page>, std::collections::BTreeMap<AccountId, i64>) {
    (pages(replica), replica.balances().clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// Deltas whose base is not reached yet are refused until they fit, so both orders are repeated
    /// until nothing changes: then join has to be commutative, associative and idempotent.
    #[test]
    fn prop_join_does_not_depend_on_order_or_repetition(deltas in deltas(), seed in any::<u64>()) {
        let mut shuffled = deltas.clone();
        shuffled.extend(deltas.clone());
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let (mut one, mut other) = (met(), met());
        for _ in 0..=deltas.len() {
            prop_assert_eq!(hear(&mut one, &deltas), vec![]);
            prop_assert_eq!(hear(&mut other, &shuffled), vec![]);
        }
        prop_assert_eq!(state(&one), state(&other));
        let before = state(&one);
        prop_assert_eq!(hear(&mut one, &shuffled), vec![]);
        prop_assert_eq!(state(&one), before, "what is known changes nothing");
    }

    #[test]
    fn prop_no_delta_breaks_a_replica(
        truth in deltas(),
        noise in prop::collection::vec(
            (1..6_u32, 0..3_u64, 0..9_u64, 0..9_u64, prop::collection::vec((0..4_u64, 0..9_u64, any::<u64>(), 0..90_u64), 0..4)),
            1..12,
        ),
    ) {
        let mut replica = met();
        step(&mut replica, write(1, deposit(ACCOUNT, 5)));
        hear(&mut replica, &truth);
        for (id, incarnation, base, sequence, entries) in noise {
            let origin = Origin { branch: branch(id), incarnation: Incarnation(incarnation) };
            let entries = entries.into_iter().map(|(account, sequence, in_, out)| entry(account, sequence, in_, out));
            let before = state(&replica);
            // `step` inside checks the invariants.
            if !hear(&mut replica, &[delta(origin, base, sequence, entries.collect())]).is_empty() {
                prop_assert_eq!(state(&replica), before, "what is refused is refused whole");
            }
        }
    }
}

#[test]
fn what_cannot_be_true_is_refused_and_named() {
    let two = origin(2);
    let base = delta(two, 0, 3, vec![entry(0, 2, 10, 5), entry(1, 3, 7, 0)]);
    let malformed = |origin, reason| PeerOffence::Malformed { origin, reason };
    let stranger = origin(9);
    let cases = [
        (delta(stranger, 0, 1, vec![entry(0, 1, 1, 0)]), PeerOffence::UnknownOrigin { origin: stranger }),
        (
            delta(two, 3, 4, vec![entry(77, 4, 1, 0)]),
            PeerOffence::UnknownAccount { origin: two, account: AccountId(77) },
        ),
        (delta(two, 3, 4, vec![entry(0, 4, 9, 5)]), PeerOffence::ShrunkTotals { origin: two, account: AccountId(0) }),
        (delta(two, 3, 4, vec![entry(0, 4, 10, 5)]), PeerOffence::ShrunkTotals { origin: two, account: AccountId(0) }),
        (
            delta(two, 2, 3, vec![entry(1, 3, 8, 0)]),
            PeerOffence::TwoContents { origin: two, sequence: 3, account: AccountId(1) },
        ),
        (delta(origin(1), 0, 1, vec![entry(0, 1, 1, 0)]), PeerOffence::OwnPage { claimed: 1, written: 0 }),
        (delta(two, 5, 4, vec![]), malformed(two, "it ends before it begins")),
        (delta(two, 3, 5, vec![entry(0, 4, 11, 5)]), malformed(two, "no entry is of its last operation")),
        (
            delta(two, 3, 4, vec![entry(0, 3, 10, 5), entry(1, 4, 8, 0)]),
            malformed(two, "an entry's sequence is out of its range"),
        ),
        (delta(two, 3, 4, vec![entry(0, 4, MAX_AMOUNT + 1, 5)]), malformed(two, "a total is above its limit")),
    ];
    for (lie, fault) in cases {
        let mut replica = met();
        assert_eq!(hear(&mut replica, std::slice::from_ref(&base)), []);
        let before = state(&replica);
        assert_eq!(hear(&mut replica, std::slice::from_ref(&lie)), [fault], "{lie:?}");
        assert_eq!(state(&replica), before, "{lie:?}");
    }
}

#[test]
fn stale_and_repeated_pages_are_ignored() {
    let mut replica = met();
    let (old, new) = (delta(origin(3), 0, 1, vec![entry(0, 1, 5, 0)]), delta(origin(3), 0, 2, vec![entry(0, 2, 9, 0)]));
    assert_eq!(hear(&mut replica, &[new.clone(), old, new]), []);
    assert_eq!(replica.balances()[&AccountId(0)], OPENING + 9);
}

#[test]
fn delta_that_leaves_a_gap_is_not_joined_and_what_is_missing_is_asked_for() {
    let mut replica = met();
    hear(&mut replica, &[delta(origin(2), 4, 5, vec![entry(0, 5, 9, 0)])]);
    assert_eq!(replica.balances()[&AccountId(0)], OPENING);
    let reply = replica.poll_send(Time::default(), branch(2));
    assert_eq!(reply, Some(PeerMessage::Acknowledgement { number: 1, version: vec![(origin(2), 0)] }));
}

#[test]
fn branch_that_lost_its_data_comes_back_as_another_origin_and_gets_its_page_back() {
    for (shape, propagation) in
        [(Shape::Mesh, Propagation::Stream), (Shape::Ring, Propagation::Stream), (Shape::Mesh, Propagation::Unary)]
    {
        let mut network = Network::up(bank(4, 1, shape, propagation));
        network.ask(branch(2), request(0, Action::Write(deposit(ACCOUNT, 30))));
        network.converge();
        network.restart(branch(2), Origin { branch: branch(2), incarnation: Incarnation(1) });
        network.ask(branch(2), request(0, Action::Write(deposit(ACCOUNT, 4))));
        network.converge();
        let balances: Vec<i64> =
            network.replicas.values().map(|replica| replica.balances()[&AccountId(ACCOUNT)]).collect();
        assert_eq!(balances, [OPENING + 34; 4], "{shape}, {propagation}");
        assert_eq!(network.faults, []);
    }
}

#[test]
fn branch_that_lost_its_data_and_keeps_its_name_is_told() {
    let mut network = Network::up(bank(3, 1, Shape::Mesh, Propagation::Stream));
    network.ask(branch(2), request(0, Action::Write(deposit(ACCOUNT, 30))));
    network.converge();
    network.restart(branch(2), origin(2));
    network.heal();
    network.flush();
    assert!(
        network.faults.contains(&(branch(2), PeerOffence::OwnPage { claimed: 1, written: 0 })),
        "{:?}",
        network.faults
    );
}

#[test]
fn hundred_deposits_that_wait_for_one_peer_leave_as_one_entry() {
    let mut replica = met();
    for ticket in 1..=100 {
        step(&mut replica, write(ticket, deposit(ACCOUNT, 3)));
    }
    let Some(PeerMessage::Update(update)) = replica.poll_send(Time::default(), branch(2)) else { panic!("no update") };
    assert_eq!(update.deltas, [delta(origin(1), 0, 100, vec![entry(ACCOUNT, 100, 300, 0)])]);
    step(&mut replica, write(101, deposit(ACCOUNT, 3)));
    assert_eq!(replica.poll_send(Time::default(), branch(2)), None, "one update is under way at most");
}

#[test]
fn deposit_takes_one_update_a_branch_and_then_the_network_is_silent() {
    for (branches, shape) in [(6, Shape::Mesh), (6, Shape::Ring), (12, Shape::Overlay), (30, Shape::Overlay)] {
        let mut network = Network::up(bank(branches, 1, shape, Propagation::Stream));
        network.ask(branch(1), request(0, Action::Write(deposit(ACCOUNT, 1))));
        network.flush();
        network.assert_agreed();
        let others = branches as usize - 1;
        assert_eq!((network.sent.updates, network.sent.deltas), (others, others), "{shape} of {branches}");
        assert_eq!((network.sent.acknowledgements, network.sent.greetings), (others, 0));
        // Each end of a link compares versions once more, at the most, and finds nothing to repair.
        network.settle();
        assert_eq!(network.sent.updates, others, "{shape} of {branches}");
        assert!(network.sent.greetings <= 2 * network.links.len());
    }
}

#[test]
fn page_finds_its_way_around_a_broken_link_after_a_repair() {
    let mut network = Network::up(bank(4, 1, Shape::Mesh, Propagation::Stream));
    let (one, two): (BranchId, BranchId) = (branch(1), branch(2));
    network.cut(one, two, true);
    network.ask(one, request(0, Action::Write(deposit(ACCOUNT, 1))));
    network.flush();
    assert_eq!(network.replicas[&two].balances()[&AccountId(ACCOUNT)], OPENING, "left to branch 1 at first");
    network.advance(Duration::milliseconds(1_500));
    network.flush();
    assert_eq!(network.replicas[&two].balances()[&AccountId(ACCOUNT)], OPENING + 1);
}

/// A receipt is hearsay: one liar could otherwise break every link of the branches that pass it on.
#[test]
fn receipt_of_more_than_was_written_is_dropped_and_not_held_against_the_messenger() {
    let mut replica = met();
    let claims = [(1, 7), (3, u64::MAX)].map(|(of, sequence)| Receipt { by: origin(4), origin: origin(of), sequence });
    let told = PeerMessage::Update(Update { number: 1, is_urgent: true, deltas: Vec::new(), receipts: claims.into() });
    assert_eq!(say(&mut replica, 2, told), [Output::Ready(branch(2))]);
    meet(&mut replica, 3);
    while let Some(message) = replica.poll_send(Time::default(), branch(3)) {
        assert!(!matches!(&message, PeerMessage::Update(_)), "it is passed on: {message:?}");
    }
}

/// What `replica` passes on to branch 3, which has just been met, in the way of receipts.
fn receipts_passed_on(replica: &mut Replica) -> Vec<Receipt> {
    step(replica, Input::LinkUp(branch(3)));
    say(replica, 3, PeerMessage::Acknowledgement { number: 0, version: Vec::new() });
    say(replica, 3, PeerMessage::Greeting { version: replica.version() });
    let mut receipts = Vec::new();
    while let Some(message) = replica.poll_send(Time::default(), branch(3)) {
        if let PeerMessage::Update(update) = message {
            receipts.extend(update.receipts);
            say(replica, 3, PeerMessage::Acknowledgement { number: update.number, version: Vec::new() });
        }
    }
    receipts
}

#[test]
fn receipts_for_lives_that_nobody_led_take_no_room() {
    let mut replica = met();
    let life = |incarnation| Origin { branch: branch(2), incarnation: Incarnation(incarnation) };
    let receipt = |incarnation| Receipt { by: origin(4), origin: life(incarnation), sequence: 1 };
    hear(&mut replica, &[delta(life(3), 0, 1, vec![entry(0, 1, 9, 0)])]);
    let receipts: Vec<Receipt> = (0..10_000).chain([5000, 3, 0]).map(receipt).collect();
    let told = PeerMessage::Update(Update { number: 9, is_urgent: true, deltas: Vec::new(), receipts });
    assert!(say(&mut replica, 2, told).iter().all(|output| *output == Output::Ready(branch(2))));
    assert_eq!(receipts_passed_on(&mut replica), [receipt(9_999)], "the latest; the other's way is the one it came");
}

/// Deltas that leave nothing behind must not take the places of origins to come.
#[test]
fn deltas_without_effect_take_no_page() {
    let mut replica = met();
    let life = |incarnation| Origin { branch: branch(2), incarnation: Incarnation(incarnation) };
    for incarnation in 0..MAX_ORIGINS as u64 {
        let gap = delta(life(incarnation), 5, 6, vec![entry(0, 6, 9, 0)]);
        let nothing = delta(life(incarnation), 0, 0, vec![]);
        let shrunk = delta(life(incarnation), 0, 1, vec![entry(0, 1, 0, 0)]);
        for delta in [gap, nothing, shrunk] {
            replica.propagated(delta.origin, None, Some(delta), &mut Vec::new()).ok();
        }
    }
    let honest = delta(life(1 << 50), 0, 1, vec![entry(0, 1, 9, 0)]);
    assert_eq!(replica.propagated(honest.origin, None, Some(honest), &mut Vec::new()), Ok(1));
    assert_eq!(replica.invariants(), Ok(()));
}

/// To name the account that is missing took a look at every entry for every account.
#[test]
fn large_page_with_one_account_missing_is_refused_as_fast_as_a_right_one() {
    let accounts = 200_000;
    let mut config = bank(4, accounts, Shape::Mesh, Propagation::Stream).swap_remove(0);
    config.links.remove(&branch(common::OBSERVER));
    let mut replica = Replica::new(config);
    let entries: Vec<Entry> = (0..accounts).map(|account| entry(account, account + 1, 1, 0)).collect();
    let page = delta(origin(2), 0, accounts, entries);
    assert_eq!(replica.propagated(page.origin, None, Some(page.clone()), &mut Vec::new()), Ok(accounts));
    let mut lie = page;
    // All but the last one's, which is told as another account's news.
    lie.entries.remove(accounts as usize - 2);
    lie.sequence += 1;
    lie.entries.push(entry(0, accounts + 1, 2, 0));
    lie.entries.remove(0);
    let two_contents =
        PeerOffence::TwoContents { origin: origin(2), sequence: accounts - 1, account: AccountId(accounts - 2) };
    let begin = std::time::Instant::now();
    assert_eq!(replica.propagated(lie.origin, None, Some(lie), &mut Vec::new()), Err(two_contents));
    assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{:?}", begin.elapsed());
}

/// A peer that takes what it is sent and says that it has not: a plain program may answer so, too. To
/// send at once what was refused would be a loop as fast as the wire.
#[test]
fn peer_that_never_has_what_it_is_sent_is_told_again_only_after_a_while() {
    for propagation in [Propagation::Stream, Propagation::Unary] {
        let mut replica = Replica::new(bank(4, 2, Shape::Mesh, propagation).swap_remove(0));
        meet(&mut replica, 2);
        step(&mut replica, write(1, deposit(ACCOUNT, 3)));
        let mut now = Time::default();
        let mut told = 0;
        while now < Time::default() + Duration::milliseconds(20_000) {
            while let Some(message) = replica.poll_send(now, branch(2)) {
                let number = match message {
                    PeerMessage::Update(update) => update.number,
                    PeerMessage::Call(call) => call.number,
                    PeerMessage::Greeting { .. } => 0,
                    PeerMessage::Acknowledgement { .. } => continue,
                };
                told += 1;
                assert!(told < 100, "{propagation}: it is told without end");
                let version = vec![(origin(1), 0)];
                let denial =
                    Input::Message { from: branch(2), message: PeerMessage::Acknowledgement { number, version } };
                step_at(&mut replica, now, denial);
            }
            now = replica.next_deadline().unwrap_or(Time(u64::MAX));
            step_at(&mut replica, now, Input::Tick);
        }
        assert!(told > 10, "{propagation}: it is not forgotten: {told}");
    }
}
/// Calls have no sessions: who comes back without its data must say so, or those with nothing new to
/// tell would never tell it anything.
#[test]
fn a_caller_that_has_come_back_is_told_everything_again() {
    let config = bank(2, 1, Shape::Mesh, Propagation::Unary).swap_remove(0);
    let mut replica = Replica::new(config);
    meet(&mut replica, 2);
    step(&mut replica, write(1, deposit(ACCOUNT, 5)));
    let acknowledge = |replica: &mut Replica, number, sequence| {
        let version = if sequence > 0 { vec![(origin(1), sequence)] } else { Vec::new() };
        say(replica, 2, PeerMessage::Acknowledgement { number, version })
    };
    let call = |replica: &mut Replica| match replica.poll_send(Time::default(), branch(2)) {
        Some(PeerMessage::Call(call)) => call,
        other => panic!("{other:?} is no call"),
    };
    let number = call(&mut replica).number;
    acknowledge(&mut replica, number, 1);
    assert_eq!(replica.poll_send(Time::default(), branch(2)), None, "all is told");

    let again = Origin { incarnation: Incarnation(5), ..origin(2) };
    let mut outputs = Vec::new();
    assert_eq!(replica.propagated(again, None, Some(delta(again, 0, 0, Vec::new())), &mut outputs), Ok(0));
    assert!(outputs.contains(&Output::Ready(branch(2))), "{outputs:?}");
    assert!(matches!(replica.poll_send(Time::default(), branch(2)), Some(PeerMessage::Greeting { .. })));
    acknowledge(&mut replica, 0, 0);
    assert_eq!(call(&mut replica).delta, delta(origin(1), 0, 1, vec![entry(ACCOUNT, 1, 5, 0)]));
    assert_eq!(replica.invariants(), Ok(()));
}
