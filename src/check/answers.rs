//! Answers that contradict themselves, or what was asked for: a look at one answer alone tells it.

use super::{History, Invocation};
use crate::types::{
    Action, Amount, Answer, Committed, Concern, MAX_AMOUNT, Operation, OperationKind, Refusal, RequestId,
};

/// Why an answer cannot be right, whatever else happened.
pub(super) fn contradiction(history: &History, asked: &Invocation, answer: &Answer) -> Option<String> {
    match answer {
        Answer::Queried(_) => match asked.action {
            Action::Query { .. } => None,
            Action::Write(_) => Some("a write was answered as if it were a query".to_owned()),
        },
        Answer::Committed(Committed { balance, .. }) => match asked.action {
            Action::Query { .. } => Some("a query was answered as if it were a write".to_owned()),
            Action::Write(Operation { kind: OperationKind::Withdraw, amount, .. }) if *balance < 0 => {
                Some(format!("{amount} was paid out and {balance} is left: a branch pays no more than it sees"))
            }
            Action::Write(_) => None,
        },
        Answer::Refused(refusal) => misfit(history, asked, *refusal),
    }
}

/// Why a refusal does not fit what was asked for.
fn misfit(history: &History, asked: &Invocation, refusal: Refusal) -> Option<String> {
    let operation = match asked.action {
        Action::Query { .. } => None,
        Action::Write(operation) => Some(operation),
    };
    match (refusal, operation) {
        (Refusal::UnknownAccount { account }, _) => {
            let (Action::Query { account: of } | Action::Write(Operation { account: of, .. })) = asked.action;
            if account != of {
                Some(format!("account {account} is said to be unknown, and {of} was asked for"))
            } else if history.accounts.contains_key(&account) {
                Some(format!("account {account} is said to be unknown, and the bank has it"))
            } else {
                None
            }
        }
        (Refusal::VersionNotReached | Refusal::VersionLost { .. } | Refusal::Overloaded { .. }, _) => None,
        (_, None) => Some("a query is never refused for this".to_owned()),
        (Refusal::InvalidAmount { .. }, Some(operation)) => {
            Some(format!("the amount is said to be wrong, and {} is right", operation.amount))
        }
        (Refusal::InsufficientFunds { available, requested }, Some(operation)) => {
            if operation.kind == OperationKind::Deposit {
                return Some("a deposit needs no funds".to_owned());
            }
            let is_covered = available >= requested.value() as i64;
            other_amount(requested, operation)
                .or_else(|| is_covered.then(|| format!("{available} is there, and covers the {requested} asked for")))
        }
        (Refusal::TotalLimit { total, requested }, Some(operation)) => {
            if let Some(why) = no_account(history, operation).or_else(|| other_amount(requested, operation)) {
                Some(why)
            } else if total > MAX_AMOUNT {
                Some(format!("no total is {total}: the limit is {MAX_AMOUNT}"))
            } else if total + requested.value() <= MAX_AMOUNT {
                Some(format!("{requested} on top of {total} does not pass the limit of {MAX_AMOUNT}"))
            } else {
                None
            }
        }
        (Refusal::RequestConflict { request }, Some(_)) => match asked.request {
            None => Some("a request without a name is in conflict with none".to_owned()),
            Some(number) => other_name(request, asked.client, number),
        },
        (Refusal::RequestExpired { request }, Some(_)) => {
            asked.request.and_then(|number| other_name(request, asked.client, number))
        }
        (Refusal::ConcernNotReached { concern, reached, needed }, Some(operation)) => {
            let branches = history.branches.len();
            let right = concern.replicas(branches);
            if let Some(why) = no_account(history, operation) {
                return Some(why);
            }
            // A history may leave out what was asked for.
            if asked.concern != Concern::Local && concern != asked.concern {
                Some(format!("concern {concern} is said not to be reached, and {} was asked for", asked.concern))
            } else if needed != right {
                Some(format!("concern {concern} needs {right} of {branches} branches, not {needed}"))
            } else if reached >= needed {
                Some(format!("{reached} replicas have it, and no more than {needed} are needed"))
            } else if reached == 0 {
                Some("it is committed, so that its own branch has it, and 0 replicas are said to".to_owned())
            } else {
                None
            }
        }
    }
}

fn no_account(history: &History, operation: Operation) -> Option<String> {
    let account = operation.account;
    (!history.accounts.contains_key(&account)).then(|| format!("the bank has no account {account}"))
}

fn other_amount(requested: Amount, operation: Operation) -> Option<String> {
    let asked = operation.amount;
    (requested != asked).then(|| format!("{requested} is said to be asked for, and {asked} was"))
}

fn other_name(told: RequestId, client: u64, number: u64) -> Option<String> {
    let is_other = (told.client.0, told.number) != (client, number);
    is_other.then(|| {
        format!("request {} of customer {} is refused, and {number} of {client} asked", told.number, told.client.0)
    })
}
