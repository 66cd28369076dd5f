//! The tables of a data directory, and what of the core becomes which row. Every row has a fixed
//! width; a page's entries lie together, as do a client's answers.

use redb::TableDefinition;

use crate::{
    replica::{Entry, Past, Remembered},
    types::{
        AccountId, Amount, BranchId, ClientId, Committed, Concern, Incarnation, Operation, OperationKind, Origin,
        Refusal, RequestId,
    },
};

/// Raised whenever an older version of this package would misread what a newer one writes.
pub(super) const FORMAT: u64 = 2;

/// The format in which a branch went on with the life that had written the directory.
pub(super) const FORMAT_OF_ONE_LIFE: u64 = 1;

/// Whose directory it is, by the names below.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub(super) const META_FORMAT: &str = "format";
pub(super) const META_BANK: &str = "bank";
pub(super) const META_BRANCH: &str = "branch";
/// Of format 1: the only life.
pub(super) const META_INCARNATION: &str = "incarnation";
/// Whether there may have been lives of which nothing is here: 0 or 1.
pub(super) const META_HAD_OTHERS: &str = "had_others";
/// Whether clients were forgotten as a whole: 0 or 1.
pub(super) const META_FORGOT_CLIENTS: &str = "forgot_clients";

/// (branch, incarnation) to (sequence, confirm_through).
pub(super) const PAGES: TableDefinition<OriginKey, (u64, u64)> = TableDefinition::new("pages");
/// (branch, incarnation, account) to (sequence, deposited, withdrawn).
pub(super) const ENTRIES: TableDefinition<(u32, u64, u64), (u64, u64, u64)> = TableDefinition::new("entries");
/// (branch, incarnation, from, earlier incarnation) to the sequence of that: see [`Past`].
pub(super) const PAST: TableDefinition<(u32, u64, u64, u64), u64> = TableDefinition::new("past");
/// (client, number) to what was asked, what came of it, and when, as a count.
pub(super) const REQUESTS: TableDefinition<(u64, u64), (AnswerRow, u64)> = TableDefinition::new("requests");
/// Client to the number up to which its answers may have been forgotten.
pub(super) const FORGOTTEN: TableDefinition<u64, u64> = TableDefinition::new("forgotten");
/// The lives that ran on this directory.
pub(super) const LIVES: TableDefinition<u64, ()> = TableDefinition::new("lives");

/// Of format 1: the requests, without their order.
pub(super) const ANSWERS: TableDefinition<(u64, u64), AnswerRow> = TableDefinition::new("answers");

pub(super) type OriginKey = (u32, u64);

/// Operation: kind, account, amount. Outcome: its tag, and up to four values.
pub(super) type AnswerRow = (u8, u64, u64, u8, (u64, u64, u64, u64));

pub(super) fn origin_key(origin: Origin) -> OriginKey {
    (origin.branch.value(), origin.incarnation.0)
}

/// # Errors
/// A clause that says what makes no sense.
pub(super) fn origin((branch, incarnation): OriginKey) -> Result<Origin, String> {
    let branch = BranchId::new(branch).ok_or("it names branch 0")?;
    Ok(Origin { branch, incarnation: Incarnation(incarnation) })
}

pub(super) fn entry_row(entry: &Entry) -> (u64, u64, u64) {
    (entry.sequence, entry.deposited, entry.withdrawn)
}

pub(super) fn entry(account: u64, (sequence, deposited, withdrawn): (u64, u64, u64)) -> Entry {
    Entry { account: AccountId(account), sequence, deposited, withdrawn }
}

pub(super) fn answer_key(request: RequestId) -> (u64, u64) {
    (request.client.0, request.number)
}

pub(super) fn answer_row(answer: &Remembered) -> AnswerRow {
    let Operation { kind, account, amount } = answer.operation;
    let kind = match kind {
        OperationKind::Deposit => 0,
        OperationKind::Withdraw => 1,
    };
    let (tag, values) = match answer.outcome {
        Ok(Committed { origin, sequence, balance }) => {
            (0, (u64::from(origin.branch.value()), origin.incarnation.0, sequence, balance as u64))
        }
        Err(refusal) => refusal_row(refusal),
    };
    (kind, account.0, amount.value(), tag, values)
}

