//! A plan: everything that a simulation does, as data. The seed draws one; a file can hold one; a
//! failing one is shrunk to a smaller one. The same plan gives the same run, byte for byte.

use serde::{Deserialize, Serialize};

use super::{Bug, Fault, Latency, Trouble, fields};
use crate::{
    topology::Shape,
    types::{Concern, Duration, Propagation},
};

/// The most branches of a plan.
pub const MAX_BRANCHES: u32 = 8_000;
/// The most operations of a plan.
pub const MAX_OPERATIONS: usize = 100_000_000;

/// The most requests that one customer has under way.
const MAX_WINDOW: u32 = 1 << 20;

/// The most accounts of a plan.
pub const MAX_ACCOUNTS: usize = 1 << 20;

/// A bank, what its customers do, and what befalls it. Times are microseconds of virtual time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Draws what the plan leaves open: each message's latency and fate.
    pub seed: u64,
    /// Branches 1 to this.
    pub branches: u32,
    /// Each account's opening balance; accounts are numbered from 0.
    pub openings: Vec<i64>,
    /// How the branches are linked. Unary propagation is always a mesh.
    pub topology: Shape,
    /// How they tell each other.
    pub propagation: Propagation,
    /// How messages travel.
    pub network: Network,
    /// Whether branches have disks; without, a branch that restarts has lost its data.
    pub disk: Option<DiskPlan>,
    /// How many requests a customer may have under way at once; what comes due beyond that waits.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub window: u32,
    /// Whether a customer who tries again names the life of the branch in which it tried before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub names_life: bool,
    /// How much of its customers a branch remembers; `None`: as much as one that serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Unary propagation as the server does it: by calls, without sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<Calls>,
    /// A planted bug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bug: Option<Bug>,
    /// What befalls the bank.
    pub faults: Vec<Fault>,
    /// What the customers do, in the order of time.
    pub operations: Vec<Step>,
}

/// How messages travel.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The time a message takes.
    pub latency: Latency,
    /// True: messages between two branches stay in order, and a lost one breaks the session, as on a
    /// gRPC stream. False: each goes its own way, as a datagram.
    pub ordered: bool,
    /// The share of messages that are lost, 0 to 1.
    pub loss: f64,
    /// The share of messages that arrive twice (unordered networks only).
    pub duplication: f64,
    /// The share of customers' requests and answers that are lost.
    pub customer_loss: f64,
    /// Copies of customers' requests that go astray.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strays: Option<Strays>,
}

/// Copies of customers' requests that come late: after the request itself, its answer, or the end of its
/// customer's patience. They reach the process that they were sent to, or nobody.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strays {
    /// The share of requests of which there is one.
    pub share: f64,
    /// How late it comes at most.
    pub within_us: u64,
}

/// A small table of requests, so that few of them fill it: see [`crate::replica::Memory`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// How many clients a branch remembers.
    pub clients: usize,
    /// How many answers it remembers, of all of them together.
    pub answers: usize,
    /// How long it remembers a client at least: longer than any request is late, or that one counts again.
    pub client_for_us: u64,
}

impl From<Memory> for crate::replica::Memory {
    fn from(memory: Memory) -> Self {
        Self { answers: memory.answers, clients: memory.clients, client_for: Duration(memory.client_for_us) }
    }
}

/// How branches that propagate by calls make them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// Plain branches: they have no status to ask for, and send operations without what repairs them.
    pub plain: Vec<u32>,
}

/// How disks behave.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskPlan {
    /// The least and the most time of one save.
    pub save_us: (u64, u64),
    /// A buffered disk: the system writes out what is this old, and a machine that fails loses the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flush_us: Option<u64>,
}

/// One operation of one customer. A customer does so many at a time as the plan's window says: what comes
/// due before there is room waits.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it is due.
    pub at_us: u64,
    /// Whose it is.
    pub customer: u32,
    /// Where.
    pub branch: u32,
    /// On which account.
    pub account: u32,
    /// What is to be done.
    pub act: Act,
    /// How many replicas must have it.
    #[serde(default, skip_serializing_if = "is_local")]
    pub concern: Concern,
    /// Whether the branch must have seen what this customer has seen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub session: bool,
    /// Under which name it is asked for, if it is a write.
    #[serde(default, skip_serializing_if = "is_new")]
    pub name: Name,
}

