//! Rules that a small change of the replica could break without any other test seeing it: the mutants of
//! tests/mutants asked for them.

use std::collections::{BTreeMap, BTreeSet};

use replibank::{
    replica::{Config, Delta, Disk, Input, MAX_WAITING, Output, PeerMessage, Receipt, Replica, Request, Saved, Update},
    topology::Shape,
    types::{AccountId, Action, Answer, Concern, Propagation, Refusal, Terms, Time, Version},
};

use crate::common::{
    ACCOUNT, OBSERVER, OPENING, bank, branch, delta, deposit, disk::Copy, lone_replica, meet, origin, query, request,
    request_id, say, step, step_at, update, withdrawal, write,
};

/// As many entries or receipts as one update holds.
const UPDATE_SIZE: u64 = 4096;

/// Every update that is said to the observer now, each acknowledged at once.
fn told(replica: &mut Replica) -> Vec<Update> {
    let mut updates = Vec::new();
    while let Some(message) = replica.poll_send(Time::default(), branch(OBSERVER)) {
        if let PeerMessage::Update(update) = message {
            let version = update.deltas.iter().map(|delta| (delta.origin, delta.sequence)).collect();
            say(replica, OBSERVER, PeerMessage::Acknowledgement { number: update.number, version });
            updates.push(update);
        }
    }
    updates
}

/// The receipts that are said to a peer now.
fn receipts_told(replica: &mut Replica, peer: u32) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    while let Some(message) = replica.poll_send(Time::default(), branch(peer)) {
        if let PeerMessage::Update(update) = message {
            receipts.extend(update.receipts);
        }
    }
    receipts
}

/// Begins a session with the observer, which has nothing, and says nothing more.
fn greet(replica: &mut Replica) {
    step(replica, Input::LinkUp(branch(OBSERVER)));
    assert!(matches!(replica.poll_send(Time::default(), branch(OBSERVER)), Some(PeerMessage::Greeting { .. })));
    say(replica, OBSERVER, PeerMessage::Acknowledgement { number: 0, version: Vec::new() });
}

#[test]
fn all_that_is_there_can_be_withdrawn() {
    let mut replica = lone_replica(1);
    step(&mut replica, write(1, withdrawal(ACCOUNT, OPENING as u64)));
    assert_eq!(replica.balances()[&AccountId(ACCOUNT)], 0);
}

#[test]
fn concern_that_is_not_reached_in_time_is_said_to_be_not_reached() {
    let mut replica = lone_replica(3);
    let terms = Terms { concern: Concern::Majority, ..Terms::default() };
    let asked = Request { terms, ..request(1, Action::Write(deposit(ACCOUNT, 5))) };
    let deadline = asked.deadline;
    assert_eq!(step(&mut replica, Input::Request(asked)), []);
    let refusal = Refusal::ConcernNotReached { concern: Concern::Majority, reached: 1, needed: 2 };
    let reply = Output::Reply { ticket: 1, answer: Answer::Refused(refusal) };
    assert_eq!(step_at(&mut replica, deadline, Input::Tick), [reply]);
}

/// An answer to a greeting that comes again says what the peer had, not what it has.
#[test]
fn old_answer_to_a_greeting_takes_no_confirmation_back() {
    let config = bank(2, 1, Shape::Mesh, Propagation::Stream).swap_remove(0);
    let mut replica = Replica::new(config);
    let answer = PeerMessage::Acknowledgement { number: 0, version: Vec::new() };
    step(&mut replica, Input::LinkUp(branch(2)));
    replica.poll_send(Time::default(), branch(2));
    say(&mut replica, 2, answer.clone());
    let named = |ticket, concern| {
        let terms = Terms { concern, ..Terms::default() };
        Input::Request(Request {
            id: Some(request_id(7, 1)),
            terms,
            ..request(ticket, Action::Write(deposit(ACCOUNT, 5)))
        })
    };
    step(&mut replica, named(1, Concern::Local));
    let Some(PeerMessage::Update(Update { number, .. })) = replica.poll_send(Time::default(), branch(2)) else {
        panic!("the peer is told");
    };
    let version = vec![(origin(1), 1)];
    say(&mut replica, 2, PeerMessage::Acknowledgement { number, version });
    say(&mut replica, 2, answer);
    let told = step(&mut replica, named(2, Concern::All));
    assert!(matches!(told[..], [Output::Reply { ticket: 2, answer: Answer::Committed(_) }]), "{told:?}");
}

