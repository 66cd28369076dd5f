//! What of a plan is given before a seed draws it.

use super::{
    Bug, FaultKind, Latency,
    plan::{MAX_ACCOUNTS, MAX_BRANCHES, MAX_OPERATIONS, MAX_TIME_US},
};
use crate::{
    topology::Shape,
    types::{Concern, Propagation, words},
};

/// How the branches of a plan tell each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlanPropagation {
    /// By streams.
    Stream,
    /// One operation a message, in sessions.
    Unary,
    /// The same as the server does it: by calls, without sessions.
    Calls,
}

words!(PlanPropagation, "propagation": Stream = "stream", Unary = "unary", Calls = "calls");

impl PlanPropagation {
    /// What it is until calls are added.
    pub(super) fn of_sessions(self) -> Propagation {
        match self {
            Self::Stream | Self::Calls => Propagation::Stream,
            Self::Unary => Propagation::Unary,
        }
    }
}

/// What is given; the seed draws the rest.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Choice {
    /// How many branches. Drawn: 1 to 50, mostly few.
    pub branches: Option<u32>,
    /// How many operations. Drawn: 50 to 400.
    pub operations: Option<usize>,
    /// How many accounts. Drawn: 1 to 8.
    pub accounts: Option<usize>,
    /// Each account's opening balance. Drawn: 0 to 1,000.
    pub opening: Option<i64>,
    /// Latencies.
    pub latency: Option<Latency>,
    /// How the branches are linked.
    pub topology: Option<Shape>,
    /// How they tell each other.
    pub propagation: Option<PlanPropagation>,
    /// The concern of every write. Drawn: local, or a mix.
    pub concern: Option<Concern>,
    /// Whether customers read what they wrote, wherever they go. Drawn: some, sometimes.
    pub sessions: Option<bool>,
    /// Whether branches have disks.
    pub durable: Option<bool>,
    /// The kinds of faults that happen, all of them. Drawn: each by a coin.
    pub faults: Option<Vec<FaultKind>>,
    /// Over how much virtual time the operations come. Drawn: 1 to 8 seconds.
    pub duration_us: Option<u64>,
    /// A bug to plant.
    pub bug: Option<Bug>,
}

impl Choice {
    /// Holds what is given against the bounds of plans, before anything is drawn to its size.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let within = |what: &str, value: Option<u64>, least: u64, most: u64| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err(format!("{what} is {value}: give {least} to {most}"))
            }
            Some(_) | None => Ok(()),
        };
        let least = if self.bug.is_some() { 2 } else { 1 };
        within("branches", self.branches.map(u64::from), least, MAX_BRANCHES.into())?;
        within("operations", self.operations.map(|count| count as u64), 1, MAX_OPERATIONS as u64)?;
        within("accounts", self.accounts.map(|count| count as u64), 1, MAX_ACCOUNTS as u64)?;
        within("duration", self.duration_us, 1, MAX_TIME_US)
    }
}