fn refusal_row(refusal: Refusal) -> (u8, (u64, u64, u64, u64)) {
    match refusal {
        Refusal::InvalidAmount { requested } => (1, (requested, 0, 0, 0)),
        Refusal::UnknownAccount { account } => (2, (account.0, 0, 0, 0)),
        Refusal::InsufficientFunds { available, requested } => (3, (available as u64, requested.value(), 0, 0)),
        Refusal::TotalLimit { total, requested } => (4, (total, requested.value(), 0, 0)),
        Refusal::RequestConflict { request } => (5, (request.client.0, request.number, 0, 0)),
        Refusal::RequestExpired { request } => (6, (request.client.0, request.number, 0, 0)),
        Refusal::Overloaded { limit } => (7, (limit as u64, 0, 0, 0)),
        Refusal::VersionNotReached => (8, (0, 0, 0, 0)),
        Refusal::VersionLost { origin, most } => (10, (origin.branch.value().into(), origin.incarnation.0, most, 0)),
        Refusal::ConcernNotReached { concern, reached, needed } => {
            let concern = match concern {
                Concern::Local => 0,
                Concern::Majority => 1,
                Concern::All => 2,
            };
            (9, (concern, reached as u64, needed as u64, 0))
        }
    }
}

/// What a page stands on, and which page it is.
///
/// # Errors
/// A clause that says what makes no sense.
pub(super) fn past(
    (branch, incarnation, from, earlier): (u32, u64, u64, u64),
    sequence: u64,
) -> Result<(Origin, Past), String> {
    let page = origin((branch, incarnation))?;
    Ok((page, Past { from, origin: Origin { incarnation: Incarnation(earlier), ..page }, sequence }))
}

/// # Errors
/// A clause that says what makes no sense.
pub(super) fn answer(
    (client, number): (u64, u64),
    ((kind, account, moved, tag, values), order): (AnswerRow, u64),
) -> Result<Remembered, String> {
    let kind = match kind {
        0 => OperationKind::Deposit,
        1 => OperationKind::Withdraw,
        other => return Err(format!("an answer is to an operation of kind {other}")),
    };
    let operation = Operation { kind, account: AccountId(account), amount: amount(moved)? };
    let outcome = match (tag, values) {
        (0, (branch, incarnation, sequence, balance)) => {
            let branch = u32::try_from(branch).map_err(|_| format!("an answer names branch {branch}"))?;
            Ok(Committed { origin: origin((branch, incarnation))?, sequence, balance: balance as i64 })
        }
        (tag, values) => Err(refusal(tag, values)?),
    };
    Ok(Remembered { request: RequestId { client: ClientId(client), number }, operation, outcome, order })
}

fn refusal(tag: u8, (a, b, c, _): (u64, u64, u64, u64)) -> Result<Refusal, String> {
    let count = |value| usize::try_from(value).map_err(|_| format!("an answer counts {value} branches"));
    let request = RequestId { client: ClientId(a), number: b };
    Ok(match tag {
        1 => Refusal::InvalidAmount { requested: a },
        2 => Refusal::UnknownAccount { account: AccountId(a) },
        3 => Refusal::InsufficientFunds { available: a as i64, requested: amount(b)? },
        4 => Refusal::TotalLimit { total: a, requested: amount(b)? },
        5 => Refusal::RequestConflict { request },
        6 => Refusal::RequestExpired { request },
        7 => Refusal::Overloaded { limit: count(a)? },
        8 => Refusal::VersionNotReached,
        9 => {
            let concern = match a {
                0 => Concern::Local,
                1 => Concern::Majority,
                2 => Concern::All,
                other => return Err(format!("an answer is of concern {other}")),
            };
            Refusal::ConcernNotReached { concern, reached: count(b)?, needed: count(c)? }
        }
        10 => {
            let branch = u32::try_from(a).map_err(|_| format!("an answer names branch {a}"))?;
            Refusal::VersionLost { origin: origin((branch, b))?, most: c }
        }
        other => return Err(format!("an answer is of kind {other}")),
    })
}

fn amount(value: u64) -> Result<Amount, String> {
    Amount::new(value).map_err(|error| error.to_string())
}
