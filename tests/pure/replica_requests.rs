//! Requests: a retry is answered and never counted again; a request that names a version is decided
//! once the replica has reached it, or refused at its deadline with nothing done.

use std::collections::BTreeMap;

use replibank::{
    replica::{ANSWERS_PER_CLIENT, Config, Input, MAX_WAITING, Memory, Output, Replica, Request},
    topology::Shape,
    types::{
        AccountId, Action, Answer, Committed, Concern, Duration, Incarnation, MAX_AMOUNT, Operation, Origin,
        Propagation, Queried, Refusal, Terms, Time, Tried, Version,
    },
};

use crate::common::{
    ACCOUNT, OPENING, bank, branch, delta, deposit, lone_replica, meet, network::Network, origin, query, request,
    request_id, say, step, step_at, update, withdrawal, write,
};

fn named(ticket: u64, client: u64, number: u64, operation: Operation) -> Request {
    Request { id: Some(request_id(client, number)), ..request(ticket, Action::Write(operation)) }
}

fn waiting_for(at_least: Version, request: Request) -> Request {
    Request { terms: Terms { at_least, ..request.terms.clone() }, ..request }
}

fn version(id: u32, sequence: u64) -> Version {
    Version::from_iter([(origin(id), sequence)])
}

/// The one answer among the outputs.
fn answer(outputs: &[Output]) -> Option<Answer> {
    let mut answers = outputs.iter().filter_map(|output| match output {
        Output::Reply { answer, .. } => Some(answer.clone()),
        Output::Ready(_) | Output::Save | Output::Faulty { .. } => None,
    });
    let answer = answers.next();
    assert_eq!(answers.next(), None);
    answer
}

fn ask(replica: &mut Replica, request: Request) -> Option<Answer> {
    answer(&step(replica, Input::Request(request)))
}

fn balance(replica: &Replica) -> i64 {
    replica.balances()[&AccountId(ACCOUNT)]
}

fn committed(sequence: u64, balance: i64) -> Answer {
    Answer::Committed(Committed { origin: origin(1), sequence, balance })
}

#[test]
fn writes_are_committed_in_turn_and_queries_see_them() {
    let mut replica = lone_replica(1);
    assert_eq!(
        step(&mut replica, write(1, deposit(ACCOUNT, 170))),
        [Output::Reply { ticket: 1, answer: committed(1, 270) }]
    );
    assert_eq!(
        step(&mut replica, write(2, withdrawal(ACCOUNT, 70))),
        [Output::Reply { ticket: 2, answer: committed(2, 200) }]
    );
    let queried = Answer::Queried(Queried { balance: 200, version: Some(version(1, 2)) });
    assert_eq!(step(&mut replica, query(3, ACCOUNT)), [Output::Reply { ticket: 3, answer: queried }]);
}

#[test]
fn withdrawal_of_more_than_is_there_is_refused_and_nothing_moves() {
    let mut replica = lone_replica(1);
    let requested = withdrawal(ACCOUNT, 101);
    let refused = Answer::Refused(Refusal::InsufficientFunds { available: OPENING, requested: requested.amount });
    assert_eq!(ask(&mut replica, request(1, Action::Write(requested))), Some(refused));
    assert_eq!((balance(&replica), replica.version()), (OPENING, Version::EMPTY));
    assert_eq!(ask(&mut replica, request(2, Action::Write(withdrawal(ACCOUNT, 100)))), Some(committed(1, 0)));
}

#[test]
fn account_that_does_not_exist_is_refused() {
    let mut replica = lone_replica(1);
    let refused = Answer::Refused(Refusal::UnknownAccount { account: AccountId(9) });
    for action in
        [Action::Query { account: AccountId(9) }, Action::Write(deposit(9, 1)), Action::Write(withdrawal(9, 1))]
    {
        assert_eq!(ask(&mut replica, request(1, action)), Some(refused.clone()));
    }
}

#[test]
fn total_ends_at_its_limit_and_the_other_total_goes_on() {
    let mut replica = lone_replica(1);
    assert!(matches!(
        ask(&mut replica, request(1, Action::Write(deposit(ACCOUNT, MAX_AMOUNT - 1)))),
        Some(Answer::Committed(_))
    ));
    let requested = deposit(ACCOUNT, 2).amount;
    let refused = Answer::Refused(Refusal::TotalLimit { total: MAX_AMOUNT - 1, requested });
    assert_eq!(ask(&mut replica, request(2, Action::Write(deposit(ACCOUNT, 2)))), Some(refused));
    assert_eq!(replica.version(), version(1, 1));
    assert!(matches!(ask(&mut replica, request(3, Action::Write(deposit(ACCOUNT, 1)))), Some(Answer::Committed(_))));
    let all = withdrawal(ACCOUNT, MAX_AMOUNT);
    assert_eq!(ask(&mut replica, request(4, Action::Write(all))), Some(committed(3, OPENING)));
}

