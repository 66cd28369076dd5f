//! A durable replica says nothing that its disk does not have, and goes on from what the disk has.

use replibank::{
    replica::{
        ANSWERS_PER_CLIENT, Disk, Input, Memory, Output, PeerMessage, PeerOffence, Remembered, Replica, Request, Saved,
    },
    topology::Shape,
    types::{
        AccountId, Action, Answer, Committed, Duration, Incarnation, Operation, Origin, Propagation, Refusal,
        RequestId, Time, Tried, Version,
    },
};

use crate::common::{
    OPENING, bank, branch, delta, deposit, disk::Copy, meet, origin, query, request, request_id, say, step, update,
    withdrawal,
};

fn recover(saved: &Saved) -> Replica {
    let config = bank(3, 2, Shape::Mesh, Propagation::Stream).swap_remove(0);
    Replica::recover(config, saved).expect("its own disk")
}

/// A new one, whose life is on its disk.
fn durable(saved: &mut Copy) -> Replica {
    let mut replica = recover(&saved.0);
    flush(&mut replica, saved);
    replica
}

fn named(ticket: u64, client: u64, number: u64, operation: Operation) -> Input {
    Input::Request(Request { id: Some(request_id(client, number)), ..request(ticket, Action::Write(operation)) })
}

/// Saves all there is to save.
fn flush(replica: &mut Replica, saved: &mut Copy) -> Vec<Output> {
    let mut outputs = Vec::new();
    while let Some(save) = replica.poll_save() {
        let Ok(()) = saved.save(&save);
        outputs.extend(step(replica, Input::Saved(save.number)));
    }
    assert_eq!(replica.unsaved(), None);
    outputs
}

fn tickets(outputs: &[Output]) -> Vec<u64> {
    let replies = outputs.iter().filter_map(|output| match output {
        Output::Reply { ticket, .. } => Some(*ticket),
        Output::Ready(_) | Output::Save | Output::Faulty { .. } => None,
    });
    replies.collect()
}

#[test]
fn a_reply_waits_for_the_disk_and_so_does_what_reads_the_same_state() {
    let mut replica = durable(&mut Copy::default());
    assert_eq!(tickets(&step(&mut replica, query(1, 0))), [1], "nothing is unsaved");
    let outputs = step(&mut replica, named(2, 7, 1, deposit(0, 5)));
    assert_eq!(outputs, [Output::Save], "no reply yet, and the disk is called for");
    assert_eq!(tickets(&step(&mut replica, query(3, 0))), [] as [u64; 0], "what it would show is not on disk");
    let save = replica.poll_save().expect("something to save");
    assert_eq!(tickets(&step(&mut replica, named(4, 7, 2, deposit(0, 6)))), [] as [u64; 0]);
    assert_eq!(replica.poll_save(), None, "one save at a time: what comes meanwhile gathers");
    let outputs = step(&mut replica, Input::Saved(save.number));
    assert_eq!(tickets(&outputs), [2, 3]);
    assert!(outputs.contains(&Output::Save));
    let save = replica.poll_save().expect("the rest");
    assert_eq!((save.deltas.len(), save.deltas[0].base, save.deltas[0].sequence), (1, 1, 2));
    assert_eq!(tickets(&step(&mut replica, Input::Saved(save.number))), [4]);
    assert_eq!(replica.poll_save(), None);
}

