//! On a transport that loses nothing, a few updates are under way at once, and most are answered together.

use replibank::{
    replica::{Config, Input, Output, PeerMessage, Replica, Request, Update},
    topology::Shape,
    types::{Action, Concern, Duration, Propagation, Terms, Time},
};

use crate::common::{ACCOUNT, bank, branch, delta, deposit, meet, origin, request, say, step, step_at, update, write};

const PEER: u32 = 2;

/// How many updates may be under way.
const WINDOW: u64 = 8;

/// Every update of a number that this divides is to be answered at once.
const URGENT_EVERY: u64 = 4;

/// How long an answer may wait for others, in microseconds.
const ANSWER_WITHIN: u64 = 200_000;

/// Far enough apart that no update waits for a gap.
const PAUSE: u64 = 100_000;

/// Branch 1 of a mesh of two whose links lose nothing, met with its peer.
fn replica() -> Replica {
    let config = bank(2, 2, Shape::Mesh, Propagation::Stream).swap_remove(0);
    let mut replica = Replica::new(Config { resend_after: Duration::MAX, ..config });
    meet(&mut replica, PEER);
    replica
}

/// Deposits, and polls; the update that leaves.
fn tell(replica: &mut Replica, now: u64) -> Option<Update> {
    step_at(replica, Time(now), write(1, deposit(ACCOUNT, 1)));
    match replica.poll_send(Time(now), branch(PEER))? {
        PeerMessage::Update(update) => Some(update),
        other @ (PeerMessage::Greeting { .. } | PeerMessage::Call(_) | PeerMessage::Acknowledgement { .. }) => {
            panic!("{other:?}")
        }
    }
}

fn acknowledge(replica: &mut Replica, number: u64, sequence: u64) -> Vec<Output> {
    say(replica, PEER, PeerMessage::Acknowledgement { number, version: vec![(origin(1), sequence)] })
}

fn behind(replica: &Replica) -> u64 {
    replica.links().find(|&(peer, ..)| peer == branch(PEER)).unwrap().2
}

#[test]
fn a_window_of_updates_leaves_without_an_answer_and_each_begins_where_the_last_one_ended() {
    let mut replica = replica();
    for number in 1..=WINDOW {
        let sent = tell(&mut replica, number * PAUSE).unwrap();
        assert_eq!((sent.number, sent.deltas[0].base, sent.deltas[0].sequence), (number, number - 1, number));
        assert_eq!(sent.is_urgent, number % URGENT_EVERY == 0, "update {number}");
    }
    assert_eq!(tell(&mut replica, (WINDOW + 1) * PAUSE), None, "the window is used up");
    assert_eq!(behind(&replica), WINDOW + 1, "what is under way may not have arrived");
    assert_eq!(acknowledge(&mut replica, WINDOW, WINDOW), [Output::Ready(branch(PEER))]);
    assert_eq!(behind(&replica), 1);
    let sent = tell(&mut replica, (WINDOW + 2) * PAUSE).unwrap();
    assert_eq!((sent.deltas[0].base, sent.deltas[0].sequence), (WINDOW, WINDOW + 2));
}

#[test]
fn one_answer_is_to_every_update_before_and_an_earlier_one_that_comes_later_is_ignored() {
    let mut replica = replica();
    for number in 1..=3 {
        tell(&mut replica, number * PAUSE).unwrap();
    }
    assert_eq!(acknowledge(&mut replica, 2, 2), [], "there was room anyway");
    assert_eq!(behind(&replica), 1);
    assert_eq!(acknowledge(&mut replica, 1, 1), []);
    assert_eq!(behind(&replica), 1);
}

#[test]
fn what_is_under_way_is_not_sent_again_after_an_answer_to_what_was_before_it() {
    let mut replica = replica();
    for number in 1..=4 {
        tell(&mut replica, number * PAUSE).unwrap();
    }
    acknowledge(&mut replica, 2, 2);
    assert_eq!(tell(&mut replica, 5 * PAUSE).unwrap().deltas[0].base, 4);
    say(&mut replica, PEER, PeerMessage::Greeting { version: [(origin(1), 3)].into_iter().collect() });
    assert!(matches!(replica.poll_send(Time(6 * PAUSE), branch(PEER)), Some(PeerMessage::Acknowledgement { .. })));
    assert_eq!(replica.poll_send(Time(6 * PAUSE), branch(PEER)), None);
    assert_eq!(tell(&mut replica, 7 * PAUSE).unwrap().deltas[0].base, 5);
}

#[test]
fn what_a_peer_says_to_have_lost_is_told_again() {
    let mut replica = replica();
    tell(&mut replica, PAUSE).unwrap();
    tell(&mut replica, 2 * PAUSE).unwrap();
    acknowledge(&mut replica, 1, 1);
    assert_eq!(acknowledge(&mut replica, 2, 0), [Output::Ready(branch(PEER))]);
    let Some(PeerMessage::Update(again)) = replica.poll_send(Time(3 * PAUSE), branch(PEER)) else { panic!() };
    assert_eq!((again.deltas[0].base, again.deltas[0].sequence), (0, 2));
}

#[test]
fn a_wish_for_receipts_is_to_be_answered_at_once() {
    let mut replica = replica();
    assert!(!tell(&mut replica, PAUSE).unwrap().is_urgent);
    let terms = Terms { concern: Concern::All, ..Terms::default() };
    step(&mut replica, Input::Request(Request { terms, ..request(7, Action::Write(deposit(ACCOUNT, 1))) }));
    let Some(PeerMessage::Update(wish)) = replica.poll_send(Time(2 * PAUSE), branch(PEER)) else { panic!() };
    assert!(wish.is_urgent);
}

/// An update of the peer's that is not urgent.
fn patient(number: u64) -> PeerMessage {
    match update(number, delta(PEER, number - 1, number, &[(ACCOUNT, number, number, 0)])) {
        PeerMessage::Update(update) => PeerMessage::Update(Update { is_urgent: false, ..update }),
        other @ (PeerMessage::Greeting { .. } | PeerMessage::Call(_) | PeerMessage::Acknowledgement { .. }) => other,
    }
}

#[test]
fn patient_updates_are_answered_together_within_a_while() {
    let mut replica = replica();
    assert_eq!(say(&mut replica, PEER, patient(1)), []);
    assert_eq!(say(&mut replica, PEER, patient(2)), []);
    assert_eq!(replica.poll_send(Time(0), branch(PEER)), None);
    assert_eq!(replica.next_deadline(), Some(Time(ANSWER_WITHIN)));
    assert_eq!(step_at(&mut replica, Time(ANSWER_WITHIN), Input::Tick), [Output::Ready(branch(PEER))]);
    let answer = PeerMessage::Acknowledgement { number: 2, version: vec![(origin(PEER), 2)] };
    assert_eq!(replica.poll_send(Time(ANSWER_WITHIN), branch(PEER)), Some(answer));
    assert_eq!(replica.next_deadline(), None);
}

#[test]
fn an_answer_leaves_with_whatever_else_does() {
    let mut replica = replica();
    say(&mut replica, PEER, patient(1));
    assert!(tell(&mut replica, PAUSE).is_some());
    let answer = PeerMessage::Acknowledgement { number: 1, version: vec![(origin(PEER), 1)] };
    assert_eq!(replica.poll_send(Time(PAUSE), branch(PEER)), Some(answer));
    assert_eq!(replica.poll_send(Time(PAUSE), branch(PEER)), None);
}