#[test]
fn retry_is_answered_as_the_first_try_was() {
    let mut replica = lone_replica(1);
    assert_eq!(ask(&mut replica, named(1, 7, 1, deposit(ACCOUNT, 5))), Some(committed(1, 105)));
    assert_eq!(ask(&mut replica, named(2, 7, 2, deposit(ACCOUNT, 5))), Some(committed(2, 110)));
    assert_eq!(ask(&mut replica, named(3, 8, 1, deposit(ACCOUNT, 5))), Some(committed(3, 115)));
    assert_eq!(ask(&mut replica, named(4, 7, 1, deposit(ACCOUNT, 5))), Some(committed(1, 105)));
    assert_eq!(balance(&replica), 115);
}

#[test]
fn refused_request_stays_refused_even_when_the_money_has_come() {
    let mut replica = lone_replica(1);
    let requested = withdrawal(ACCOUNT, 150);
    let refused = Answer::Refused(Refusal::InsufficientFunds { available: OPENING, requested: requested.amount });
    assert_eq!(ask(&mut replica, named(1, 7, 1, requested)), Some(refused.clone()));
    step(&mut replica, write(2, deposit(ACCOUNT, 500)));
    assert_eq!(ask(&mut replica, named(3, 7, 1, requested)), Some(refused));
    assert_eq!(balance(&replica), 600);
}

#[test]
fn id_used_for_something_else_is_a_conflict_and_the_first_stands() {
    let mut replica = lone_replica(1);
    step(&mut replica, Input::Request(named(1, 7, 1, deposit(ACCOUNT, 5))));
    let conflict = Answer::Refused(Refusal::RequestConflict { request: request_id(7, 1) });
    for other in [deposit(ACCOUNT, 6), withdrawal(ACCOUNT, 5), deposit(ACCOUNT + 1, 5)] {
        assert_eq!(ask(&mut replica, named(2, 7, 1, other)), Some(conflict.clone()));
    }
    assert_eq!(ask(&mut replica, named(3, 7, 1, deposit(ACCOUNT, 5))), Some(committed(1, 105)));
}

#[test]
fn forgotten_request_is_expired_and_never_executed_again() {
    let mut replica = lone_replica(1);
    let last = ANSWERS_PER_CLIENT as u64 + 10;
    for number in 1..=last {
        step(&mut replica, Input::Request(named(number, 7, number, deposit(ACCOUNT, 1))));
    }
    let (full, operation) = (balance(&replica), deposit(ACCOUNT, 1));
    for number in 1..=last {
        let expected = match number {
            ..=10 => Answer::Refused(Refusal::RequestExpired { request: request_id(7, number) }),
            11.. => committed(number, OPENING + number as i64),
        };
        assert_eq!(ask(&mut replica, named(0, 7, number, operation)), Some(expected));
    }
    assert_eq!(balance(&replica), full);
}

fn small(answers: usize, clients: usize) -> Replica {
    let memory = Memory { answers, clients, client_for: Duration::milliseconds(1_000) };
    lone_replica(1).with_memory(memory)
}

fn tried_here(request: Request) -> Request {
    let terms = Terms { tried: Tried::In(Incarnation(0)), ..request.terms };
    Request { terms, ..request }
}

/// The oldest answers go first, whoever asked. Of their clients it is on record that they are gone.
#[test]
fn what_was_forgotten_is_expired_and_what_was_never_asked_is_not() {
    let mut replica = small(10, 100);
    for client in 1..=20 {
        assert!(ask(&mut replica, named(1, client, 5, deposit(ACCOUNT, 1))).is_some());
    }
    let full = balance(&replica);
    for client in 1..=20 {
        let answer = ask(&mut replica, tried_here(named(1, client, 5, deposit(ACCOUNT, 1))));
        let expired = Answer::Refused(Refusal::RequestExpired { request: request_id(client, 5) });
        assert_eq!(answer == Some(expired), client <= 10, "client {client}: {answer:?}");
    }
    assert_eq!(balance(&replica), full);
    // The same clients go on, and a retry whose first try never came is executed.
    assert!(matches!(ask(&mut replica, tried_here(named(1, 3, 6, deposit(ACCOUNT, 1)))), Some(Answer::Committed(_))));
    assert!(matches!(ask(&mut replica, tried_here(named(1, 21, 1, deposit(ACCOUNT, 1)))), Some(Answer::Committed(_))));
}