/// A receipt of an earlier write is none of a later one.
#[test]
fn receipt_answers_the_writes_up_to_it_and_none_beyond() {
    let mut replica = lone_replica(2);
    meet(&mut replica, 2);
    let for_all = |ticket| {
        let terms = Terms { concern: Concern::All, ..Terms::default() };
        Input::Request(Request { terms, ..request(ticket, Action::Write(deposit(ACCOUNT, 5))) })
    };
    step(&mut replica, for_all(1));
    step(&mut replica, for_all(2));
    let tickets = |outputs: Vec<Output>| -> Vec<u64> {
        let ticket = |output: &Output| if let Output::Reply { ticket, .. } = output { Some(*ticket) } else { None };
        outputs.iter().filter_map(ticket).collect()
    };
    let has = |sequence| PeerMessage::Acknowledgement { number: 9, version: vec![(origin(1), sequence)] };
    assert_eq!(tickets(say(&mut replica, 2, has(1))), [1]);
    assert_eq!(tickets(say(&mut replica, 2, has(2))), [2]);
}

/// A customer who was told "not enough" must be told so again, even by a branch that was killed in between.
#[test]
fn refusal_waits_for_the_disk_too() {
    let config = bank(3, 2, Shape::Mesh, Propagation::Stream).swap_remove(0);
    let mut replica = Replica::recover(config, &Saved::default()).unwrap();
    let asked = Request { id: Some(request_id(7, 1)), ..request(1, Action::Write(withdrawal(ACCOUNT, 1_000))) };
    assert_eq!(step(&mut replica, Input::Request(asked)), [Output::Save]);
    let save = replica.poll_save().expect("the refusal");
    let mut disk = Copy::default();
    let Ok(()) = disk.save(&save);
    assert_eq!(disk.0.answers.len(), 1);
    assert!(matches!(step(&mut replica, Input::Saved(save.number))[..], [Output::Reply { ticket: 1, .. }]));
}

/// A replica that is linked to branch 2 and the observer, of a bank of so many.
fn linked(branches: u32, accounts: u64) -> Replica {
    let config = Config {
        branches: (1..=branches).map(branch).collect(),
        links: BTreeMap::from([(branch(2), BTreeSet::new()), (branch(OBSERVER), BTreeSet::new())]),
        accounts: (0..accounts).map(|account| (AccountId(account), OPENING)).collect(),
        ..bank(1, 1, Shape::Mesh, Propagation::Stream).swap_remove(0)
    };
    let mut replica = Replica::new(config);
    meet(&mut replica, 2);
    replica
}

#[test]
fn pages_that_find_no_room_in_an_update_come_in_the_next() {
    let mut replica = linked(4, UPDATE_SIZE);
    let entries: Vec<_> = (0..UPDATE_SIZE).map(|account| (account, account + 1, 1, 0)).collect();
    say(&mut replica, 2, update(1, delta(2, 0, UPDATE_SIZE, &entries)));
    say(&mut replica, 2, update(2, delta(3, 0, 1, &[(0, 1, 5, 0)])));
    say(&mut replica, 2, update(3, delta(4, 0, 1, &[(0, 1, 6, 0)])));
    greet(&mut replica);
    let updates = told(&mut replica);
    let origins: Vec<Vec<_>> =
        updates.iter().map(|update| update.deltas.iter().map(|delta| delta.origin).collect()).collect();
    assert_eq!(origins, [vec![origin(2)], vec![origin(3), origin(4)]]);
}

#[test]
fn receipts_that_find_no_room_in_an_update_come_in_the_next() {
    let last = UPDATE_SIZE as u32 + 10;
    let mut replica = linked(last, 1);
    let receipts: Vec<_> = (4..=last).map(|by| Receipt { by: origin(by), origin: origin(3), sequence: 1 }).collect();
    say(
        &mut replica,
        2,
        PeerMessage::Update(Update { number: 1, is_urgent: true, deltas: vec![], receipts: receipts.clone() }),
    );
    greet(&mut replica);
    let updates = told(&mut replica);
    let counts: Vec<usize> = updates.iter().map(|update| update.receipts.len()).collect();
    assert_eq!(counts, [UPDATE_SIZE as usize, receipts.len() - UPDATE_SIZE as usize]);
    assert_eq!(updates.into_iter().flat_map(|update| update.receipts).collect::<Vec<_>>(), receipts);
}

