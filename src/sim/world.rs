//! The world of one simulation: branches, links and customers in virtual time. Nothing happens but by
//! an event, and everything random comes from the plan's seed, so a plan has one run.

use std::{collections::BTreeMap, ops::ControlFlow};

use fastrand::Rng;

use super::{
    Bug, Counts, Outcome, Plan, Record, Violation,
    customers::{CustomerIndex, Customers},
    links::{Edge, Side},
    node::Node,
    queue::{Line, Queue},
};
use crate::{
    check::{self, History},
    record::Recorder,
    replica::{Input, Output, PeerMessage, Replica, Save},
    topology::{Shape, Topology},
    trace::{Mark, Room},
    types::{AccountId, Answer, BranchId, Propagation, Time, Version},
};

/// How often a healed bank is looked at.
const LOOK_EVERY_US: u64 = 20_000;

/// The patience with a healed bank beyond what repairs take by design.
const PATIENCE_US: u64 = 60_000_000;

/// Nodes are counted from 0; branch n is node n - 1.
pub(super) type NodeIndex = usize;

/// Everything that can come up.
#[derive(Debug)]
pub(super) enum Event {
    /// An operation of the plan is due.
    Due(usize),
    /// A request reaches a branch.
    Arrive { customer: CustomerIndex, number: u64, attempt: u32 },
    /// An answer reaches a customer.
    Answered { customer: CustomerIndex, number: u64, answer: Answer },
    /// A customer has waited long enough for an attempt.
    Impatient { customer: CustomerIndex, number: u64, attempt: u32 },
    /// A message reaches a branch.
    Deliver(Box<Parcel>),
    /// A branch's deadline.
    Tick { node: NodeIndex, life: u64 },
    /// A save is on disk.
    Saved { node: NodeIndex, life: u64, save: Box<Save> },
    /// An end of a link hears that its session is over.
    Noticed { edge: usize, side: Side, session: u64 },
    /// A link that is down is tried again.
    Redial { edge: usize, session: u64 },
    /// A fault begins.
    Strike(usize),
    /// A fault ends.
    Lift(usize),
    /// What a planted bug tells the other branches behind the replica's back.
    Whisper { node: NodeIndex, account: AccountId, change: i64 },
    /// All faults have lifted: is the bank settled?
    Look,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) edge: usize,
    /// The end that it goes to.
    pub(super) to: Side,
    pub(super) session: u64,
    pub(super) message: PeerMessage,
    /// The sender's balances, for a planted bug.
    pub(super) balances: Option<BTreeMap<AccountId, i64>>,
    /// For the trace.
    pub(super) mark: Option<Mark>,
}

pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) now: Time,
    pub(super) rng: Rng,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    pub(super) customers: Customers,
    pub(super) counts: Counts,
    pub(super) violations: Vec<Violation>,
    pub(super) history: History,
    queue: Queue,
    /// Lists that were emptied, to be filled again.
    spare: Vec<Vec<Output>>,
    /// The share of messages that faults lose, beyond the network's own.
    pub(super) extra_loss: f64,
    pub(super) healed: bool,
    healed_at: Time,
    give_up_at: Time,
    settled_at: Option<Time>,
    invariants_every: u64,
    stepped: u64,
}

