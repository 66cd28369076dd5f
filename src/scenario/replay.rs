//! What a run must answer. Customers run one after another and every update is everywhere before the
//! next begins, so one balance predicts every reply.

use std::collections::BTreeMap;

use super::{
    model::{Action, Event, Scenario},
    reply::Reply,
};
use crate::types::{Amount, BranchId, MAX_AMOUNT};

/// The right replies, one list a customer record, one reply an event.
///
/// A withdrawal of more than the balance fails and moves nothing. So does an event that would pass
/// the bounds of a branch's totals; [`Scenario::parse`] lets none through.
pub fn expected(scenario: &Scenario) -> Vec<Vec<Reply>> {
    let mut ledger = Ledger::new(scenario.opening);
    scenario
        .customers
        .iter()
        .map(|customer| {
            let reply = |event: &Event| ledger.reply(customer.branch, event.action).unwrap_or(Reply::Fail);
            customer.events.iter().map(reply).collect()
        })
        .collect()
}

/// One balance, and each branch's totals.
pub(super) struct Ledger {
    balance: i64,
    totals: BTreeMap<BranchId, Totals>,
}

/// Each at most [`MAX_AMOUNT`], as on a replica's page.
#[derive(Clone, Copy, Default)]
struct Totals {
    deposited: u64,
    withdrawn: u64,
}

/// An event that would pass a bound.
pub(super) struct Limit {
    pub(super) total: u64,
    pub(super) requested: Amount,
}

impl Ledger {
    pub(super) fn new(opening: i64) -> Self {
        Self { balance: opening, totals: BTreeMap::new() }
    }

    pub(super) fn reply(&mut self, branch: BranchId, action: Action) -> Result<Reply, Limit> {
        match action {
            Action::Query => Ok(Reply::Balance(self.balance)),
            Action::Deposit(amount) => {
                let totals = self.totals.entry(branch).or_default();
                totals.deposited = raised(totals.deposited, amount)?;
                self.balance = self.balance.saturating_add_unsigned(amount.value());
                Ok(Reply::Success)
            }
            Action::Withdraw(amount) if amount.value().cast_signed() > self.balance => Ok(Reply::Fail),
            Action::Withdraw(amount) => {
                let totals = self.totals.entry(branch).or_default();
                totals.withdrawn = raised(totals.withdrawn, amount)?;
                self.balance = self.balance.saturating_sub_unsigned(amount.value());
                Ok(Reply::Success)
            }
        }
    }
}

/// The bounds on totals and openings keep every balance of at most `MAX_ORIGINS` branches inside an
/// `i64`, so the balance itself never saturates.
fn raised(total: u64, amount: Amount) -> Result<u64, Limit> {
    let raised = total + amount.value();
    if raised <= MAX_AMOUNT { Ok(raised) } else { Err(Limit { total, requested: amount }) }
}
