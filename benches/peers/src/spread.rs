//! A bank within this process: how long it takes to start, how long so many deposits at each branch take
//! to be at every other, and how long a single one does.

use std::time::{Duration, Instant};

use replibank::{
    bank::Bank,
    types::{AccountId, Amount, Concern, Operation, OperationKind, Terms},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Outcome,
    report::{Latencies, most_resident_mib},
    serve::BankOptions,
};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    bank: BankOptions,
    /// Deposits at each branch.
    #[arg(long, default_value_t = 20)]
    deposits: u32,
    /// After that, so many single deposits, each at another branch, when nothing else happens.
    #[arg(long, default_value_t = 0)]
    singles: u32,
    /// After that, so many deposits at once, each at another branch, that all branches have before they are answered.
    #[arg(long, default_value_t = 0)]
    for_all: u32,
}

/// Longer than it should take on any machine.
const WITHIN: Duration = Duration::from_secs(60);
const WITHIN_CORE: replibank::types::Duration = replibank::types::Duration::milliseconds(60_000);

pub async fn run(options: Options) -> Outcome {
    let began = Instant::now();
    let config = options.bank.config();
    let topology = config.topology();
    let bank = Bank::start(config).await?;
    let started = began.elapsed();
    let deposit = Operation { kind: OperationKind::Deposit, account: AccountId::DEFAULT, amount: Amount::new(1)? };
    let patient = Terms { wait: WITHIN_CORE, ..Terms::default() };
    let mut customers = Vec::new();
    for &branch in bank.addresses().keys() {
        customers.push(bank.customer(branch, WITHIN).await?);
    }
    let mut depositing = JoinSet::new();
    for customer in &customers {
        let (customer, deposits, terms) = (customer.clone(), options.deposits, patient.clone());
        depositing.spawn(async move {
            for _ in 0..deposits {
                customer.write(deposit, &terms).await?;
            }
            Ok::<_, replibank::customer::CustomerError>(())
        });
    }
    while let Some(done) = depositing.join_next().await {
        done??;
    }
    let deposited = began.elapsed();
    bank.wait_until_converged(WITHIN).await?;
    let converged = began.elapsed();
    let mut singles = Latencies::new();
    for index in 0..options.singles {
        let customer = &customers[index as usize * 7 % customers.len()];
        let began = Instant::now();
        customer.write(deposit, &patient).await?;
        bank.wait_until_converged(WITHIN).await?;
        singles.record(began.elapsed());
    }
    let everywhere = Terms { concern: Concern::All, ..patient };
    let began = Instant::now();
    let mut depositing: JoinSet<_> = (0..options.for_all as usize)
        .map(|index| {
            let (customer, terms) = (customers[index % customers.len()].clone(), everywhere.clone());
            async move { customer.write(deposit, &terms).await }
        })
        .collect();
    while let Some(done) = depositing.join_next().await {
        done??;
    }
    let for_all = began.elapsed();
    let memory = most_resident_mib();
    bank.close().await;
    Ok(json!({
        "branches": bank.addresses().len(),
        "links": topology.link_count(),
        "degree": topology.degree(),
        "hops": topology.diameter(),
        "started_seconds": started.as_secs_f64(),
        "deposited_seconds": deposited.as_secs_f64(),
        "converged_seconds": converged.as_secs_f64(),
        "single": singles.to_json(),
        "for_all_seconds": for_all.as_secs_f64(),
        "most_resident_mib": memory,
    }))
}
