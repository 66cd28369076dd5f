//! A scenario run to its replies: customers one after another, each at its own branch. Nothing
//! sleeps between them: a branch answers a customer once it has what the customers before have
//! written.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use super::{config::shorten, error::BankError, running::Bank};
use crate::{
    customer::{Customer, CustomerError},
    scenario::{Action, Reply, Scenario},
    types::{AccountId, BranchId, Concern, Duration as Span, Operation, OperationKind, Refusal, Terms, Version},
};

/// How far a run has come; read it from anywhere.
#[derive(Debug, Default)]
pub struct Progress {
    /// Events answered so far.
    pub done: AtomicUsize,
}

/// Runs a scenario's customers, in the order of the file, against served branches. Returns one list
/// of replies per customer record. `timeout` bounds every single request.
///
/// # Errors
/// [`BankError::UnknownBranch`] for a customer whose branch is not served;
/// [`BankError::Customer`] for a request that was not decided in time.
pub async fn run(
    addresses: &BTreeMap<BranchId, SocketAddr>,
    scenario: &Scenario,
    timeout: Duration,
    progress: &Progress,
) -> Result<Vec<Vec<Reply>>, BankError> {
    run_at(addresses, None, scenario, timeout, progress).await
}

impl Bank {
    /// The same against this bank, whose history, if it keeps one, then has all of it.
    ///
    /// # Errors
    /// As for [`run`].
    pub async fn run(
        &self,
        scenario: &Scenario,
        timeout: Duration,
        progress: &Progress,
    ) -> Result<Vec<Vec<Reply>>, BankError> {
        run_at(self.addresses(), Some(self), scenario, timeout, progress).await
    }
}

async fn run_at(
    addresses: &BTreeMap<BranchId, SocketAddr>,
    bank: Option<&Bank>,
    scenario: &Scenario,
    timeout: Duration,
    progress: &Progress,
) -> Result<Vec<Vec<Reply>>, BankError> {
    let wait = Span(u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX));
    // All of them before the first moves money.
    for record in &scenario.customers {
        address_of(addresses, record.branch)?;
    }
    let mut customers: BTreeMap<BranchId, Customer> = BTreeMap::new();
    let mut written = Version::EMPTY;
    let mut replies = Vec::with_capacity(scenario.customers.len());
    for (number, record) in scenario.customers.iter().enumerate() {
        let customer = match customers.entry(record.branch) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let address = address_of(addresses, record.branch)?;
                unknown.insert(match bank {
                    Some(bank) => bank.customer(record.branch, timeout).await?,
                    None => Customer::connect(&address.to_string(), timeout).await?,
                })
            }
        };
        // Once the branch has decided the first event it has all of `written`, and it stays so.
        let mut terms = Terms { concern: Concern::Local, at_least: written.clone(), wait, ..Terms::default() };
        let mut recorded = Vec::with_capacity(record.events.len());
        for event in &record.events {
            let performed = perform(customer, event.action, &terms, &mut written).await;
            recorded.push(performed.map_err(|error| {
                let earlier = scenario.customers.iter().take(number).filter(|other| other.id == record.id).count();
                BankError::Event { customer: record.id, visit: earlier + 1, event: recorded.len() + 1, error }
            })?);
            terms.at_least = Version::EMPTY;
            progress.done.fetch_add(1, Ordering::Relaxed);
        }
        replies.push(recorded);
    }
    Ok(replies)
}

fn address_of(addresses: &BTreeMap<BranchId, SocketAddr>, branch: BranchId) -> Result<SocketAddr, BankError> {
    let unknown = || BankError::UnknownBranch { branch, known: shorten(addresses.keys()) };
    addresses.get(&branch).copied().ok_or_else(unknown)
}

async fn perform(
    customer: &Customer,
    action: Action,
    terms: &Terms,
    written: &mut Version,
) -> Result<Reply, CustomerError> {
    let (kind, amount) = match action {
        Action::Query => {
            let queried = customer.query(AccountId::DEFAULT, false, terms).await?;
            return Ok(Reply::Balance(queried.balance));
        }
        Action::Deposit(amount) => (OperationKind::Deposit, amount),
        Action::Withdraw(amount) => (OperationKind::Withdraw, amount),
    };
    match customer.write(Operation { kind, account: AccountId::DEFAULT, amount }, terms).await {
        Ok(committed) => {
            written.raise(committed.origin, committed.sequence);
            Ok(Reply::Success)
        }
        Err(CustomerError::Refused(Refusal::InsufficientFunds { .. } | Refusal::TotalLimit { .. })) => Ok(Reply::Fail),
        Err(error) => Err(error),
    }
}