/// The name of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// One of its own.
    #[default]
    New,
    /// None: it would count again, so that its customer tries once.
    Nothing,
    /// That of the customer's last write, if that was at the same branch: a request that is made twice.
    Last,
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Puts money in.
    Deposit(u64),
    /// Takes money out.
    Withdraw(u64),
    /// Reads the balance; true: and the version.
    Query(bool),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it a reference")]
fn is_new(name: &Name) -> bool {
    *name == Name::New
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it a reference")]
fn is_one(window: &u32) -> bool {
    *window == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it a reference")]
fn is_local(concern: &Concern) -> bool {
    *concern == Concern::Local
}

impl Plan {
    /// The plan as a JSON document.
    ///
    /// # Errors
    /// Never for a plan that was drawn; a share that is not a number cannot be written.
    pub fn to_json(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// A sentence that says where and what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plan: Self = fields::read(text).map_err(|error| format!("this is no plan: {error}"))?;
        plan.check()?;
        Ok(plan)
    }

    /// Holds every number against the bank.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would be right.
    pub fn check(&self) -> Result<(), String> {
        let within = |what: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("{what} is {value}: give {least} to {most}"))
            }
        };
        within("branches", self.branches.into(), 1, MAX_BRANCHES.into())?;
        within("the number of openings", self.openings.len() as u64, 1, MAX_ACCOUNTS as u64)?;
        within("the number of operations", self.operations.len() as u64, 0, MAX_OPERATIONS as u64)?;
        for &opening in &self.openings {
            if !(0..=crate::types::MAX_OPENING).contains(&opening) {
                return Err(format!("an opening is {opening}: give 0 to {}", crate::types::MAX_OPENING));
            }
        }
        self.network.check()?;
        within("window", self.window.into(), 1, MAX_WINDOW.into())?;
        if let Some(DiskPlan { save_us: (least, most), flush_us }) = self.disk {
            within("save_us", least, 0, most.min(MAX_TIME_US))?;
            within("flush_us", flush_us.unwrap_or(0), 0, MAX_TIME_US)?;
        }
        if let Some(memory) = self.memory {
            within("memory.clients", memory.clients as u64, 1, 1 << 20)?;
            within("memory.answers", memory.answers as u64, 1, 1 << 20)?;
            within("memory.client_for_us", memory.client_for_us, 0, MAX_TIME_US)?;
        }
        if let Some(calls) = &self.calls {
            if self.propagation != Propagation::Unary {
                return Err(format!("calls are for unary propagation, and this plan's is {}", self.propagation));
            }
            if let Some(bug) = self.bug {
                return Err(format!("the bug {bug} acts on sessions: plant it in a plan without calls"));
            }
            for &branch in &calls.plain {
                within("a plain branch", branch.into(), 1, self.branches.into())?;
            }
        }
        for fault in &self.faults {
            within("a fault's at_us", fault.at_us, 0, MAX_TIME_US)?;
            within("a fault's for_us", fault.for_us, 0, MAX_TIME_US)?;
            for &branch in fault.what.branches() {
                within("a fault's branch", branch.into(), 1, self.branches.into())?;
            }
            match fault.what {
                Trouble::Loss { share: value } => share("a fault's share", value)?,
                Trouble::Slow { factor, .. } => within("a fault's factor", factor.into(), 1, 1_000_000)?,
                Trouble::Partition { .. }
                | Trouble::Crash { .. }
                | Trouble::Pause { .. }
                | Trouble::Restore { .. }
                | Trouble::Clone { .. }
                | Trouble::DiskLoss { .. }
                | Trouble::PowerFailure { .. }
                | Trouble::DiskFailure { .. } => {}
            }
        }
        for step in &self.operations {
            within("an operation's at_us", step.at_us, 0, MAX_TIME_US)?;
            within("an operation's branch", step.branch.into(), 1, self.branches.into())?;
        }
        Ok(())
    }
}

/// The latest time of a plan: a year.
pub const MAX_TIME_US: u64 = 366 * 24 * 3_600 * 1_000_000;

fn share(what: &str, value: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(format!("{what} is {value}: give 0 to 1")) }
}

impl Network {
    fn check(&self) -> Result<(), String> {
        share("loss", self.loss)?;
        share("duplication", self.duplication)?;
        share("customer_loss", self.customer_loss)?;
        if let Some(Strays { share: value, within_us }) = self.strays {
            share("the share of strays", value)?;
            if within_us > MAX_TIME_US {
                return Err(format!("within_us is {within_us}: write 0 to {MAX_TIME_US}"));
            }
        }
        self.latency.check()
    }
}
