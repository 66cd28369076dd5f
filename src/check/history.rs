//! What customers asked and were told, as they saw it: the only thing a checker knows.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{AccountId, Action, Answer, BranchId, Concern, Time, Version};

/// A bank, and everything that its customers asked and were told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    /// Every branch of the bank.
    pub branches: BTreeSet<BranchId>,
    /// The accounts and their opening balances.
    pub accounts: BTreeMap<AccountId, i64>,
    /// What happened, in the order of time; events of one time in the order in which they happened.
    pub events: Vec<Event>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When, in microseconds since the run began.
    pub at: Time,
    /// What.
    pub kind: Kind,
}

/// What can happen in a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A customer asks.
    Invoked(Invocation),
    /// A customer is told, or gives up. An invocation without a completion counts as unknown.
    Completed {
        /// Which invocation.
        id: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// A branch came back: its process of before has ended.
    Restarted {
        /// Which.
        branch: BranchId,
        /// Whether it came back with its data. Without, or with an older copy, what only it had is gone,
        /// rightly.
        kept: bool,
    },
    /// Two processes serve a branch at the same time, from now on or some time before: from copies of its
    /// directory, or one of a life that was taken for dead. Either may answer, so it is held to nothing that
    /// another of its answers has shown.
    Doubled {
        /// Which branch.
        branch: BranchId,
    },
    /// A fault begins. Nothing is judged by it: it says under what the history came about.
    Struck {
        /// Which: unique in the history.
        fault: u64,
        /// What it is, for people.
        what: String,
    },
    /// A fault is over. One that never is lasts to the end.
    Lifted {
        /// Which.
        fault: u64,
    },
    /// A branch's state after everything has settled: no request is under way, nothing is lost any
    /// more, and the branches had the time to tell each other.
    Final {
        /// Which branch.
        branch: BranchId,
        /// Its balances.
        balances: BTreeMap<AccountId, i64>,
        /// Its version, if it was asked.
        version: Option<Version>,
    },
}

/// One request of one customer. Tries under the same name that the customer's library makes by
/// itself are part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invocation {
    /// Unique in the history.
    pub id: u64,
    /// Which customer; one that does much at once has several names.
    pub client: u64,
    /// The customer's number for the request. Two invocations with the same client, number and branch
    /// are one request asked twice, and count once. `None`: each counts.
    pub request: Option<u64>,
    /// Where.
    pub branch: BranchId,
    /// What is asked for.
    pub action: Action,
    /// How many replicas must have the write before it is answered.
    pub concern: Concern,
    /// What the branch must have seen before it decides.
    pub at_least: Version,
}

/// What came of an invocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The branch answered. A definite refusal says that nothing happened; an indefinite one leaves it
    /// open (see [`crate::types::Refusal::is_definite`]).
    Answered(Answer),
    /// Nobody knows: a deadline passed, or a connection broke.
    Unknown,
}
