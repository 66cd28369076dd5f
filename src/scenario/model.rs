//! What an input file asks for: the branches of one bank, and customers who act one after another.

use crate::types::{Amount, BranchId, words};

/// One run of the course's project 1.
///
/// Invariant, when it comes from [`Scenario::parse`]: there is a branch, no branch is named twice,
/// every customer's branch is among them, and no balance or total of the run is out of bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// In file order.
    pub branches: Vec<BranchId>,
    /// What every branch starts with: 0 to [`crate::types::MAX_OPENING`].
    pub opening: i64,
    /// In file order, one a record: two records with one id stay two.
    pub customers: Vec<CustomerRecord>,
}

impl Scenario {
    /// The events of all records.
    pub fn event_count(&self) -> usize {
        self.customers.iter().map(|customer| customer.events.len()).sum()
    }
}

/// One customer record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomerRecord {
    /// As the file has it; not unique.
    pub id: u64,
    /// The one branch that this customer talks to: the branch of the same id.
    pub branch: BranchId,
    /// In the order in which they run.
    pub events: Vec<Event>,
}

/// One thing that a customer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// As the file has it, if it does: neither unique nor ordered.
    pub id: Option<i64>,
    /// What is asked.
    pub action: Action,
}

/// The three interfaces of a branch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Read the balance.
    Query,
    /// Put money in.
    Deposit(Amount),
    /// Take money out, if there is enough.
    Withdraw(Amount),
}

impl Action {
    /// Every interface's name, as files spell it.
    pub(super) const INTERFACES: [&'static str; 3] = ["query", "deposit", "withdraw"];

    /// The interface's name, as files spell it.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Deposit(_) => "deposit",
            Self::Withdraw(_) => "withdraw",
        }
    }
}

/// In which order the events of one record run. Records always run in file order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Order {
    /// As they stand in the file.
    #[default]
    File,
    /// By event id, events of one id as they stand in the file. Every event must have an id.
    Id,
}

words!(Order, "order": File = "file", Id = "id");
