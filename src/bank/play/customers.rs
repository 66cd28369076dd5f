//! The customers of a plan: each does its operations at their times, one after another.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::atomic::Ordering,
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{
    bank::{error::BankError, run::Progress, running::Bank},
    customer::{Customer, CustomerError},
    sim::{Act, Plan, Step},
    types::{AccountId, Amount, BranchId, Operation, OperationKind, Terms, Version},
};

/// A customer's connection to each branch.
pub(super) type AtBranches = BTreeMap<BranchId, Customer>;

/// How long a customer may take to connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How long one waits for an answer. What a branch without data has lost is waited for in vain.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection to every branch, while all of them are there.
pub(super) async fn connect(plan: &Plan, bank: &Bank) -> Result<AtBranches, BankError> {
    let mut customers = BTreeMap::new();
    for branch in (1..=plan.branches).filter_map(BranchId::new) {
        customers.insert(branch, bank.customer(branch, CONNECT_WITHIN).await?);
    }
    Ok(customers)
}

/// Each customer's operations, in the order of time.
pub(super) fn by_customer(plan: &Plan) -> BTreeMap<u32, Vec<Step>> {
    let mut customers: BTreeMap<u32, Vec<Step>> = BTreeMap::new();
    for step in &plan.operations {
        customers.entry(step.customer).or_default().push(*step);
    }
    customers.values_mut().for_each(|steps| steps.sort_by_key(|step| step.at_us));
    customers
}

/// One customer's operations. What comes due before the one before is answered waits for it.
pub(super) async fn act(
    steps: Vec<Step>,
    at_branches: AtBranches,
    began: Instant,
    progress: &Progress,
) -> Result<(), BankError> {
    let mut own = AtBranches::new();
    let mut seen = Version::EMPTY;
    for step in steps {
        sleep_until(began + Duration::from_micros(step.at_us)).await;
        let Some((branch, connection)) = BranchId::new(step.branch).and_then(|id| Some((id, at_branches.get(&id)?)))
        else {
            continue;
        };
        // A customer of its own on the connection that all share.
        let customer = match own.entry(branch) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(connection.another()),
        };
        let at_least = if step.session { seen.clone() } else { Version::EMPTY };
        let wait = crate::types::Duration(PATIENCE.as_micros() as u64);
        let terms = Terms { concern: step.concern, at_least, wait, ..Terms::default() };
        let account = AccountId(step.account.into());
        let told = match step.act {
            Act::Query(include_version) => customer.query(account, include_version, &terms).await.map(|queried| {
                queried.version.iter().for_each(|version| seen.join(version));
            }),
            Act::Deposit(amount) | Act::Withdraw(amount) => {
                let kind =
                    if matches!(step.act, Act::Deposit(_)) { OperationKind::Deposit } else { OperationKind::Withdraw };
                match Amount::new(amount) {
                    Ok(amount) => customer
                        .write(Operation { kind, account, amount }, &terms)
                        .await
                        .map(|committed| seen.raise(committed.origin, committed.sequence)),
                    // What cannot be asked for is not.
                    Err(_) => Ok(()),
                }
            }
        };
        progress.done.fetch_add(1, Ordering::Relaxed);
        match told {
            // What came of it is in the history, for the checkers.
            Ok(())
            | Err(
                CustomerError::Refused(_)
                | CustomerError::Behind { .. }
                | CustomerError::Deadline { .. }
                | CustomerError::Unreachable { .. },
            ) => {}
            Err(error @ (CustomerError::Closed { .. } | CustomerError::Protocol { .. })) => return Err(error.into()),
        }
    }
    Ok(())
}
