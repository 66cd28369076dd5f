//! Requests that wait: they share the version that they wait for, leave when nobody waits for them any more, and
//! can be kept from waiting at all.

use replibank::{
    replica::{Input, Output, Replica, Request},
    types::{AccountId, Action, Answer, Concern, Refusal, Terms, Version},
};

use crate::common::{self, delta, deposit, lone_replica, meet, request, request_id, say, step, update};

const LIMIT: usize = 3;

fn waits_for(ticket: u64, sequence: u64) -> Request {
    let at_least = Version::from_iter([(common::origin(2), sequence)]);
    let request = request(ticket, Action::Write(deposit(0, 1)));
    Request { id: Some(request_id(7, ticket)), terms: Terms { at_least, ..Terms::default() }, ..request }
}

fn answers(outputs: &[Output]) -> Vec<(u64, Answer)> {
    let answer = |output: &Output| match output {
        Output::Reply { ticket, answer } => Some((*ticket, answer.clone())),
        Output::Ready(_) | Output::Save | Output::Faulty { .. } => None,
    };
    outputs.iter().filter_map(answer).collect()
}

fn balance(replica: &Replica) -> i64 {
    replica.balances()[&AccountId(0)] - common::OPENING
}

#[test]
fn a_request_that_was_given_up_is_never_executed_and_may_be_asked_again() {
    let mut replica = lone_replica(2);
    meet(&mut replica, 2);
    for ticket in 1..=2 {
        assert_eq!(answers(&step(&mut replica, Input::Request(waits_for(ticket, 1)))), []);
    }
    assert!(replica.is_waiting(1) && replica.is_waiting(2));
    assert_eq!(step(&mut replica, Input::GaveUp(1)), []);
    assert!(!replica.is_waiting(1) && replica.is_waiting(2));
    // Known to nobody: harmless.
    assert_eq!(step(&mut replica, Input::GaveUp(99)), []);
    let told = answers(&say(&mut replica, 2, update(1, delta(2, 0, 1, &[(1, 1, 5, 0)]))));
    assert!(matches!(told[..], [(2, Answer::Committed(_))]), "{told:?}");
    assert_eq!((balance(&replica), replica.waiting()), (1, 0));
    let again = answers(&step(&mut replica, Input::Request(Request { ticket: 3, ..waits_for(1, 1) })));
    assert!(matches!(again[..], [(3, Answer::Committed(_))]), "{again:?}");
    assert_eq!(balance(&replica), 2);
}

#[test]
fn a_write_that_waits_for_its_concern_stays_committed_when_it_is_given_up() {
    let mut replica = lone_replica(2);
    let mut asked = request(1, Action::Write(deposit(0, 1)));
    asked.terms.concern = Concern::All;
    assert_eq!(answers(&step(&mut replica, Input::Request(asked))), []);
    step(&mut replica, Input::GaveUp(1));
    assert_eq!((balance(&replica), replica.waiting(), replica.next_deadline()), (1, 0, None));
}

#[test]
fn who_may_not_wait_is_decided_at_once_or_refused_for_good() {
    let overloaded = |ticket| vec![(ticket, Answer::Refused(Refusal::Overloaded { limit: LIMIT }))];
    let mut replica = lone_replica(2);
    meet(&mut replica, 2);
    let mut at_once = |request: Request| {
        let told = answers(&step(&mut replica, Input::RequestAtOnce { request, limit: LIMIT }));
        assert_eq!(replica.waiting(), 0);
        (told, balance(&replica))
    };
    assert_eq!(at_once(waits_for(1, 1)), (overloaded(1), 0));
    let mut concerned = waits_for(2, 0);
    concerned.terms.concern = Concern::All;
    assert_eq!(at_once(concerned.clone()), (overloaded(2), 0));
    // Nothing was done, and nothing will be.
    assert_eq!(at_once(Request { ticket: 3, ..concerned.clone() }), (overloaded(3), 0));
    concerned.id = None;
    assert_eq!(at_once(Request { ticket: 4, ..concerned }), (overloaded(4), 0));
    // What need not wait is done.
    let (told, moved) = at_once(waits_for(5, 0));
    assert!(matches!(told[..], [(5, Answer::Committed(_))]) && moved == 1, "{told:?}");
    // It is done, so it cannot be told that nothing was; how far it has come can.
    let mut again = waits_for(5, 0);
    (again.ticket, again.terms.concern) = (6, Concern::All);
    let refused = Refusal::ConcernNotReached { concern: Concern::All, reached: 1, needed: 2 };
    assert_eq!(at_once(again), (vec![(6, Answer::Refused(refused))], 1));
}
