//! A page of many accounts, larger than one message: a branch that has lost it gets it back whole.

use std::time::Duration;

use replibank::{
    bank::{Bank, BankConfig, BankError, BranchConfig, Served},
    topology::Shape,
    types::{AccountId, Action, Amount, Operation, OperationKind, Propagation, Terms},
    wire::MAX_CALL_ACCOUNTS,
};

use crate::{common::branch, measured::alone};

const SOON: Duration = Duration::from_secs(600);

/// As many as its whole page takes several parts; REPLIBANK_ACCOUNTS says how many else.
fn accounts() -> u64 {
    std::env::var("REPLIBANK_ACCOUNTS").map_or(100_000, |count| count.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_lost_a_large_page_gets_it_back() {
    let _alone = alone().await;
    let accounts = accounts();
    let mut config = BankConfig::new([branch(1), branch(2)], 0);
    config.accounts = (0..accounts).map(|account| (AccountId(account), 7)).collect();
    let bank = Bank::start(config).await.expect("the bank starts");
    let customer = bank.customer(branch(1), SOON).await.expect("it serves");
    let amount = Amount::new((1 << 48) - 1).unwrap();
    let terms = Terms { wait: replibank::types::Duration(600_000_000), ..Terms::default() };
    for first in (0..accounts).step_by(100_000) {
        let deposit = |account| Operation { kind: OperationKind::Deposit, account: AccountId(account), amount };
        let last = accounts.min(first + 100_000);
        let deposits: Vec<Action> = (first..last).map(deposit).map(Action::Write).collect();
        customer.execute(&deposits, &terms).await.expect("all answered");
    }
    bank.wait_until_converged(SOON).await.expect("it converges");
    bank.kill(branch(1)).await.expect("it ran");
    bank.restart(branch(1)).await.expect("it runs again");
    bank.wait_until_converged(SOON).await.expect("it gets its page back");
    for status in bank.statuses(SOON).await.expect("all answer").into_values() {
        let balances = status.snapshot.balances;
        assert!(balances.len() as u64 == accounts && balances.values().all(|&balance| balance == 7 + (1 << 48) - 1));
    }
    // By the wire, too.
    let customer = bank.customer(branch(1), SOON).await.expect("it serves");
    assert_eq!(customer.status(SOON).await.expect("an answer").snapshot.balances.len() as u64, accounts);
    bank.close().await;
}

#[tokio::test]
async fn accounts_that_do_not_fit_a_call_are_refused_at_the_start() {
    let accounts: std::collections::BTreeMap<_, _> =
        (0..=MAX_CALL_ACCOUNTS as u64).map(|it| (AccountId(it), 0)).collect();
    let refused = |error: BankError| {
        let said = error.to_string();
        assert!(said.contains("are the most where a page is one call: take stream propagation"), "{said}");
    };
    let propagation = Propagation::Unary;
    let bank = BankConfig { accounts: accounts.clone(), propagation, ..BankConfig::new([branch(1)], 0) };
    refused(Bank::start(bank).await.expect_err("it does not fit"));
    let alone = BranchConfig {
        id: branch(1),
        listen: "127.0.0.1:0".to_owned(),
        peers: [(branch(2), None)].into(),
        accounts,
        shape: Shape::Mesh,
        propagation,
        propagation_delay: Duration::ZERO,
        data: None,
    };
    refused(Served::start(alone).await.expect_err("it does not fit"));
}