/// What is queued is bounded by what is remembered, however often clients come back.
#[test]
fn clients_that_come_back_do_not_pile_up() {
    let mut replica = small(1, 100);
    for number in 1..=10_000 {
        for client in [1, 2] {
            assert!(ask(&mut replica, named(1, client, number, deposit(ACCOUNT, 1))).is_some());
        }
        assert_eq!(replica.invariants(), Ok(()));
    }
}

/// Once nothing is on record of some clients, a retry of one that is not known may be one of theirs.
#[test]
fn no_client_is_forgotten_before_its_time_and_then_strangers_cannot_retry() {
    let mut replica = small(4, 8);
    for client in 1..=8 {
        assert!(ask(&mut replica, named(1, client, 1, deposit(ACCOUNT, 1))).is_some());
    }
    let full = Answer::Refused(Refusal::Overloaded { limit: 8 });
    assert_eq!(ask(&mut replica, named(1, 9, 1, deposit(ACCOUNT, 1))), Some(full));
    assert!(ask(&mut replica, named(1, 3, 2, deposit(ACCOUNT, 1))).is_some(), "one that is known goes on");
    let later = Time(2_000_000);
    let outputs = step_at(&mut replica, later, Input::Request(named(1, 9, 1, deposit(ACCOUNT, 1))));
    assert!(matches!(answer(&outputs), Some(Answer::Committed(_))));
    let expired = Answer::Refused(Refusal::RequestExpired { request: request_id(1, 1) });
    let retry = Input::Request(tried_here(named(1, 1, 1, deposit(ACCOUNT, 1))));
    assert_eq!(answer(&step_at(&mut replica, later, retry)), Some(expired));
    let first = Input::Request(named(1, 77, 1, deposit(ACCOUNT, 1)));
    assert!(matches!(answer(&step_at(&mut replica, later, first)), Some(Answer::Committed(_))));
}

#[test]
fn request_waits_until_its_version_is_reached() {
    let mut replica = lone_replica(3);
    meet(&mut replica, 2);
    let asked = waiting_for(version(2, 2), request(1, Action::Query { account: AccountId(ACCOUNT) }));
    assert_eq!(ask(&mut replica, asked), None);
    assert_eq!(answer(&say(&mut replica, 2, update(1, delta(2, 0, 1, &[(ACCOUNT, 1, 10, 0)])))), None);
    let answered = answer(&say(&mut replica, 2, update(2, delta(2, 1, 2, &[(ACCOUNT, 2, 10, 3)]))));
    assert_eq!(answered, Some(Answer::Queried(Queried { balance: 107, version: Some(version(2, 2)) })));
    assert_eq!(replica.next_deadline(), None);
}

/// A version of several origins is reached one after the other, in any order.
#[test]
fn withdrawal_waits_until_every_origin_of_its_version_is_reached() {
    for order in [[2, 3], [3, 2]] {
        let mut replica = lone_replica(3);
        let at_least = Version::from_iter([(origin(2), 1), (origin(3), 1)]);
        let asked = waiting_for(at_least, request(1, Action::Write(withdrawal(ACCOUNT, 120))));
        assert_eq!(ask(&mut replica, asked), None);
        for id in order {
            meet(&mut replica, id);
        }
        assert_eq!(
            answer(&say(&mut replica, order[0], update(1, delta(order[0], 0, 1, &[(ACCOUNT, 1, 10, 0)])))),
            None
        );
        let outputs = say(&mut replica, order[1], update(1, delta(order[1], 0, 1, &[(ACCOUNT, 1, 10, 0)])));
        assert_eq!(answer(&outputs), Some(committed(1, 0)));
    }
}

#[test]
fn request_expires_at_its_deadline_with_nothing_done() {
    let mut replica = lone_replica(2);
    let asked = waiting_for(version(2, 1), named(1, 7, 1, deposit(ACCOUNT, 5)));
    let deadline = asked.deadline;
    assert_eq!(ask(&mut replica, asked.clone()), None);
    assert_eq!(replica.next_deadline(), Some(deadline));
    assert_eq!(step_at(&mut replica, Time(deadline.0 - 1), Input::Tick), []);
    let refused = Refusal::VersionNotReached;
    assert_eq!(
        step_at(&mut replica, deadline, Input::Tick),
        [Output::Reply { ticket: 1, answer: Answer::Refused(refused) }]
    );
    assert!(refused.is_definite());
    assert_eq!((replica.version(), replica.next_deadline()), (Version::EMPTY, None));
    // A refused request stays refused: whoever still wants it gives it a new number.
    assert_eq!(ask(&mut replica, named(2, 7, 1, deposit(ACCOUNT, 5))), Some(Answer::Refused(refused)));
    assert_eq!(ask(&mut replica, named(3, 7, 2, deposit(ACCOUNT, 5))), Some(committed(1, 105)));
}