/// Runs a plan that has been checked.
pub(super) fn run(plan: &Plan, record: Record, progress: &mut dyn FnMut(usize) -> ControlFlow<()>) -> Outcome {
    let mut world = World::new(plan, record);
    world.start();
    while let Some((at, event)) = world.queue.pop() {
        world.now = Time(at);
        world.counts.events += 1;
        world.happen(event);
        if world.counts.events & 0xfff == 0 && progress(world.customers.done).is_break() {
            break;
        }
        if world.settled_at.is_some() || world.is_over() {
            break;
        }
    }
    world.end()
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, record: Record) -> Self {
        let branches = (1..=plan.branches).filter_map(BranchId::new).collect();
        let propagation = plan.propagation.parse().unwrap_or_default();
        let shape =
            if propagation == Propagation::Unary { Shape::Mesh } else { plan.topology.parse().unwrap_or_default() };
        let topology = Topology::new(shape, &branches);
        let accounts: BTreeMap<_, _> =
            plan.openings.iter().enumerate().map(|(id, &opening)| (AccountId(id as u64), opening)).collect();
        let mut edges = Vec::new();
        let mut nodes: Vec<Node> = branches
            .iter()
            .map(|&branch| Node::new(branch, plan, &branches, &accounts, propagation, topology.links(branch)))
            .collect();
        for low in 0..nodes.len() {
            let peers: Vec<BranchId> = nodes[low].peers().collect();
            for peer in peers {
                let high = index(peer);
                if low < high {
                    nodes[low].links.insert(peer, (edges.len(), Side::Low));
                    let own = nodes[low].branch;
                    nodes[high].links.insert(own, (edges.len(), Side::High));
                    edges.push(Edge::new(low, high));
                }
            }
        }
        if record.trace_capacity > 0 {
            let room = Room::new(record.trace_capacity);
            for node in &mut nodes {
                node.recorder = Some(Recorder::new(node.branch, &branches, room.clone()));
                node.replica.iter_mut().for_each(Replica::watch);
            }
        }
        // A whole page of every branch at every branch is looked at: too much for every step of a
        // large bank, so that it is spread there.
        let invariants_every = (u64::from(plan.branches) * plan.openings.len() as u64).pow(2).div_ceil(512).max(1);
        Self {
            plan,
            now: Time(0),
            rng: Rng::with_seed(plan.seed),
            nodes,
            edges,
            customers: Customers::of(plan),
            counts: Counts::default(),
            violations: Vec::new(),
            history: History {
                branches: if record.history { branches } else { Default::default() },
                accounts,
                events: Vec::new(),
            },
            queue: Queue::default(),
            spare: Vec::new(),
            extra_loss: 0.0,
            healed: false,
            healed_at: Time(0),
            give_up_at: Time(u64::MAX),
            settled_at: None,
            invariants_every,
            stepped: 0,
        }
    }

    fn start(&mut self) {
        for edge in 0..self.edges.len() {
            self.join(edge);
        }
        for (position, fault) in self.plan.faults.iter().enumerate() {
            self.foresee(fault.at_us, Event::Strike(position));
            self.foresee(fault.at_us + fault.for_us, Event::Lift(position));
        }
        for (position, step) in self.plan.operations.iter().enumerate() {
            self.queue.foresee_in(Line::Plan, step.at_us, Event::Due(position));
        }
        let faults = self.plan.faults.iter().map(|fault| fault.at_us + fault.for_us);
        let last = faults.chain(self.plan.operations.iter().map(|step| step.at_us)).max().unwrap_or(0);
        self.foresee(last, Event::Look);
    }

    /// Lets an event come up at a time.
    pub(super) fn foresee(&mut self, at_us: u64, event: Event) {
        self.queue.foresee(at_us.max(self.now.0), event);
    }

    /// Lets an event come up after a while.
    pub(super) fn after(&mut self, wait_us: u64, event: Event) {
        self.foresee(self.now.0.saturating_add(wait_us), event);
    }

    /// Lets a customer's patience end.
    pub(super) fn lose_patience_after(&mut self, wait_us: u64, event: Event) {
        self.queue.foresee_in(Line::Patience, self.now.0.saturating_add(wait_us), event);
    }

    fn happen(&mut self, event: Event) {
        if let Some(resumes) = self.sleeps(&event) {
            return self.foresee(resumes, event);
        }
        match event {
            Event::Due(step) => self.due(step),
            Event::Arrive { customer, number, attempt } => self.arrive(customer, number, attempt),
            Event::Answered { customer, number, answer } => self.answered(customer, number, answer),
            Event::Impatient { customer, number, attempt } => self.impatient(customer, number, attempt),
            Event::Deliver(parcel) => self.deliver(*parcel),
            Event::Tick { node, life } => self.tick(node, life),
            Event::Saved { node, life, save } => self.saved(node, life, &save),
            Event::Noticed { edge, side, session } => self.noticed(edge, side, session),
            Event::Redial { edge, session } => self.redial(edge, session),
            Event::Strike(fault) => self.strike(fault),
            Event::Lift(fault) => self.lift(fault),
            Event::Whisper { node, account, change } => *self.nodes[node].offsets.entry(account).or_default() += change,
            Event::Look => self.look(),
        }
    }

    /// When the branch that an event is for goes on, if it is paused.
    fn sleeps(&self, event: &Event) -> Option<u64> {
        let node = match event {
            Event::Deliver(parcel) => self.edges[parcel.edge].node(parcel.to),
            Event::Tick { node, .. } | Event::Saved { node, .. } => *node,
            Event::Arrive { customer, .. } => self.customers.place(*customer)?,
            Event::Due(_)
            | Event::Answered { .. }
            | Event::Impatient { .. }
            | Event::Noticed { .. }
            | Event::Redial { .. }
            | Event::Strike(_)
            | Event::Lift(_)
            | Event::Whisper { .. }
            | Event::Look => return None,
        };
        self.nodes[node].paused_until.filter(|&until| until > self.now.0)
    }

    /// Whether enough is wrong. Of a planted bug, more than what a replica notices is to be seen.
    fn is_over(&self) -> bool {
        let is_noticed = |violation: &Violation| matches!(violation, Violation::Refused { .. });
        !self.violations.is_empty() && (self.plan.bug.is_none() || !self.violations.iter().all(is_noticed))
    }

    fn look(&mut self) {
        if !self.healed {
            self.healed = true;
            self.healed_at = self.now;
            let degree = self.nodes.iter().map(|node| node.links.len() as u64).max().unwrap_or(0);
            let repair = 100_000 * degree + 5_000 * u64::from(self.plan.branches);
            self.give_up_at = Time(self.now.0 + PATIENCE_US + 5 * repair + self.customers.patience());
        }
        if self.is_settled() {
            self.settled_at = Some(self.now);
        } else if self.now >= self.give_up_at {
            let reason = self.unsettled();
            self.violations.push(Violation::NotSettled { healed_at: self.healed_at, at: self.now, reason });
        } else {
            self.after(LOOK_EVERY_US, Event::Look);
        }
    }

    /// Whether nobody waits and every branch has everything.
    fn is_settled(&self) -> bool {
        let Some(Some(first)) = self.nodes.first().map(|node| node.replica.as_ref()) else { return false };
        let has_all = |replica: &Replica| replica.operations() == first.operations();
        self.customers.waiting().is_none()
            // The counts say quickly that something is missing; that nothing is, only the versions can.
            && self.nodes.iter().all(|node| node.replica.as_ref().is_some_and(has_all))
            && self.nodes.iter().all(|node| node.replica.as_ref().is_some_and(|replica| replica.version() == first.version()))
    }

    /// What the bank still waits for.
    fn unsettled(&self) -> String {
        if let Some(customer) = self.customers.waiting() {
            let customer = self.customers.id(customer);
            return format!("customer {customer} still waits for an answer");
        }
        let version = |node: &Node| node.replica.as_ref().map(Replica::version);
        let mut all = Version::EMPTY;
        self.nodes.iter().filter_map(version).for_each(|version| all.join(&version));
        let lack = self.nodes.iter().find_map(|node| match version(node) {
            None => Some(format!("branch {} is down", node.branch)),
            Some(version) => {
                let (origin, sequence) = all.iter().find(|&(origin, sequence)| version.sequence(origin) < sequence)?;
                let known = version.sequence(origin);
                Some(format!("branch {} has {known} of {sequence} operations of branch {origin}", node.branch))
            }
        });
        lack.unwrap_or_else(|| "the branches differ".to_owned())
    }

    /// One step of a branch's replica, and all that follows from it.
    pub(super) fn step(&mut self, node: NodeIndex, input: Input) {
        let now = self.now;
        let Node { replica: Some(replica), recorder, .. } = &mut self.nodes[node] else { return };
        let mut outputs = self.spare.pop().unwrap_or_default();
        if let (Input::Request(request), Some(recorder)) = (&input, recorder) {
            recorder.asked(now, request);
        }
        replica.step(now, input, &mut outputs);
        self.record_news(node);
        self.follow(node, &mut outputs);
        self.spare.push(outputs);
    }

    pub(super) fn check_invariants(&mut self, node: NodeIndex) {
        self.stepped += 1;
        if self.stepped.is_multiple_of(self.invariants_every) {
            self.check_invariants_now(node);
        }
    }

    fn check_invariants_now(&mut self, node: NodeIndex) {
        let Node { replica: Some(replica), branch, .. } = &self.nodes[node] else { return };
        if let Err(reason) = replica.invariants() {
            self.violations.push(Violation::Invariant { branch: *branch, at: self.now, reason });
        }
    }

    /// Sees to it that a branch wakes at its next deadline.
    pub(super) fn arm(&mut self, node: NodeIndex) {
        let Node { replica: Some(replica), life, alarm, .. } = &mut self.nodes[node] else { return };
        if let Some(due) = replica.next_deadline()
            && alarm.is_none_or(|alarm| due < alarm)
        {
            *alarm = Some(due);
            let life = *life;
            self.foresee(due.0, Event::Tick { node, life });
        }
    }

    fn tick(&mut self, node: NodeIndex, life: u64) {
        if self.nodes[node].life != life {
            return;
        }
        if self.nodes[node].alarm.is_some_and(|alarm| alarm <= self.now) {
            self.nodes[node].alarm = None;
        }
        let due = self.nodes[node].replica.as_ref().and_then(|replica| replica.next_deadline());
        if due.is_some_and(|due| due <= self.now) {
            self.step(node, Input::Tick);
        }
        self.arm(node);
    }

    pub(super) fn has_bug(&self, bug: Bug) -> bool {
        self.plan.bug == Some(bug)
    }

    pub(super) fn note(&mut self, kind: impl FnOnce() -> check::Kind) {
        if !self.history.branches.is_empty() {
            self.history.events.push(check::Event { at: self.now, kind: kind() });
        }
    }

    fn end(mut self) -> Outcome {
        for node in 0..self.nodes.len() {
            self.check_invariants_now(node);
            let Some(replica) = &self.nodes[node].replica else { continue };
            if self.settled_at.is_some() {
                let (branch, version) = (self.nodes[node].branch, Some(replica.full_version()));
                let balances = self.nodes[node].told(replica.balances());
                self.note(|| check::Kind::Final { branch, balances, version });
            }
        }
        Outcome {
            trace: self.trace(),
            counts: self.counts,
            healed_at: self.healed_at,
            settled_at: self.settled_at,
            violations: self.violations,
            history: self.history,
        }
    }
}

pub(super) fn index(branch: BranchId) -> NodeIndex {
    branch.value() as usize - 1
}
