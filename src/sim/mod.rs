//! Deterministic simulation: the same replica that serves, in virtual time, under faults that a seed
//! draws (as FoundationDB and TigerBeetle test theirs). A run has a phase of faults, then every fault
//! lifts and the bank must settle; then the checkers judge what the customers saw.

mod bug;
mod call;
mod calls;
mod choice;
mod customer;
mod customers;
mod disk;
mod draw;
mod event;
mod extras;
mod faults;
mod fields;
mod follow;
mod gallery;
mod kind;
mod latency;
mod link;
mod links;
mod lives;
mod node;
mod outcome;
mod place;
mod plan;
mod queue;
mod record;
mod recording;
mod run;
mod settle;
mod shrink;
mod tamper;
mod totals;
mod trouble;
mod world;

pub use bug::Bug;
pub use choice::{Choice, PlanPropagation};
pub use gallery::Lesson;
pub use kind::FaultKind;
pub use latency::Latency;
pub use outcome::{Counts, Outcome, Violation};
pub use plan::{
    Act, Calls, DiskPlan, MAX_ACCOUNTS, MAX_BRANCHES, MAX_OPERATIONS, MAX_TIME_US, Memory, Name, Network, Plan, Step,
    Strays,
};
pub use record::Record;
pub use run::{Judgement, judge, quietly, simulate};
pub use shrink::{Shrunk, shrink};
pub use trouble::{Fault, Trouble};