#[test]
fn tries_that_wait_together_count_once() {
    let mut replica = lone_replica(2);
    meet(&mut replica, 2);
    for ticket in 1..=3 {
        assert_eq!(ask(&mut replica, waiting_for(version(2, 1), named(ticket, 7, 1, deposit(ACCOUNT, 5)))), None);
    }
    let outputs = say(&mut replica, 2, update(1, delta(2, 0, 1, &[(ACCOUNT, 1, 10, 0)])));
    let replies: BTreeMap<u64, Answer> = outputs
        .into_iter()
        .filter_map(|output| match output {
            Output::Reply { ticket, answer } => Some((ticket, answer)),
            Output::Ready(_) | Output::Save | Output::Faulty { .. } => None,
        })
        .collect();
    assert_eq!(replies, (1..=3).map(|ticket| (ticket, committed(1, 115))).collect());
}

/// What was decided is known, whatever version the retry names. It used to wait, and to be refused as
/// if nothing had been done.
#[test]
fn retry_of_what_was_decided_waits_for_no_version() {
    let mut replica = lone_replica(2);
    step(&mut replica, Input::Request(named(1, 7, 1, deposit(ACCOUNT, 5))));
    assert_eq!(
        ask(&mut replica, waiting_for(version(2, 1), named(2, 7, 1, deposit(ACCOUNT, 5)))),
        Some(committed(1, 105))
    );
}

/// Two tries of one request: the one that waits must not say, at its deadline, that nothing was done.
#[test]
fn waiting_try_is_answered_by_what_another_try_did() {
    let mut replica = lone_replica(2);
    let asked = waiting_for(version(2, 1), named(1, 7, 1, deposit(ACCOUNT, 5)));
    let deadline = asked.deadline;
    assert_eq!(ask(&mut replica, asked), None);
    assert_eq!(ask(&mut replica, named(2, 7, 1, deposit(ACCOUNT, 5))), Some(committed(1, 105)));
    assert_eq!(answer(&step_at(&mut replica, deadline, Input::Tick)), Some(committed(1, 105)));
}

/// A request may wait for a version of this very branch, which its own writes bring about. Nothing
/// woke it.
#[test]
fn request_that_waits_for_a_write_of_this_branch_is_woken_by_it() {
    let mut replica = lone_replica(2);
    let asked = waiting_for(version(1, 1), request(1, Action::Query { account: AccountId(ACCOUNT) }));
    assert_eq!(ask(&mut replica, asked), None);
    let outputs = step(&mut replica, write(2, deposit(ACCOUNT, 5)));
    let queried = Answer::Queried(Queried { balance: 105, version: Some(version(1, 1)) });
    assert!(outputs.contains(&Output::Reply { ticket: 1, answer: queried }));
}

/// Each of these writes wakes the next: none may be forgotten, and the stack must not grow with them.
#[test]
fn chain_of_waiting_writes_is_worked_off_at_once() {
    let mut replica = lone_replica(1);
    let length = 20_000;
    for ticket in 1..=length {
        assert_eq!(
            ask(&mut replica, waiting_for(version(1, ticket), request(ticket, Action::Write(deposit(ACCOUNT, 1))))),
            None
        );
    }
    let outputs = step(&mut replica, write(0, deposit(ACCOUNT, 1)));
    assert_eq!(outputs.len() as u64, length + 1);
    assert_eq!((balance(&replica), replica.next_deadline()), (OPENING + length as i64 + 1, None));
}

