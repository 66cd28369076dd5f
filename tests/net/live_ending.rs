//! A gentle end: no more requests are taken, peers still hear of what was decided, and what nobody else has is told.

use std::{collections::BTreeMap, time::Duration};

use replibank::{
    bank::{Bank, BankConfig, BranchConfig, Fault, Served},
    customer::Customer,
    topology::Shape,
    types::{AccountId, Action, Amount, Operation, OperationKind, Propagation, Terms},
    wire::proto::{self, bank_service_client::BankServiceClient},
};
use tonic::Code;

use crate::common::branch;

const SOON: Duration = Duration::from_secs(20);
const DEPOSITS: usize = 60_000;

fn config(id: u32, peer: u32, address: Option<String>, delay: Duration) -> BranchConfig {
    BranchConfig {
        id: branch(id),
        listen: "127.0.0.1:0".to_owned(),
        peers: [(branch(peer), address)].into(),
        accounts: [(AccountId::DEFAULT, 0)].into(),
        shape: Shape::Mesh,
        propagation: Propagation::Stream,
        propagation_delay: delay,
        data: None,
    }
}

fn deposits(count: usize) -> Vec<Action> {
    let amount = Amount::new(1).unwrap();
    vec![Action::Write(Operation { kind: OperationKind::Deposit, account: AccountId::DEFAULT, amount }); count]
}

async fn deposit(customer: &Customer, count: usize) {
    let answers = customer.execute(&deposits(count), &Terms::default()).await.expect("all answered");
    assert_eq!(answers.len(), count);
}

async fn balance(address: &str) -> i64 {
    let customer = Customer::connect(address, SOON).await.expect("it serves");
    customer.query(AccountId::DEFAULT, false, &Terms::default()).await.expect("an answer").balance
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_arrives_though_it_is_held_back() {
    let other = Served::start(config(2, 1, None, Duration::ZERO)).await.expect("it serves");
    let address = other.address().to_string();
    let delay = Duration::from_millis(500);
    let ending = Served::start(config(1, 2, Some(address.clone()), delay)).await.expect("it serves");
    let customer = Customer::connect(&ending.address().to_string(), SOON).await.expect("it serves");
    deposit(&customer, 1).await;
    while balance(&address).await == 0 {
        tokio::task::yield_now().await;
    }
    deposit(&customer, DEPOSITS).await;
    assert_eq!(ending.close().await, 0);
    assert_eq!(balance(&address).await, 1 + DEPOSITS as i64);
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_else_has_is_counted_and_nobody_is_waited_for_who_is_not_there() {
    let lone = Served::start(config(1, 2, Some("127.0.0.1:1".to_owned()), Duration::ZERO)).await.expect("it serves");
    let address = lone.address().to_string();
    deposit(&Customer::connect(&address, SOON).await.expect("it serves"), 7).await;
    assert_eq!(lone.flush().await, 7);
    // It is still there, and says so; but what it took now, it would tell nobody.
    let mut customer = BankServiceClient::connect(format!("http://{address}")).await.expect("it listens");
    let late = proto::DepositRequest { amount: 1, ..Default::default() };
    let refused = customer.deposit(late).await.expect_err("it takes no more");
    assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "the branch is stopping"));
    assert_eq!(lone.close().await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_that_ends_converges_but_for_what_a_fault_holds_back() {
    for (is_cut, left) in [(false, BTreeMap::new()), (true, BTreeMap::from([(branch(1), 5)]))] {
        let delay = Duration::from_millis(300);
        let config = BankConfig { propagation_delay: delay, ..BankConfig::new((1..=3).map(branch), 0) };
        let bank = Bank::start(config).await.expect("the bank starts");
        let customer = bank.customer(branch(1), SOON).await.expect("it serves");
        deposit(&customer, 1).await;
        bank.wait_until_converged(SOON).await.expect("it converges");
        if is_cut {
            let groups = vec![[branch(1)].into(), [branch(2), branch(3)].into()];
            bank.inflict(Fault::Partition { groups, one_way: false }).await.expect("a partition");
        }
        deposit(&customer, 5).await;
        assert_eq!(bank.close().await, left);
        assert_eq!(bank.close().await, BTreeMap::new());
    }
}
