//! Later lives: what an earlier one had, said or was asked for does not count for a later one, and what a page
//! stands on goes before it. The mutants of tests/mutants asked for these tests.

use replibank::{
    replica::{Config, Delta, Disk, Input, Output, Past, PeerMessage, Receipt, Replica, Request, Update},
    topology::Shape,
    types::{
        AccountId, Action, Answer, Concern, Incarnation, Origin, Propagation, Refusal, Terms, Time, Tried, Version,
    },
};

use crate::common::{
    ACCOUNT, OBSERVER, OPENING, bank, branch, delta, deposit, disk::Copy, lone_replica, meet, origin, request,
    request_id, say, step, update,
};

/// A later life of a branch.
fn later(id: u32) -> Origin {
    Origin { incarnation: Incarnation(5), ..origin(id) }
}

fn config(propagation: Propagation) -> Config {
    bank(3, 2, Shape::Mesh, propagation).swap_remove(0)
}

/// The first operation of a later life, which stands on the first of the life before.
fn later_page(id: u32) -> Delta {
    let past = vec![Past { from: 1, origin: origin(id), sequence: 1 }];
    Delta { origin: later(id), past, ..delta(id, 0, 1, &[(ACCOUNT, 1, 7, 0)]) }
}

/// The answers among outputs, by their tickets.
fn answers(outputs: Vec<Output>) -> Vec<(u64, Answer)> {
    let answer = |output| match output {
        Output::Reply { ticket, answer } => Some((ticket, answer)),
        Output::Ready(_) | Output::Save | Output::Faulty { .. } => None,
    };
    outputs.into_iter().filter_map(answer).collect()
}

fn acknowledge(replica: &mut Replica, from: u32, number: u64, version: Vec<(Origin, u64)>) -> Vec<(u64, Answer)> {
    answers(say(replica, from, PeerMessage::Acknowledgement { number, version }))
}

/// Whose pages are said to a new observer, in this order, and which receipts.
fn told(replica: &mut Replica) -> (Vec<Origin>, Vec<Receipt>) {
    step(replica, Input::LinkUp(branch(OBSERVER)));
    let (mut pages, mut receipts) = (Vec::new(), Vec::new());
    while let Some(message) = replica.poll_send(Time::default(), branch(OBSERVER)) {
        let (number, deltas) = match message {
            PeerMessage::Greeting { .. } => (0, Vec::new()),
            PeerMessage::Update(update) => {
                receipts.extend(update.receipts);
                (update.number, update.deltas)
            }
            PeerMessage::Call(call) => (call.number, vec![call.delta]),
            PeerMessage::Acknowledgement { .. } => continue,
        };
        pages.extend(deltas.iter().map(|delta| delta.origin));
        let version = deltas.iter().map(|delta| (delta.origin, delta.sequence)).collect();
        acknowledge(replica, OBSERVER, number, version);
    }
    (pages, receipts)
}

/// A process that was overtaken writes on; so its page changed last, and is told first all the same.
#[test]
fn a_page_is_told_after_what_it_stands_on() {
    for propagation in [Propagation::Stream, Propagation::Unary] {
        let mut replica = Replica::new(config(propagation));
        meet(&mut replica, 2);
        say(&mut replica, 2, update(1, delta(2, 0, 1, &[(ACCOUNT, 1, 3, 0)])));
        say(&mut replica, 2, update(2, later_page(2)));
        say(&mut replica, 2, update(3, delta(2, 1, 2, &[(ACCOUNT, 2, 4, 0)])));
        assert_eq!(told(&mut replica).0, [origin(2), later(2)], "{propagation}");
    }
}

#[test]
fn a_page_that_grows_beyond_what_stands_on_it_is_listed_again() {
    let mut replica = lone_replica(3);
    meet(&mut replica, 2);
    say(&mut replica, 2, update(1, delta(2, 0, 1, &[(ACCOUNT, 1, 3, 0)])));
    say(&mut replica, 2, update(2, later_page(2)));
    assert_eq!(replica.version(), Version::from_iter([(later(2), 1)]));
    say(&mut replica, 2, update(3, delta(2, 1, 2, &[(ACCOUNT, 2, 4, 0)])));
    assert_eq!(replica.version(), Version::from_iter([(origin(2), 2), (later(2), 1)]));
}

/// The same of the own page, where another process has begun a later life of this branch.
#[test]
fn what_a_process_writes_after_it_was_overtaken_is_listed() {
    let mut replica = lone_replica(3);
    meet(&mut replica, 2);
    let write = |ticket| Input::Request(request(ticket, Action::Write(deposit(ACCOUNT, 5))));
    step(&mut replica, write(1));
    say(&mut replica, 2, update(1, later_page(1)));
    assert_eq!(replica.version(), Version::from_iter([(later(1), 1)]));
    step(&mut replica, write(2));
    assert_eq!(replica.version(), Version::from_iter([(origin(1), 2), (later(1), 1)]));
}

/// A call tells one page: that of an operation waits until the peer has what it stands on.
#[test]
fn an_operation_is_called_after_what_its_page_stands_on() {
    let mut replica = Replica::new(Config { own: later(1), ..config(Propagation::Unary) });
    meet(&mut replica, 2);
    say(&mut replica, 2, update(1, delta(1, 0, 1, &[(ACCOUNT, 1, 3, 0)])));
    step(&mut replica, Input::Request(request(1, Action::Write(deposit(ACCOUNT, 5)))));
    assert_eq!(told(&mut replica).0, [origin(1), later(1)]);
}