#[test]
fn branch_that_is_overloaded_says_so_and_still_answers_what_need_not_wait() {
    let mut replica = lone_replica(3);
    let mut outputs = Vec::new();
    let for_all = |request: Request| {
        let terms = Terms { concern: Concern::All, ..request.terms.clone() };
        Request { terms, ..request }
    };
    replica.step(Time::default(), Input::Request(named(0, 7, 1, deposit(ACCOUNT, 5))), &mut outputs);
    for ticket in 1..=MAX_WAITING as u64 {
        let asked = waiting_for(version(2, 1), request(ticket, Action::Query { account: AccountId(ACCOUNT) }));
        replica.step(Time::default(), Input::Request(asked), &mut outputs);
    }
    let overloaded = Answer::Refused(Refusal::Overloaded { limit: MAX_WAITING });
    let asked = waiting_for(version(2, 1), request(0, Action::Query { account: AccountId(ACCOUNT) }));
    assert_eq!(ask(&mut replica, asked), Some(overloaded.clone()));
    assert_eq!(ask(&mut replica, for_all(named(0, 7, 2, deposit(ACCOUNT, 5)))), Some(overloaded));
    assert_eq!(balance(&replica), 105, "what is refused is not done");
    assert_eq!(ask(&mut replica, request(0, Action::Write(deposit(ACCOUNT, 5)))), Some(committed(2, 110)));
    // A retry of what was done must not be told that it was not.
    let refusal = Refusal::ConcernNotReached { concern: Concern::All, reached: 1, needed: 3 };
    assert_eq!(ask(&mut replica, for_all(named(0, 7, 1, deposit(ACCOUNT, 5)))), Some(Answer::Refused(refusal)));
}

/// A customer reads at one branch what it wrote at another.
#[test]
fn read_names_a_write_and_finds_it_at_another_branch() {
    let mut network = Network::up(bank(5, 2, Shape::Ring, Propagation::Stream));
    let ticket = network.ask(branch(1), request(0, Action::Write(deposit(ACCOUNT, 7))));
    let Some(Answer::Committed(committed)) = network.answer(ticket).cloned() else { panic!("not committed") };
    let read = network
        .ask(branch(3), waiting_for(committed.version(), request(0, Action::Query { account: AccountId(ACCOUNT) })));
    assert_eq!(network.answer(read), None);
    network.flush();
    let queried = Queried { balance: OPENING + 7, version: Some(committed.version()) };
    assert_eq!(network.answer(read), Some(&Answer::Queried(queried)));
}

/// What an earlier life of the branch did with a request, this one cannot know.
#[test]
fn a_retry_that_crosses_a_restart_without_data_is_not_executed_again() {
    let life = Incarnation(7);
    let config = || Config {
        own: Origin { incarnation: life, ..origin(1) },
        had_lives: true,
        ..bank(2, 1, Shape::Mesh, Propagation::Stream).swap_remove(0)
    };
    let tried = |tried, number| {
        let request = named(number, 3, number, deposit(ACCOUNT, 5));
        Request { terms: Terms { tried, ..request.terms.clone() }, ..request }
    };
    let expired = |number| Some(Answer::Refused(Refusal::RequestExpired { request: request_id(3, number) }));
    let mut replica = Replica::new(config());
    assert!(matches!(ask(&mut replica, tried(Tried::Never, 1)), Some(Answer::Committed(_))));
    assert!(matches!(ask(&mut replica, tried(Tried::Sometime, 1)), Some(Answer::Committed(_))), "it is remembered");
    assert_eq!(ask(&mut replica, tried(Tried::Sometime, 2)), expired(2));
    assert_eq!(ask(&mut replica, tried(Tried::In(Incarnation(0)), 3)), expired(3));
    assert!(matches!(ask(&mut replica, tried(Tried::In(life), 4)), Some(Answer::Committed(_))));
    assert_eq!(balance(&replica), OPENING + 10);
    let mut first_life = lone_replica(1);
    assert!(matches!(ask(&mut first_life, tried(Tried::Sometime, 1)), Some(Answer::Committed(_))));
}

/// Found by simulation: the first try was refused with nothing done, and the second, which still
/// waited, was executed.
#[test]
fn a_request_that_was_refused_is_not_executed_by_another_try_that_waits() {
    let mut replica = lone_replica(2);
    meet(&mut replica, 2);
    let waiting = |ticket, deadline| Request {
        deadline: Time(deadline),
        ..waiting_for(version(2, 1), named(ticket, 7, 1, deposit(ACCOUNT, 5)))
    };
    assert_eq!(ask(&mut replica, waiting(1, 10)), None);
    assert_eq!(ask(&mut replica, waiting(2, 20)), None);
    let refused = Answer::Refused(Refusal::VersionNotReached);
    assert_eq!(answer(&step_at(&mut replica, Time(10), Input::Tick)), Some(refused.clone()));
    let outputs = say(&mut replica, 2, update(1, delta(2, 0, 1, &[(ACCOUNT, 1, 9, 0)])));
    assert_eq!(answer(&outputs), Some(refused));
    assert_eq!(balance(&replica), OPENING + 9, "nothing was done");
}
