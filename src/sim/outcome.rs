//! What came of a simulation.

use std::fmt;

use crate::{
    check::{self, History},
    trace::Trace,
    types::{AccountId, BranchId, Time},
};

/// How much happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Everything that happened to a branch or a customer.
    pub events: u64,
    /// Messages between branches.
    pub messages: u64,
    /// Of these, the lost ones.
    pub lost: u64,
    /// Of these, those that arrived twice.
    pub doubled: u64,
    /// Sessions of links that broke.
    pub breaks: u64,
    /// Branches that were killed.
    pub crashes: u64,
    /// Of these, those that tore the save under way: it is not on disk.
    pub torn: u64,
    /// Other faults.
    pub faults: u64,
    /// Requests that customers tried again.
    pub retries: u64,
    /// Copies of requests that came late.
    pub strays: u64,
    /// Calls that branches made.
    pub calls: u64,
    /// Of these, those without an answer.
    pub failed_calls: u64,
    /// Disks that went back, were lost, or lost their last writes.
    pub set_back: u64,
    /// Second processes of branches.
    pub clones: u64,
}

impl Counts {
    /// Everything that went wrong on purpose.
    pub fn survived(&self) -> u64 {
        self.lost + self.doubled + self.breaks + self.crashes + self.faults
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.messages += other.messages;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.breaks += other.breaks;
        self.crashes += other.crashes;
        self.torn += other.torn;
        self.faults += other.faults;
        self.retries += other.retries;
        self.strays += other.strays;
        self.calls += other.calls;
        self.failed_calls += other.failed_calls;
        self.set_back += other.set_back;
        self.clones += other.clones;
    }
}

/// Something that must never happen.
#[derive(Clone, PartialEq, Debug)]
pub enum Violation {
    /// A replica contradicts itself.
    Invariant {
        /// Which branch.
        branch: BranchId,
        /// When.
        at: Time,
        /// What does not hold.
        reason: String,
    },
    /// A replica refused what an honest peer said.
    Refused {
        /// Which branch.
        branch: BranchId,
        /// By whom it was said.
        peer: BranchId,
        /// When.
        at: Time,
        /// Why it was refused.
        reason: String,
    },
    /// Every fault has lifted long ago, and the branches still differ, or somebody still waits.
    NotSettled {
        /// When the last fault lifted.
        healed_at: Time,
        /// When the patience ended.
        at: Time,
        /// Who lacks what.
        reason: String,
    },
    /// Nothing that was written may be lost, and a settled balance is not the sum of what was written.
    Total {
        /// On which account.
        account: AccountId,
        /// When the bank had settled.
        at: Time,
        /// What it is, and what it must be.
        reason: String,
    },
    /// What the customers saw cannot be.
    Anomaly(check::Anomaly),
}

impl Violation {
    /// A short name of its kind: a shrunk plan must still show the same.
    pub fn kind(&self) -> String {
        match self {
            Self::Invariant { .. } => "invariant".to_owned(),
            Self::Refused { .. } => "refused-peer".to_owned(),
            Self::NotSettled { .. } => "not-settled".to_owned(),
            Self::Total { .. } => "wrong-total".to_owned(),
            Self::Anomaly(anomaly) => anomaly.kind.to_string(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invariant { branch, at, reason } => {
                write!(f, "the replica of branch {branch} contradicts itself at {} ms: {reason}", milliseconds(*at))
            }
            Self::Refused { branch, peer, at, reason } => {
                write!(f, "branch {branch} refuses what branch {peer} says at {} ms: {reason}", milliseconds(*at))
            }
            Self::NotSettled { healed_at, at, reason } => write!(
                f,
                "every fault had lifted at {} ms, and at {} ms {reason}",
                milliseconds(*healed_at),
                milliseconds(*at)
            ),
            Self::Total { account, at, reason } => {
                write!(f, "the bank had settled at {} ms, and on account {account} {reason}", milliseconds(*at))
            }
            Self::Anomaly(anomaly) => anomaly.fmt(f),
        }
    }
}

fn milliseconds(time: Time) -> f64 {
    time.0 as f64 / 1e3
}

/// What came of a simulation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How much happened.
    pub counts: Counts,
    /// When every fault had lifted and every operation had been asked for.
    pub healed_at: Time,
    /// When every branch had everything, and every customer an answer.
    pub settled_at: Option<Time>,
    /// What the replicas themselves showed.
    pub violations: Vec<Violation>,
    /// What the customers saw.
    pub history: History,
    /// What happened at the branches, if a trace was asked for.
    pub trace: Trace,
}
