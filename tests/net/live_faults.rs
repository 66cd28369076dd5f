//! Faults on a running bank: what is cut, held or lost, and that the history of it can be explained.

use std::{collections::BTreeSet, time::Duration};

use replibank::{
    bank::{Bank, BankConfig, BankError, Fault, Messages},
    check::check,
    types::{AccountId, Concern, Propagation, Terms},
};

use crate::common::{branch, deposit};

const SOON: Duration = Duration::from_secs(20);

/// After which something is taken not to come.
const NEVER: Duration = Duration::from_millis(200);

fn group<const N: usize>(ids: [u32; N]) -> BTreeSet<replibank::types::BranchId> {
    ids.into_iter().map(branch).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cut_stays_apart_and_heals_and_its_history_holds() {
    for propagation in [Propagation::Stream, Propagation::Unary] {
        let config = BankConfig { propagation, trace_capacity: 1000, ..BankConfig::new((1..=3).map(branch), 400) };
        let bank = Bank::start(config).await.expect("the bank starts");
        let customer = bank.customer(branch(1), SOON).await.expect("it is served");
        let apart = Fault::Partition { groups: vec![group([1, 2]), group([3])], one_way: false };
        let fault = bank.inflict(apart).await.expect("it can be");
        let majority = Terms { concern: Concern::Majority, ..Terms::default() };
        let committed = customer.write(deposit(0, 70), &majority).await.expect("two of three");
        let balance = |statuses: &std::collections::BTreeMap<_, replibank::customer::Status>, id| {
            statuses[&branch(id)].snapshot.balances[&AccountId::DEFAULT]
        };
        let statuses = bank.statuses(SOON).await.expect("they answer");
        assert_eq!((balance(&statuses, 2), balance(&statuses, 3)), (470, 400), "{propagation}");
        assert!(matches!(bank.wait_until_converged(NEVER).await, Err(BankError::NotConverged { .. })));
        bank.lift(fault).await.expect("it is lifted");
        bank.lift(fault).await.expect("again, harmlessly");
        bank.wait_until_converged(SOON).await.unwrap_or_else(|error| panic!("{propagation}: {error}"));

        bank.pause(branch(2)).await.expect("it runs");
        assert_eq!(bank.statuses(NEVER).await.map(drop), Err(BankError::Paused { branch: branch(2) }));
        let lost = Fault::Drop { share: 1.0, messages: Messages::Of(group([3])) };
        bank.inflict(lost).await.expect("it can be");
        bank.heal().await.expect("all is lifted");
        let there = Terms { at_least: committed.version(), ..Terms::default() };
        let third = bank.customer(branch(3), SOON).await.expect("it is served");
        assert_eq!(third.query(AccountId::DEFAULT, true, &there).await.expect("it has it").balance, 470);
        bank.wait_until_converged(SOON).await.expect("the bank converges");

        let (history, lost) = bank.history().await.expect("it keeps one");
        let verdict = check(&history);
        assert!(verdict.is_ok() && lost == 0, "{propagation}: {verdict}");
        assert_eq!(verdict.settled, 3, "every branch is at its end");
        bank.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_is_in_force_befalls_a_branch_that_comes_back() {
    let bank = Bank::start(BankConfig::new((1..=2).map(branch), 400)).await.expect("the bank starts");
    let late = Fault::Delay { by: Duration::from_secs(3600), messages: Messages::From(vec![(branch(2), branch(1))]) };
    let fault = bank.inflict(late).await.expect("it can be");
    bank.kill(branch(2)).await.expect("it runs");
    bank.restart(branch(2)).await.expect("it comes back");
    let customer = bank.customer(branch(2), SOON).await.expect("it is served");
    customer.write(deposit(0, 70), &Terms::default()).await.expect("a deposit");
    assert!(matches!(bank.wait_until_converged(NEVER).await, Err(BankError::NotConverged { .. })));
    bank.lift(fault).await.expect("it is lifted");
    bank.wait_until_converged(SOON).await.expect("the bank converges");
    bank.close().await;
}