/// A driver may begin a session before it has noticed the end of the last one.
#[test]
fn update_of_an_earlier_session_is_not_acknowledged_in_the_next() {
    let mut replica = lone_replica(3);
    meet(&mut replica, 2);
    let PeerMessage::Update(said) = update(1, delta(2, 0, 1, &[(0, 1, 5, 0)])) else { unreachable!() };
    say(&mut replica, 2, PeerMessage::Update(Update { is_urgent: false, ..said }));
    step(&mut replica, Input::LinkUp(branch(2)));
    let mut heard = Vec::new();
    heard.extend(replica.poll_send(Time::default(), branch(2)));
    say(&mut replica, 2, PeerMessage::Acknowledgement { number: 0, version: vec![(origin(2), 1)] });
    step_at(&mut replica, Time(300_000), Input::Tick);
    heard.extend(std::iter::from_fn(|| replica.poll_send(Time(300_000), branch(2))));
    assert!(matches!(heard[..], [PeerMessage::Greeting { .. }]), "{heard:?}");
}

/// The customers of a busy branch must not keep from a peer what else it lacks.
#[test]
fn repair_is_called_between_operations() {
    let mut replica = Replica::new(bank(3, 2, Shape::Mesh, Propagation::Unary).swap_remove(0));
    meet(&mut replica, 2);
    greet(&mut replica);
    say(&mut replica, 2, update(1, delta(2, 0, 1, &[(0, 1, 5, 0)])));
    (1..=4).for_each(|ticket| drop(step(&mut replica, write(ticket, deposit(ACCOUNT, 1)))));
    let mut calls = Vec::new();
    while let Some(message) = replica.poll_send(Time::default(), branch(OBSERVER)) {
        if let PeerMessage::Call(call) = message {
            let version = vec![(call.delta.origin, call.delta.sequence)];
            say(&mut replica, OBSERVER, PeerMessage::Acknowledgement { number: call.number, version });
            calls.push(call.operation.is_some());
        }
    }
    assert_eq!(calls.iter().filter(|&&is_operation| is_operation).count(), 4, "{calls:?}");
    assert!(calls[..3].contains(&false), "{calls:?}");
}

