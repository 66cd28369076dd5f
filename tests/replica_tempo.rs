//! A busy link lets changes gather: a few updates leave at once, further ones keep a gap, which grows with
//! the time that they wait for processors. Who waits for a write concern does not wait for a gap.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

mod common;

use common::{ACCOUNT, branch, deposit, lone_replica, meet, origin, request, step_at, write};
use replibank::{
    replica::{Input, Output, PeerMessage, Replica, Request},
    types::{Action, Concern, Terms, Time},
};

const PEER: u32 = 2;

/// The updates that may leave without a pause.
const BURST: u64 = 16;

/// The least gap, in microseconds.
const GAP: u64 = 1_000;

/// Deposits; whether the link to the peer is to be asked.
fn deposit_at(replica: &mut Replica, now: u64) -> bool {
    step_at(replica, Time(now), write(1, deposit(ACCOUNT, 1))).contains(&Output::Ready(branch(PEER)))
}

/// The sequence that the next update tells, if one may leave.
fn update_at(replica: &mut Replica, now: u64) -> Option<(u64, u64)> {
    match replica.poll_send(Time(now), branch(PEER))? {
        PeerMessage::Update(update) => Some((update.number, update.deltas[0].sequence)),
        other @ (PeerMessage::Greeting { .. } | PeerMessage::Call(_) | PeerMessage::Acknowledgement { .. }) => {
            panic!("{other:?}")
        }
    }
}

fn acknowledge_at(replica: &mut Replica, now: u64, (number, sequence): (u64, u64)) {
    let message = PeerMessage::Acknowledgement { number, version: vec![(origin(1), sequence)] };
    step_at(replica, Time(now), Input::Message { from: branch(PEER), message });
}

/// A replica whose link has sent all that may leave at once, each taken after `trip`; and what time it is.
fn busy_link(trip: u64) -> (Replica, u64) {
    let mut replica = lone_replica(2);
    meet(&mut replica, PEER);
    let mut now = 0;
    // What is sent while the burst lasts leaves room for a little more.
    loop {
        deposit_at(&mut replica, now);
        let Some(sent) = update_at(&mut replica, now) else { return (replica, now) };
        now += trip;
        acknowledge_at(&mut replica, now, sent);
    }
}

#[test]
fn a_few_updates_leave_at_once_and_the_next_keeps_a_gap() {
    let (mut replica, now) = busy_link(0);
    assert_eq!((replica.version().sequence(origin(1)), now), (BURST + 1, 0));
    assert!(!deposit_at(&mut replica, now), "a link that lets changes gather is not asked for each");
    let due = replica.next_deadline().unwrap();
    assert_eq!(due, Time(GAP));
    assert_eq!(step_at(&mut replica, Time(due.0 - 1), Input::Tick), []);
    assert_eq!(step_at(&mut replica, due, Input::Tick), [Output::Ready(branch(PEER))]);
    assert_eq!(update_at(&mut replica, due.0), Some((BURST + 1, BURST + 2)), "what has gathered leaves together");
}

#[test]
fn the_next_change_after_the_gap_does_not_wait_for_a_tick() {
    let (mut replica, now) = busy_link(0);
    assert!(deposit_at(&mut replica, now + GAP));
    assert!(update_at(&mut replica, now + GAP).is_some());
}

#[test]
fn a_pause_gives_the_burst_back() {
    let (mut replica, now) = busy_link(0);
    let later = now + (BURST + 1) * GAP;
    let mut taken = 0;
    loop {
        deposit_at(&mut replica, later);
        let Some(sent) = update_at(&mut replica, later) else { break };
        acknowledge_at(&mut replica, later, sent);
        taken += 1;
    }
    assert_eq!(taken, BURST);
}

#[test]
fn the_gap_grows_with_the_wait_for_processors_and_not_with_the_way() {
    let gap_after = |trips: [u64; 2]| {
        let mut replica = lone_replica(2);
        meet(&mut replica, PEER);
        let (mut now, mut trips) = (0, trips.iter().cycle());
        // As many as it takes to forget how it began.
        for _ in 0..200 {
            deposit_at(&mut replica, now);
            let sent = loop {
                match update_at(&mut replica, now) {
                    Some(sent) => break sent,
                    None => now = replica.next_deadline().unwrap().0,
                }
            };
            now += trips.next().unwrap();
            acknowledge_at(&mut replica, now, sent);
        }
        let began = now;
        loop {
            deposit_at(&mut replica, now);
            match update_at(&mut replica, now) {
                Some(sent) => acknowledge_at(&mut replica, now, sent),
                None => return replica.next_deadline().unwrap().0 - began,
            }
        }
    };
    assert!(gap_after([50_000, 50_000]) <= GAP, "a far peer is not taken for a busy one");
    assert!(gap_after([50, 2_050]) > GAP, "but one that is slow at times is");
}

#[test]
fn a_write_for_all_does_not_wait_for_a_gap() {
    let (mut replica, now) = busy_link(0);
    let terms = Terms { concern: Concern::All, ..Terms::default() };
    let asked = Request { terms, ..request(7, Action::Write(deposit(ACCOUNT, 1))) };
    let outputs = step_at(&mut replica, Time(now), Input::Request(asked));
    assert!(outputs.contains(&Output::Ready(branch(PEER))));
    assert!(update_at(&mut replica, now).is_some());
}
