//! One customer that asks many things at once: whatever overtakes what, nothing is refused for it, and
//! everything counts once.

#![allow(clippy::expect_used, reason = "a test that fails panics")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use replibank::{
    bank::{Bank, BankConfig},
    customer::{Customer, CustomerError},
    replica::ANSWERS_PER_CLIENT,
    types::{self, AccountId, Action, Answer, Concern, Terms},
};
use tokio::task::JoinSet;

use crate::common::{branch, deposit};

const SOON: Duration = Duration::from_secs(30);

async fn bank_and_customer() -> (Bank, Customer) {
    let bank = Bank::start(BankConfig::new([branch(1)], 400)).await.expect("the bank starts");
    let customer = bank.customer(branch(1), SOON).await.expect("the branch is served");
    (bank, customer)
}

async fn balance(customer: &Customer) -> i64 {
    let queried = customer.query(AccountId::DEFAULT, false, &Terms::default()).await.expect("an answer");
    queried.balance
}

/// A branch remembers 4,096 answers of a client, and each stream alone may have as many under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_and_calls_under_way_together_do_not_expire_each_other() {
    const DEPOSITS: usize = 5 * ANSWERS_PER_CLIENT;
    let (bank, customer) = bank_and_customer().await;
    let mut streams = JoinSet::new();
    for _ in 0..3 {
        let customer = customer.clone();
        streams.spawn(async move {
            let actions = vec![Action::Write(deposit(0, 1)); DEPOSITS];
            customer.execute(&actions, &Terms::default()).await
        });
    }
    let are_streaming = Arc::new(AtomicBool::new(true));
    let calling = {
        let (customer, are_streaming) = (customer.clone(), are_streaming.clone());
        tokio::spawn(async move {
            let mut calls = 0;
            while are_streaming.load(Ordering::Relaxed) {
                customer.write(deposit(0, 1), &Terms::default()).await.expect("a deposit is committed");
                calls += 1;
            }
            calls
        })
    };
    while let Some(ended) = streams.join_next().await {
        let answers = ended.expect("no panic").expect("every answer comes");
        let refused: Vec<_> = answers.iter().filter(|answer| !matches!(answer, Answer::Committed(_))).collect();
        assert!(refused.is_empty(), "{} of {DEPOSITS} are not committed: {:?}", refused.len(), refused[0]);
    }
    are_streaming.store(false, Ordering::Relaxed);
    let calls: i64 = calling.await.expect("no panic");
    assert_eq!(balance(&customer).await, 400 + 3 * DEPOSITS as i64 + calls);
    bank.close().await;
}

/// What waits here waits for a branch that is paused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_beyond_some_thousands_wait_their_turn_within_their_time() {
    const PLACES: usize = 4096;
    let (bank, customer) = bank_and_customer().await;
    bank.pause(branch(1)).await.expect("it runs");
    let patient = Terms { wait: types::Duration::milliseconds(60_000), ..Terms::default() };
    let mut waiting = JoinSet::new();
    for _ in 0..PLACES {
        let (customer, terms) = (customer.clone(), patient.clone());
        waiting.spawn(async move { customer.write(deposit(0, 1), &terms).await });
    }
    let soon = Terms { wait: types::Duration::milliseconds(20), ..Terms::default() };
    // It is sent as long as one of the others has no place yet.
    let unplaced = async {
        loop {
            let error = customer.write(deposit(0, 1), &soon).await.expect_err("the branch is paused");
            if !matches!(error, CustomerError::Deadline { sent: true, .. }) {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(SOON, unplaced).await.expect("thousands have no answer");
    assert!(matches!(error, CustomerError::Deadline { sent: false, .. }), "{error}");
    assert!(!error.may_have_happened());
    let everywhere = Terms { concern: Concern::All, ..soon };
    let error = customer.write(deposit(0, 1), &everywhere).await.expect_err("the branch is paused");
    assert!(
        matches!(error, CustomerError::Deadline { sent: true, .. }),
        "what may wait has places of its own: {error}"
    );

    bank.resume(branch(1)).await.expect("it is paused");
    while let Some(answered) = waiting.join_next().await {
        answered.expect("no panic").expect("a deposit is committed");
    }
    customer.write(deposit(0, 1), &Terms::default()).await.expect("there is a place again");
    bank.close().await;
}