/// Of a page with many accounts, too, each account is told once, as it is now.
#[test]
fn account_that_changes_again_is_told_once() {
    let mut replica = linked(2, 20);
    (0..20).for_each(|account| drop(step(&mut replica, write(account, deposit(account, 1)))));
    (0..20).for_each(|account| drop(step(&mut replica, write(account, deposit(account, 1)))));
    greet(&mut replica);
    let updates = told(&mut replica);
    let entries = &updates[0].deltas[0].entries;
    assert_eq!(entries.iter().map(|entry| entry.account).collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(entries.iter().map(|entry| entry.deposited).collect::<Vec<_>>(), [2; 20]);
}

/// The page that was read last from disk is the one that changes next.
#[test]
fn first_change_after_a_restart_is_saved() {
    let config = || bank(3, 2, Shape::Mesh, Propagation::Stream).swap_remove(0);
    let mut disk = Copy::default();
    for sequence in 1..=3 {
        let Ok(saved) = disk.load();
        let mut replica = Replica::recover(config(), &saved).unwrap();
        step(&mut replica, Input::LinkUp(branch(2)));
        say(&mut replica, 2, update(1, delta(2, sequence - 1, sequence, &[(0, sequence, sequence, 0)])));
        let save = replica.poll_save().expect("the page");
        let Ok(()) = disk.save(&save);
        let saved: u64 = disk.0.pages.iter().map(|page| page.sequence).sum();
        assert_eq!(saved, sequence, "{save:?}");
    }
}

/// What was under way when the peer said that it has less is not all that it lacks.
#[test]
fn peer_that_lacks_more_than_what_is_under_way_is_told_all_of_it() {
    let mut replica = linked(2, 1);
    greet(&mut replica);
    say(&mut replica, 2, update(1, delta(2, 0, 1, &[(0, 1, 5, 0)])));
    assert_eq!(told(&mut replica).len(), 1);
    step(&mut replica, write(1, deposit(ACCOUNT, 1)));
    assert!(matches!(replica.poll_send(Time::default(), branch(OBSERVER)), Some(PeerMessage::Update(_))));
    say(&mut replica, OBSERVER, PeerMessage::Greeting { version: Version::EMPTY });
    let resend = replica.next_deadline().expect("it is sent again");
    step_at(&mut replica, resend, Input::Tick);
    let mut origins = BTreeSet::new();
    while let Some(message) = replica.poll_send(resend, branch(OBSERVER)) {
        if let PeerMessage::Update(update) = message {
            origins.extend(update.deltas.iter().map(|delta| delta.origin));
        }
    }
    assert_eq!(origins, BTreeSet::from([origin(1), origin(2)]));
}

/// A peer need not hear its own receipts again, but it must hear those that were due to it before.
#[test]
fn receipt_that_is_due_is_told_although_another_is_the_peers_own() {
    let mut replica = linked(5, 1);
    greet(&mut replica);
    assert!(told(&mut replica).is_empty());
    let receipt = |by| Receipt { by: origin(by), origin: origin(3), sequence: 1 };
    let receipts = vec![receipt(4), receipt(2)];
    let said = PeerMessage::Update(Update { number: 1, is_urgent: true, deltas: vec![], receipts });
    say(&mut replica, OBSERVER, said);
    assert_eq!(receipts_told(&mut replica, 2), [receipt(4)]);
}

/// A receipt travels back as the page came, and nowhere else.
#[test]
fn receipt_is_told_to_the_peer_that_told_the_page_alone() {
    let mut replica = linked(3, 1);
    greet(&mut replica);
    let page = Delta { confirm_through: 1, ..delta(3, 0, 1, &[(0, 1, 5, 0)]) };
    say(&mut replica, 2, update(1, page));
    let receipt = Receipt { by: origin(1), origin: origin(3), sequence: 1 };
    assert_eq!(receipts_told(&mut replica, OBSERVER), []);
    assert_eq!(receipts_told(&mut replica, 2), [receipt]);
}

/// What waits for a slow disk is as many as waits for anything else.
#[test]
fn replies_that_wait_for_the_disk_count_as_requests_that_wait() {
    let config = bank(3, 2, Shape::Mesh, Propagation::Stream).swap_remove(0);
    let mut replica = Replica::recover(config, &Saved::default()).unwrap();
    step(&mut replica, write(0, deposit(ACCOUNT, 5)));
    let terms = Terms { at_least: Version::from_iter([(origin(2), 1)]), ..Terms::default() };
    let waits = |ticket| Request { terms: terms.clone(), ..request(ticket, Action::Write(deposit(ACCOUNT, 5))) };
    let last = MAX_WAITING as u64;
    let mut outputs = Vec::new();
    (1..last - 1).for_each(|ticket| replica.step(Time::default(), query(ticket, ACCOUNT), &mut outputs));
    step(&mut replica, Input::Request(waits(last)));
    step(&mut replica, Input::Request(waits(last + 1)));
    assert!(replica.is_waiting(last) && !replica.is_waiting(last + 1));
}

/// What an acknowledgement does not name has not arrived: a peer that could not take a page is told it again.
#[test]
fn page_that_an_acknowledgement_does_not_name_has_not_arrived() {
    let mut replica = linked(2, 1);
    greet(&mut replica);
    step(&mut replica, write(1, deposit(ACCOUNT, 1)));
    assert!(matches!(replica.poll_send(Time::default(), branch(OBSERVER)), Some(PeerMessage::Update(_))));
    say(&mut replica, OBSERVER, PeerMessage::Acknowledgement { number: 1, version: Vec::new() });
    let behind = replica.links().find(|&(peer, ..)| peer == branch(OBSERVER)).map(|(.., behind)| behind);
    assert_eq!(behind, Some(1));
}

#[test]
fn message_that_waits_for_the_disk_is_not_let_go_by_asking_again() {
    let config = bank(3, 2, Shape::Mesh, Propagation::Stream).swap_remove(0);
    let mut replica = Replica::recover(config, &Saved::default()).unwrap();
    meet(&mut replica, 2);
    say(&mut replica, 2, update(1, delta(2, 0, 1, &[(0, 1, 9, 0)])));
    assert_eq!(replica.poll_send(Time::default(), branch(2)), None);
    assert_eq!(replica.poll_send(Time::default(), branch(2)), None);
}

#[test]
fn answer_is_to_the_latest_update_in_whatever_order_they_come() {
    let mut replica = lone_replica(3);
    meet(&mut replica, 2);
    say(&mut replica, 2, update(2, delta(2, 0, 1, &[(0, 1, 9, 0)])));
    say(&mut replica, 2, update(1, delta(2, 0, 1, &[(0, 1, 9, 0)])));
    let answer = PeerMessage::Acknowledgement { number: 2, version: vec![(origin(2), 1)] };
    assert_eq!(replica.poll_send(Time::default(), branch(2)), Some(answer));
}
