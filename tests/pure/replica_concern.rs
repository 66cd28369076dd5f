//! Write concern: a write is answered once as many replicas have it as were asked for, never sooner,
//! and soon enough, by whatever way its page and its receipts have to take. (That no answer comes too
//! soon is also checked at every reply of every schedule, in `common::network`.)

use proptest::prelude::*;
use replibank::{
    replica::Request,
    topology::Shape,
    types::{Action, Answer, Committed, Concern, Duration, Propagation, Refusal, Terms},
};

use crate::common::{ACCOUNT, bank, branch, deposit, network::Network, request, request_id};

fn write_for(concern: Concern) -> Request {
    let terms = Terms { concern, wait: Duration::milliseconds(60_000), ..Terms::default() };
    Request { terms, ..request(0, Action::Write(deposit(ACCOUNT, 5))) }
}

fn committed(network: &Network, ticket: u64) -> Option<Committed> {
    match network.answer(ticket)? {
        Answer::Committed(committed) => Some(*committed),
        other @ (Answer::Queried(_) | Answer::Refused(_)) => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prop_a_write_for_all_is_answered_on_any_shape(
        (branches, shape, propagation) in prop_oneof![
            (1..=9_u32, Just(Shape::Mesh), Just(Propagation::Unary)),
            (1..=9_u32, Just(Shape::Mesh), Just(Propagation::Stream)),
            (1..=9_u32, Just(Shape::Ring), Just(Propagation::Stream)),
            (9..=16_u32, Just(Shape::Overlay), Just(Propagation::Stream)),
        ],
        at in 1..=16_u32,
        concern in prop_oneof![Just(Concern::Local), Just(Concern::Majority), Just(Concern::All)],
    ) {
        let mut network = Network::up(bank(branches, 1, shape, propagation));
        let ticket = network.ask(branch(at % branches + 1), write_for(concern));
        // No time passes: no resend and no repair is needed.
        network.flush();
        let committed = committed(&network, ticket);
        prop_assert!(committed.is_some_and(|committed| network.holders(committed) == branches as usize));
    }
}

#[test]
fn write_for_majority_is_answered_while_a_minority_is_away() {
    let mut network = Network::up(bank(5, 1, Shape::Mesh, Propagation::Stream));
    isolate(&mut network, 4);
    isolate(&mut network, 5);
    let majority = network.ask(branch(1), write_for(Concern::Majority));
    let all = network.ask(branch(1), write_for(Concern::All));
    network.flush();
    assert!(committed(&network, majority).is_some());
    assert_eq!(network.answer(all), None);
    network.settle();
    let refusal = Refusal::ConcernNotReached { concern: Concern::All, reached: 3, needed: 5 };
    assert_eq!(network.answer(all), Some(&Answer::Refused(refusal)));
    assert!(!refusal.is_definite(), "the write is committed, and will be everywhere");
    assert_eq!(network.asked[&all].answered_at, network.asked[&all].request.deadline);
    network.converge();
}

#[test]
fn write_for_all_is_answered_around_a_broken_link() {
    for (branches, shape) in [(3, Shape::Mesh), (4, Shape::Ring), (12, Shape::Overlay)] {
        let mut network = Network::up(bank(branches, 1, shape, Propagation::Stream));
        network.cut(branch(1), branch(2), true);
        let ticket = network.ask(branch(1), write_for(Concern::All));
        network.settle();
        assert!(committed(&network, ticket).is_some(), "on {shape}, the other links are enough");
    }
}

/// Branch 2 gets the page from 3 and issues no receipt, for it is linked to 1, if only in principle.
#[test]
fn write_for_all_is_answered_although_its_link_broke_before_the_acknowledgement() {
    let mut network = Network::up(bank(3, 1, Shape::Mesh, Propagation::Stream));
    let ticket = network.ask(branch(1), write_for(Concern::All));
    network.poll(branch(1), branch(2));
    network.deliver(0);
    network.cut(branch(1), branch(2), true);
    network.settle();
    assert!(committed(&network, ticket).is_some());
}

/// The peer has the page, but the link broke before it could say so. In the next session its greeting
/// says it; no update follows whose acknowledgement would. The greeting did not count, and the write
/// waited for ever.
#[test]
fn greeting_counts_as_receipt() {
    let mut network = Network::up(bank(2, 1, Shape::Mesh, Propagation::Stream));
    let ticket = network.ask(branch(1), write_for(Concern::All));
    network.poll(branch(1), branch(2));
    network.deliver(0);
    network.cut(branch(1), branch(2), true);
    network.mend(branch(1), branch(2));
    // 1 hears the greeting of 2 before it has said its own, which now it need not.
    network.poll(branch(2), branch(1));
    network.deliver(0);
    network.flush();
    assert!(committed(&network, ticket).is_some());
}

/// The first try asks for no receipts; by the second, every replica has the page already and nothing
/// was left to carry the wish for receipts. It waited until its deadline.
#[test]
fn retry_may_ask_for_a_higher_concern() {
    for (branches, shape) in [(3, Shape::Mesh), (5, Shape::Ring), (12, Shape::Overlay)] {
        let mut network = Network::up(bank(branches, 1, shape, Propagation::Stream));
        let id = Some(request_id(1, 1));
        let first = network.ask(branch(1), Request { id, ..write_for(Concern::Local) });
        network.settle();
        let second = network.ask(branch(1), Request { id, ..write_for(Concern::All) });
        network.settle();
        assert!(committed(&network, second).is_some());
        assert_eq!(network.answer(first), network.answer(second));
    }
}

/// As above, but the wish is made while the links are down.
#[test]
fn wish_for_receipts_survives_a_new_session() {
    let mut network = Network::up(bank(5, 1, Shape::Ring, Propagation::Stream));
    let id = Some(request_id(1, 1));
    network.ask(branch(1), Request { id, ..write_for(Concern::Local) });
    network.settle();
    isolate(&mut network, 1);
    let second = network.ask(branch(1), Request { id, ..write_for(Concern::All) });
    network.flush();
    network.heal();
    network.settle();
    assert!(committed(&network, second).is_some());
}

/// Cuts every link of a branch.
fn isolate(network: &mut Network, id: u32) {
    for (a, b) in network.links.clone() {
        if a == branch(id) || b == branch(id) {
            network.cut(a, b, true);
        }
    }
}