/// Branch 1 of three, where a write waits for all; both links are up.
fn waiting_for_all() -> Replica {
    let mut replica = lone_replica(3);
    meet(&mut replica, 2);
    meet(&mut replica, 3);
    let terms = Terms { concern: Concern::All, ..Terms::default() };
    let asked = Request { terms, ..request(1, Action::Write(deposit(ACCOUNT, 5))) };
    assert!(answers(step(&mut replica, Input::Request(asked))).is_empty());
    for peer in [2, 3] {
        assert!(matches!(replica.poll_send(Time::default(), branch(peer)), Some(PeerMessage::Update(_))));
    }
    replica
}

fn receipt(by: Origin, of: u32) -> PeerMessage {
    let receipts = vec![Receipt { by, origin: origin(of), sequence: 1 }];
    PeerMessage::Update(Update { number: 1, is_urgent: true, deltas: vec![], receipts })
}

/// Branch 3 says that it has the write: whether that makes it all.
fn is_reached(replica: &mut Replica) -> bool {
    !acknowledge(replica, 3, 1, vec![(origin(1), 1)]).is_empty()
}

#[test]
fn receipts_of_two_branches_make_it_all() {
    let mut replica = waiting_for_all();
    say(&mut replica, 3, receipt(origin(2), 1));
    assert!(is_reached(&mut replica));
}

#[test]
fn receipt_of_an_earlier_life_comes_too_late() {
    let mut replica = waiting_for_all();
    step(&mut replica, Input::Met(later(2)));
    say(&mut replica, 3, receipt(origin(2), 1));
    assert!(!is_reached(&mut replica));
    assert_eq!(answers(say(&mut replica, 3, receipt(later(2), 1))).len(), 1);
}

#[test]
fn what_an_earlier_life_had_does_not_count_once_a_later_one_begins() {
    let mut replica = waiting_for_all();
    say(&mut replica, 3, receipt(origin(2), 1));
    step(&mut replica, Input::Met(later(2)));
    assert!(!is_reached(&mut replica));
}

#[test]
fn a_branch_that_says_it_has_less_is_believed() {
    let nothing = || PeerMessage::Greeting { version: Version::EMPTY };
    let mut replica = waiting_for_all();
    acknowledge(&mut replica, 2, 1, vec![(origin(1), 1)]);
    say(&mut replica, 2, nothing());
    assert!(!is_reached(&mut replica), "it said the opposite before");
    let mut replica = waiting_for_all();
    say(&mut replica, 3, receipt(origin(2), 1));
    say(&mut replica, 2, nothing());
    assert!(!is_reached(&mut replica), "its receipt said the opposite");
}

/// Nobody waits in a life that is over, so nobody needs its receipts.
#[test]
fn receipts_for_a_life_that_is_over_are_forgotten() {
    let mut replica = lone_replica(3);
    meet(&mut replica, 2);
    say(&mut replica, 2, receipt(origin(2), 3));
    assert_eq!(told(&mut replica.clone()).1.len(), 1);
    step(&mut replica, Input::Met(later(3)));
    assert_eq!(told(&mut replica.clone()).1, []);
    say(&mut replica, 2, receipt(origin(1), 3));
    assert_eq!(told(&mut replica).1, [], "nor are others taken");
}

/// Who calls says nothing when it does not know what it has.
#[test]
fn a_caller_that_lists_nothing_has_shown_nothing() {
    let mut disk = Copy::default();
    let mut recover = || {
        let Ok(saved) = disk.load();
        let config = bank(2, 1, Shape::Mesh, Propagation::Unary).swap_remove(0);
        let mut replica = Replica::recover(config, &saved).unwrap();
        let save = replica.poll_save().expect("a life begins");
        let Ok(()) = disk.save(&save);
        step(&mut replica, Input::Saved(save.number));
        replica
    };
    recover();
    let mut replica = recover();
    let terms = Terms { tried: Tried::In(Incarnation(0)), ..Terms::default() };
    let retry = Request { id: Some(request_id(7, 1)), terms, ..request(1, Action::Write(deposit(ACCOUNT, 5))) };
    step(&mut replica, Input::Request(retry));
    step(&mut replica, Input::LinkUp(branch(2)));
    for (version, balance) in [(Version::EMPTY, OPENING), (Version::from_iter([(origin(2), 1)]), OPENING + 5)] {
        say(&mut replica, 2, PeerMessage::Greeting { version });
        assert_eq!(replica.balances()[&AccountId(ACCOUNT)], balance);
    }
}

/// What a dead life wrote is lost once nobody has it: not while a peer has it, or has what may stand on it.
#[test]
fn nothing_is_lost_that_a_peer_may_have() {
    let mut replica = lone_replica(3);
    [2, 3].into_iter().for_each(|peer| drop(step(&mut replica, Input::LinkUp(branch(peer)))));
    step(&mut replica, Input::Met(later(3)));
    let terms = Terms { at_least: Version::from_iter([(origin(3), 2)]), ..Terms::default() };
    let asked = Request { terms, ..request(1, Action::Query { account: AccountId(ACCOUNT) }) };
    assert_eq!(answers(step(&mut replica, Input::Request(asked))), []);
    let mut shows = |peer, shown: &[(Origin, u64)]| {
        let version = shown.iter().copied().collect();
        answers(say(&mut replica, peer, PeerMessage::Greeting { version }))
    };
    assert_eq!(shows(3, &[]), []);
    assert_eq!(shows(2, &[(origin(3), 2)]), [], "it has it");
    assert_eq!(shows(2, &[(later(3), 1)]), [], "it may have it");
    let lost = Answer::Refused(Refusal::VersionLost { origin: origin(3), most: 1 });
    assert_eq!(shows(2, &[(origin(3), 1)]), [(1, lost)]);
}
