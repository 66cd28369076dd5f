//! The form of a history's lines, as JSON has it: a field that is not here is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::types::{Concern, Origin, words};

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) bank: Bank,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bank {
    pub(super) branches: BTreeSet<u32>,
    pub(super) accounts: BTreeMap<u64, i64>,
}

/// Every other line. (What is flattened cannot refuse unknown fields; what is in it does.)
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) at: u64,
    #[serde(flatten)]
    pub(super) what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum What {
    Invoke(Ask),
    Ok(Done),
    Refused(Refused),
    Unknown(Unanswered),
    Restarted(Back),
    Doubled(Twice),
    Fault(Fault),
    Lifted(Over),
    Final(End),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    pub(super) id: u64,
    pub(super) client: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<u64>,
    pub(super) branch: u32,
    pub(super) action: ActionName,
    #[serde(default)]
    pub(super) account: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) amount: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) concern: Option<Concern>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) at_least: BTreeMap<Origin, u64>,
}

/// What a customer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ActionName {
    Query,
    Deposit,
    Withdraw,
}

words!(ActionName, "action": Query = "query", Deposit = "deposit", Withdraw = "withdraw");

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Done {
    pub(super) id: u64,
    pub(super) balance: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Origin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<BTreeMap<Origin, u64>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) reason: Reason,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unanswered {
    pub(super) id: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Back {
    pub(super) branch: u32,
    pub(super) kept: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) fault: u64,
    pub(super) what: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Twice {
    pub(super) branch: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Over {
    pub(super) fault: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) branch: u32,
    pub(super) balances: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<BTreeMap<Origin, u64>>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Reason {
    InvalidAmount { requested: u64 },
    UnknownAccount { account: u64 },
    InsufficientFunds { available: i64, requested: u64 },
    TotalLimit { total: u64, requested: u64 },
    RequestConflict { client: u64, number: u64 },
    RequestExpired { client: u64, number: u64 },
    Overloaded { limit: usize },
    // With braces, since a variant without takes any field.
    VersionNotReached {},
    VersionLost { origin: Origin, most: u64 },
    ConcernNotReached { concern: Concern, reached: usize, needed: usize },
}