#[test]
fn no_message_shows_what_the_disk_lacks() {
    let mut saved = Copy::default();
    let mut replica = durable(&mut saved);
    meet(&mut replica, 2);
    meet(&mut replica, 3);
    let now = Time::default();
    say(&mut replica, 2, update(1, delta(2, 0, 1, &[(0, 1, 9, 0)])));
    assert_eq!(replica.poll_send(now, branch(2)), None, "the acknowledgement waits");
    assert_eq!(replica.poll_send(now, branch(3)), None);
    let outputs = flush(&mut replica, &mut saved);
    assert!(outputs.contains(&Output::Ready(branch(2))), "{outputs:?}");
    assert_eq!(
        replica.poll_send(now, branch(2)),
        Some(PeerMessage::Acknowledgement { number: 1, version: vec![(origin(2), 1)] })
    );
    step(&mut replica, named(1, 7, 1, deposit(0, 5)));
    assert_eq!(replica.poll_send(now, branch(3)), None, "its own write waits as well");
    flush(&mut replica, &mut saved);
    assert!(matches!(replica.poll_send(now, branch(3)), Some(PeerMessage::Update(_))));
    let mut outputs = Vec::new();
    assert_eq!(replica.propagated(origin(2), Some((2, deposit(0, 1))), None, &mut outputs), Ok(2));
    assert!(replica.unsaved().is_some(), "the answer to a call waits by hand");
}

#[test]
fn a_message_that_waited_is_not_said_in_the_next_session() {
    let mut replica = durable(&mut Copy::default());
    meet(&mut replica, 2);
    say(&mut replica, 2, update(1, delta(2, 0, 1, &[(0, 1, 9, 0)])));
    assert_eq!(replica.poll_send(Time::default(), branch(2)), None);
    step(&mut replica, Input::LinkDown(branch(2)));
    step(&mut replica, Input::LinkUp(branch(2)));
    flush(&mut replica, &mut Copy::default());
    assert!(matches!(replica.poll_send(Time::default(), branch(2)), Some(PeerMessage::Greeting { .. })));
}

#[test]
fn what_was_saved_is_there_after_a_restart_and_a_new_life_begins() {
    let mut saved = Copy::default();
    let mut replica = durable(&mut saved);
    meet(&mut replica, 2);
    step(&mut replica, named(1, 7, 1, deposit(0, 5)));
    step(&mut replica, named(2, 7, 2, withdrawal(1, 30)));
    step(&mut replica, named(3, 7, 3, withdrawal(1, 1_000)));
    say(&mut replica, 2, update(1, delta(2, 0, 2, &[(0, 1, 9, 0), (1, 2, 0, 4)])));
    flush(&mut replica, &mut saved);
    // This one is lost, rightly: nobody was told.
    assert_eq!(tickets(&step(&mut replica, named(4, 7, 4, deposit(0, 500)))), [] as [u64; 0]);

    let mut again = recover(&saved.0);
    let second = Origin { incarnation: Incarnation(1), ..origin(1) };
    assert_eq!(again.own(), second);
    assert_eq!(again.invariants(), Ok(()));
    flush(&mut again, &mut saved);
    assert_eq!(recover(&saved.0).own().incarnation, Incarnation(2), "nor is a life resumed that wrote nothing");
    let balances: Vec<i64> = again.balances().values().copied().collect();
    assert_eq!(balances, [OPENING + 14, OPENING - 34]);
    let version: Vec<_> = again.version().iter().collect();
    assert_eq!(version, [(origin(1), 2), (origin(2), 2)]);
    assert_eq!(again.unsaved(), None);
    let retried = |replica: &mut Replica, input| step(replica, input).pop();
    let answer = Answer::Committed(Committed { origin: origin(1), sequence: 1, balance: OPENING + 5 });
    assert_eq!(
        retried(&mut again, named(1, 7, 1, deposit(0, 5))),
        Some(Output::Reply { ticket: 1, answer }),
        "a retry is answered as the first try was"
    );
    let refused = retried(&mut again, named(2, 7, 3, withdrawal(1, 1_000)));
    assert!(matches!(
        refused,
        Some(Output::Reply { ticket: 2, answer: Answer::Refused(Refusal::InsufficientFunds { .. }) })
    ));
    step(&mut again, named(3, 7, 4, deposit(0, 500)));
    let outputs = flush(&mut again, &mut saved);
    assert_eq!(tickets(&outputs), [3]);
    let version: Vec<_> = again.version().iter().collect();
    assert_eq!(version, [(second, 1), (origin(2), 2)], "its page speaks for that of the life before");
    assert_eq!(again.full_version().sequence(origin(1)), 2);
    assert!(again.has_reached(&Version::from_iter([(origin(1), 2)])));
}

