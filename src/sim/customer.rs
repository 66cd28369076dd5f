//! The customers, as they are at a moment: what each is doing, what waits, and what it has seen.

use std::collections::VecDeque;

use super::{Act, Plan, place::CustomerIndex};
use crate::types::{Incarnation, Tried, Version};

/// How long a branch may wait for a version or a concern.
pub(super) const WAIT_US: u64 = 1_000_000;
/// How long a customer waits for the answer to one try.
pub(super) const PATIENCE_US: u64 = WAIT_US + 200_000;
/// How often it tries.
pub(super) const TRIES: u32 = 5;

/// What a customer is doing.
#[derive(Debug)]
pub(super) struct Doing {
    pub(super) step: usize,
    /// The name of the request; `None`: it has none.
    pub(super) number: Option<u64>,
    /// Counts the operations of all customers.
    pub(super) id: u64,
    pub(super) tries: u32,
    /// Whether its name was asked for before.
    pub(super) again: bool,
    /// Where it was tried before, as far as its customer knows.
    pub(super) tried: Tried,
    /// The life that this try goes to.
    pub(super) life: Option<Incarnation>,
    /// What its customer had seen when it asked first.
    pub(super) at_least: Version,
}

#[derive(Debug)]
pub(super) struct Customer {
    pub(super) id: u32,
    pub(super) doing: Vec<Doing>,
    pub(super) waiting: VecDeque<usize>,
    /// What it has seen.
    pub(super) seen: Version,
    pub(super) last_number: u64,
    /// The last write that has a name.
    pub(super) last_write: Option<Named>,
}

/// A write with a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) number: u64,
    pub(super) branch: u32,
    pub(super) act: Act,
    pub(super) account: u32,
    /// Whether its customer was told that it is done.
    pub(super) is_done: bool,
}

#[derive(Debug)]
pub(super) struct Customers {
    pub(super) all: Vec<Customer>,
    pub(super) last_id: u64,
    /// Operations that came to an end.
    pub(super) done: usize,
}

impl Customers {
    /// The customers of a plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut ids: Vec<u32> = plan.operations.iter().map(|step| step.customer).collect();
        ids.sort_unstable();
        ids.dedup();
        let waiting = VecDeque::new;
        let customer = |id| Customer {
            id,
            doing: Vec::new(),
            waiting: waiting(),
            seen: Version::EMPTY,
            last_number: 0,
            last_write: None,
        };
        Self { all: ids.into_iter().map(customer).collect(), last_id: 0, done: 0 }
    }

    pub(super) fn find(&self, id: u32) -> Option<CustomerIndex> {
        self.all.binary_search_by_key(&id, |customer| customer.id).ok()
    }

    pub(super) fn id(&self, customer: CustomerIndex) -> u32 {
        self.all[customer].id
    }

    /// A customer that waits.
    pub(super) fn waiting(&self) -> Option<CustomerIndex> {
        self.all.iter().position(|customer| !customer.doing.is_empty())
    }

    /// What a customer is doing, if it is still doing that.
    pub(super) fn doing(&self, customer: CustomerIndex, id: u64) -> Option<&Doing> {
        self.all[customer].doing.iter().find(|doing| doing.id == id)
    }

    /// Which try of an operation is under way, if any is.
    pub(super) fn attempt(&self, customer: CustomerIndex, id: u64) -> Option<u32> {
        self.doing(customer, id).map(|doing| doing.tries)
    }

    /// How long the longest queue may take.
    pub(super) fn patience(&self) -> u64 {
        let longest = self.all.iter().map(|customer| customer.waiting.len() as u64 + 1).max().unwrap_or(0);
        longest * u64::from(TRIES) * PATIENCE_US
    }
}
