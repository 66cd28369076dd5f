//! The end of a simulation: every fault has lifted, and the bank must settle, within a patience that knows how
//! long messages take.

use super::{Violation, event::Event, node::Node, place::NodeIndex, world::World};
use crate::{
    replica::Replica,
    types::{Propagation, Time, Version},
};

/// How often a healed bank is looked at: after a while, only once in so many parts of the time gone by.
const LOOK_EVERY_US: u64 = 20_000;
const LOOKS: u64 = 10_000;

/// The patience with a healed bank beyond what repairs take by design.
const PATIENCE_US: u64 = 60_000_000;

/// How many messages follow each other until a bank has settled, at most: greetings that are sent again after
/// up to 32 times the usual latency, repairs, and as much again.
const TRIPS: u64 = 128;
/// And for each branch that news passes.
const TRIPS_A_BRANCH: u64 = 8;
/// And for each operation, if each is a call.
const TRIPS_A_CALL: u64 = 4;

impl World<'_> {
    pub(super) fn look(&mut self) {
        if !self.healed {
            self.healed = true;
            self.healed_at = self.now;
            self.patience_us = self.patience();
        }
        self.let_go();
        if self.is_settled() {
            self.settled_at = Some(self.now);
        } else if self.now >= self.give_up_at() {
            let reason = self.unsettled();
            self.violations.push(Violation::NotSettled { healed_at: self.healed_at, at: self.now, reason });
        } else {
            let wait = LOOK_EVERY_US.max((self.now.0 - self.healed_at.0) / LOOKS);
            self.after(wait, Event::Look);
        }
    }

    /// How long a healed bank may take, beyond what messages take.
    fn patience(&self) -> u64 {
        let degree = self.nodes.iter().map(|node| node.links.len() as u64).max().unwrap_or(0);
        let repair = 100_000 * degree + 5_000 * u64::from(self.plan.branches);
        PATIENCE_US + 5 * repair + self.customers.patience()
    }

    /// When the patience with a healed bank ends. It begins once what was on its way has arrived: on an ordered
    /// network nothing overtakes that.
    fn give_up_at(&self) -> Time {
        let plan = self.plan;
        let calls =
            if plan.propagation == Propagation::Unary { TRIPS_A_CALL * plan.operations.len() as u64 } else { 0 };
        let trips = TRIPS + TRIPS_A_BRANCH * u64::from(plan.branches) + calls;
        let trip = self.longest_us.saturating_add(plan.disk.map_or(0, |disk| disk.save_us.1));
        let arrived = self.healed_at.0.max(self.last_arrival);
        Time(arrived.saturating_add(self.patience_us).saturating_add(trips.saturating_mul(trip)))
    }

    /// The processes that serve branches.
    fn processes(&self) -> impl Iterator<Item = &Node> {
        self.seats.iter().flatten().map(|&node: &NodeIndex| &self.nodes[node])
    }

    /// Whether nobody waits and every branch has everything.
    fn is_settled(&self) -> bool {
        let Some(Some(first)) = self.processes().next().map(|node| node.replica.as_ref()) else { return false };
        let has_all = |replica: &Replica| replica.operations() == first.operations();
        self.customers.waiting().is_none()
            && self.seats.iter().all(|processes| processes.len() == 1)
            // The counts say quickly that something is missing; that nothing is, only the versions can.
            && self.processes().all(|node| node.replica.as_ref().is_some_and(has_all))
            && self.processes().all(|node| node.replica.as_ref().is_some_and(|replica| replica.version() == first.version()))
    }

    /// What the bank still waits for.
    fn unsettled(&self) -> String {
        if let Some(customer) = self.customers.waiting() {
            let customer = self.customers.id(customer);
            return format!("customer {customer} still waits for an answer");
        }
        if let Some(processes) = self.seats.iter().find(|processes| processes.len() > 1) {
            let branch = self.nodes[processes[0]].branch;
            return format!("no peer of branch {branch} has all that the older of its processes has");
        }
        let version = |node: &Node| node.replica.as_ref().map(Replica::version);
        let mut all = Version::EMPTY;
        self.processes().filter_map(version).for_each(|version| all.join(&version));
        let lack = self.processes().find_map(|node| match version(node) {
            None => Some(format!("branch {} is down", node.branch)),
            Some(version) => {
                let (origin, sequence) = all.iter().find(|&(origin, sequence)| version.sequence(origin) < sequence)?;
                let known = version.sequence(origin);
                Some(format!("branch {} has {known} of {sequence} operations of branch {origin}", node.branch))
            }
        });
        lack.unwrap_or_else(|| "the branches differ".to_owned())
    }
}