#[test]
fn the_saved_table_of_requests_is_the_one_in_memory() {
    let memory = Memory { answers: 40, clients: 60, client_for: Duration(0) };
    let mut saved = Copy::default();
    let mut replica = durable(&mut saved).with_memory(memory);
    for number in 1..=50 {
        step(&mut replica, named(number, 7, number, deposit(0, 1)));
    }
    flush(&mut replica, &mut saved);
    for client in 100..200 {
        step(&mut replica, named(client, client, 1, withdrawal(0, 1)));
        let save = replica.poll_save().unwrap();
        assert!(save.answers.len() <= 3, "it forgets one for one");
        let Ok(()) = saved.save(&save);
        step(&mut replica, Input::Saved(save.number));
    }
    assert_eq!((saved.0.answers.len(), saved.0.forgotten.len(), saved.0.forgot_clients), (40, 20, true));
    // What was the oldest before a restart is the oldest after it.
    for mut replica in [replica, recover(&saved.0).with_memory(memory)] {
        let life = replica.own().incarnation;
        let ask = |replica: &mut Replica, client| {
            let Input::Request(mut request) = named(1, client, 1, withdrawal(0, 1)) else { panic!() };
            request.terms.tried = Tried::In(life);
            let mut outputs = step(replica, Input::Request(request));
            outputs.extend(flush(replica, &mut Copy::default()));
            outputs.retain(|output| matches!(output, Output::Reply { .. }));
            outputs
        };
        let expired = |client| Answer::Refused(Refusal::RequestExpired { request: request_id(client, 1) });
        for (client, is_remembered) in [(7, false), (159, false), (160, true), (199, true)] {
            let outputs = ask(&mut replica, client);
            let [Output::Reply { answer, .. }] = outputs.as_slice() else { panic!("{outputs:?}") };
            assert_eq!(*answer != expired(client), is_remembered, "client {client}: {answer:?}");
        }
    }

    let mut saved = Copy::default();
    let mut replica = durable(&mut saved);
    for number in 1..=ANSWERS_PER_CLIENT as u64 + 3 {
        step(&mut replica, named(number, 7, number, deposit(0, 1)));
    }
    flush(&mut replica, &mut saved);
    assert_eq!(saved.0.answers.len(), ANSWERS_PER_CLIENT);
    for mut replica in [replica, recover(&saved.0)] {
        let expired = Answer::Refused(Refusal::RequestExpired { request: request_id(7, 3) });
        let outputs = step(&mut replica, named(1, 7, 3, deposit(0, 1)));
        assert_eq!(outputs.first(), Some(&Output::Reply { ticket: 1, answer: expired }));
    }
}

#[test]
fn a_disk_that_cannot_be_its_own_is_refused() {
    let config = || bank(3, 2, Shape::Mesh, Propagation::Stream).swap_remove(0);
    let with = |page| Saved { pages: vec![page], ..Saved::default() };
    let foreign = delta(9, 0, 1, &[(0, 1, 5, 0)]);
    assert_eq!(
        Replica::recover(config(), &with(foreign)).err(),
        Some(PeerOffence::UnknownOrigin { origin: origin(9) })
    );
    let account = delta(1, 0, 1, &[(5, 1, 5, 0)]);
    assert_eq!(
        Replica::recover(config(), &with(account)).err(),
        Some(PeerOffence::UnknownAccount { origin: origin(1), account: AccountId(5) })
    );
    let gap = delta(2, 1, 2, &[(0, 2, 5, 0)]);
    assert!(Replica::recover(config(), &with(gap)).is_err(), "a page that begins in the middle is no page");
    let remembered = Remembered {
        request: RequestId { number: 1, ..request_id(7, 1) },
        operation: deposit(0, 5),
        outcome: Ok(Committed { origin: origin(1), sequence: 9, balance: 0 }),
        order: 1,
    };
    let promised = Saved { answers: vec![remembered], ..Saved::default() };
    assert!(Replica::recover(config(), &promised).is_err(), "an answer that the page does not have");
}
