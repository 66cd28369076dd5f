//! Writes for all of many branches, at once. REPLIBANK_WIDE=300 takes as many branches, and two thirds as many writes.

use std::time::{Duration, Instant};

use replibank::{
    bank::{Bank, BankConfig},
    topology::Shape,
    types::{AccountId, Amount, BranchId, Concern, Operation, OperationKind, Terms},
};
use tokio::task::JoinSet;

use crate::measured::alone;

const SOON: Duration = Duration::from_secs(60);

fn branches() -> u32 {
    std::env::var("REPLIBANK_WIDE").map_or(30, |count| count.parse().expect("a number"))
}

/// "VmRSS" or "VmHWM": what this process has in memory, or had at most.
fn mib(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(what)).expect(what);
    line.split_whitespace().nth(1).expect("a number").parse::<u64>().expect("a number") >> 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_for_all_of_many_branches_are_told_when_all_have_them() {
    let _alone = alone().await;
    let branches = branches();
    let writes = branches * 2 / 3;
    let config = BankConfig { shape: Shape::Overlay, ..BankConfig::new((1..=branches).filter_map(BranchId::new), 0) };
    let began = Instant::now();
    let bank = Bank::start(config).await.expect("the bank starts");
    bank.wait_until_converged(SOON).await.expect("it is quiet");
    let mut customers = Vec::new();
    for &id in bank.addresses().keys().take(writes as usize) {
        customers.push(bank.customer(id, SOON).await.expect("it serves"));
    }
    let (started, at_rest) = (began.elapsed(), mib("VmRSS"));
    let operation =
        Operation { kind: OperationKind::Deposit, account: AccountId::DEFAULT, amount: Amount::new(1).unwrap() };
    let terms = Terms { concern: Concern::All, wait: replibank::types::Duration(60_000_000), ..Terms::default() };
    let began = Instant::now();
    let mut writing = JoinSet::new();
    for customer in customers {
        let terms = terms.clone();
        writing.spawn(async move { customer.write(operation, &terms).await.map(drop) });
    }
    for written in writing.join_all().await {
        written.expect("all have it");
    }
    let took = began.elapsed();
    // Nothing to wait for: all was told to be everywhere.
    for status in bank.statuses(SOON).await.expect("all answer").into_values() {
        assert_eq!(status.snapshot.balances[&AccountId::DEFAULT], i64::from(writes), "at {}", status.origin);
    }
    println!(
        "{branches} branches, started in {:.2} s: {writes} writes for all in {:.2} s; {at_rest} MiB before, {} at most",
        started.as_secs_f64(),
        took.as_secs_f64(),
        mib("VmHWM")
    );
    bank.close().await;
}
