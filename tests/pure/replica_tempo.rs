//! A busy link lets changes gather: a few updates leave at once, further ones keep a gap, which grows with
//! the time that links wait for processors. Who waits for a write concern does not wait for a gap.

use replibank::{
    replica::{Input, Output, PeerMessage, Replica, Request},
    types::{Action, Concern, Duration, Terms, Time},
};

use crate::common::{ACCOUNT, branch, deposit, lone_replica, meet, origin, request, step_at, write};

const PEER: u32 = 2;

/// The updates that may leave without a pause.
const BURST: u64 = 4;

/// The least gap, in microseconds.
const GAP: u64 = 1_000;

/// The longest one.
const LONGEST_GAP: u64 = 200_000;

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

/// Sends all that may leave at once; how many updates that were.
fn send_all_at(replica: &mut Replica, now: u64) -> u64 {
    let mut taken = 0;
    loop {
        deposit_at(replica, now);
        let Some(sent) = update_at(replica, now) else { return taken };
        acknowledge_at(replica, now, sent);
        taken += 1;
    }
}

/// A replica whose link has sent all that may leave at once, at time 0.
fn busy_link() -> Replica {
    let mut replica = lone_replica(2);
    meet(&mut replica, PEER);
    assert_eq!(send_all_at(&mut replica, 0), BURST);
    replica
}

#[test]
fn a_few_updates_leave_at_once_and_the_next_keeps_a_gap() {
    let mut replica = busy_link();
    assert!(!deposit_at(&mut replica, 0), "a link that lets changes gather is not asked for each");
    let due = replica.next_deadline().unwrap();
    assert_eq!(due, Time(GAP));
    assert_eq!(step_at(&mut replica, Time(due.0 - 1), Input::Tick), []);
    assert_eq!(step_at(&mut replica, due, Input::Tick), [Output::Ready(branch(PEER))]);
    assert_eq!(update_at(&mut replica, due.0), Some((BURST + 1, BURST + 2)), "what has gathered leaves together");
}

#[test]
fn a_link_that_had_nothing_more_to_send_is_not_asked_before_its_gap_is_over() {
    let mut replica = lone_replica(2);
    meet(&mut replica, PEER);
    for _ in 0..BURST {
        assert!(deposit_at(&mut replica, 0));
        let sent = update_at(&mut replica, 0).unwrap();
        acknowledge_at(&mut replica, 0, sent);
        assert_eq!(update_at(&mut replica, 0), None);
    }
    assert!(!deposit_at(&mut replica, 0) && !deposit_at(&mut replica, GAP - 1));
    assert_eq!(replica.next_deadline(), Some(Time(GAP)));
    assert_eq!(step_at(&mut replica, Time(GAP), Input::Tick), [Output::Ready(branch(PEER))]);
    assert_eq!(update_at(&mut replica, GAP), Some((BURST + 1, BURST + 2)));
}

#[test]
fn the_next_change_after_the_gap_does_not_wait_for_a_tick() {
    let mut replica = busy_link();
    assert!(deposit_at(&mut replica, GAP));
    assert!(update_at(&mut replica, GAP).is_some());
}

#[test]
fn a_pause_gives_the_burst_back() {
    let mut replica = busy_link();
    assert_eq!(send_all_at(&mut replica, (BURST + 1) * GAP), BURST);
}

/// How long a link that has sent all that may leave at `now` keeps the next back, after it has waited for a
/// processor like this.
fn gap_after(replica: &mut Replica, now: u64, waits: impl IntoIterator<Item = u64>) -> u64 {
    waits.into_iter().for_each(|wait| replica.waited(Time(now), branch(PEER), Duration(wait)));
    send_all_at(replica, now);
    replica.next_deadline().unwrap().0 - now
}

#[test]
fn the_gap_grows_with_the_wait_for_processors_up_to_a_bound() {
    let mut replica = busy_link();
    assert_eq!(gap_after(&mut replica, 0, [0; 100]), GAP);
    let once = gap_after(&mut replica, 1_000_000, [u64::MAX]);
    assert_eq!(once, GAP * 6 / 5, "one late turn changes little");
    // Once in n * n waits of n that were ahead, at 150 us each.
    assert_eq!(gap_after(&mut replica, 2_000_000, [299; 100]), GAP);
    assert_eq!(gap_after(&mut replica, 2_250_000, [600; 100]), 4 * 4 * 600);
    assert_eq!(gap_after(&mut replica, 2_500_000, [1_000; 100]), 6 * 6 * 1_000);
    let sometimes = gap_after(&mut replica, 3_000_000, [5_000, 0, 0, 0, 0].repeat(100));
    assert_eq!(sometimes, GAP, "one late turn in five is not scarcity");
    assert_eq!(gap_after(&mut replica, 4_000_000, [u64::MAX; 100]), LONGEST_GAP);
}

#[test]
fn a_few_late_turns_in_a_row_leave_the_gap_short() {
    let mut replica = busy_link();
    let after = gap_after(&mut replica, 1_000_000, [100_000; 4]);
    assert!((2 * GAP..3 * GAP).contains(&after), "{after}");
    // And it is gone within ten turns that are not late.
    assert_eq!(gap_after(&mut replica, 2_000_000, [0; 10]), GAP);
}

#[test]
fn a_link_that_need_not_wait_any_more_makes_up_for_no_earlier_gap() {
    let mut replica = busy_link();
    gap_after(&mut replica, 1_000_000, [u64::MAX; 100]);
    assert!(gap_after(&mut replica, 1_000_001, [0; 100]) <= BURST * GAP);
}

#[test]
fn a_link_that_has_waited_out_its_gap_need_not_wait_again_since_the_gap_has_changed() {
    for wait in [0, 1_000_000] {
        let mut replica = busy_link();
        let due = gap_after(&mut replica, 1_000_000, [2_000; 100]) + 1_000_000;
        step_at(&mut replica, Time(due), Input::Tick);
        replica.waited(Time(due), branch(PEER), Duration(wait));
        assert!(update_at(&mut replica, due).is_some(), "after a wait of {wait}");
        assert_eq!(send_all_at(&mut replica, due), 0, "a longer gap is no credit");
    }
}

#[test]
fn a_write_for_all_does_not_wait_for_a_gap() {
    let mut replica = busy_link();
    let terms = Terms { concern: Concern::All, ..Terms::default() };
    let asked = Request { terms, ..request(7, Action::Write(deposit(ACCOUNT, 1))) };
    let outputs = step_at(&mut replica, Time(0), Input::Request(asked));
    assert!(outputs.contains(&Output::Ready(branch(PEER))));
    assert!(update_at(&mut replica, 0).is_some());
}

#[test]
fn many_writes_for_all_keep_no_other_from_leaving_within_a_gap() {
    let mut replica = busy_link();
    for ticket in 0..1_000 {
        let terms = Terms { concern: Concern::All, ..Terms::default() };
        let asked = Request { terms, ..request(ticket, Action::Write(deposit(ACCOUNT, 1))) };
        step_at(&mut replica, Time(0), Input::Request(asked));
        let sent = update_at(&mut replica, 0).unwrap();
        acknowledge_at(&mut replica, 0, sent);
    }
    deposit_at(&mut replica, 0);
    assert_eq!(update_at(&mut replica, 0), None);
    assert!(replica.next_deadline().unwrap() <= Time(GAP));
}
