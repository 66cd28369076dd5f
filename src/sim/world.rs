//! The world of one simulation: branches, links and customers in virtual time. Nothing happens but by
//! an event, and everything random comes from the plan's seed, so a plan has one run.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use fastrand::Rng;

use super::{
    Bug, Counts, Outcome, Plan, Record, Violation,
    customer::Customers,
    disk::MemoryDisk,
    event::Event,
    link::Edge,
    node::Node,
    place::{BranchIndex, NodeIndex, Side, index},
    queue::{Line, Queue},
};
use crate::{
    check::{self, History},
    record::Recorder,
    replica::{Input, Output, Replica},
    topology::{Shape, Topology},
    trace::Room,
    types::{AccountId, BranchId, Propagation, Time},
};

pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) now: Time,
    pub(super) rng: Rng,
    pub(super) nodes: Vec<Node>,
    /// The processes of each branch: mostly one.
    pub(super) seats: Vec<Vec<NodeIndex>>,
    /// The branches that have two, now or until just before.
    pub(super) doubled: BTreeSet<BranchIndex>,
    /// Those that ever had two.
    pub(super) was_doubled: BTreeSet<BranchIndex>,
    /// Those of them whose older process serves no customers any more.
    pub(super) superseded: BTreeSet<BranchIndex>,
    /// The faults that have started a process.
    pub(super) clones: BTreeSet<usize>,
    /// By fault, the copy of a disk that it goes back to.
    pub(super) copies: BTreeMap<usize, MemoryDisk>,
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
    pub(super) healed_at: Time,
    pub(super) patience_us: u64,
    pub(super) settled_at: Option<Time>,
    /// When the last message that was sent before arrives, and the longest that one has taken since.
    pub(super) last_arrival: u64,
    pub(super) longest_us: u64,
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
        let propagation = plan.propagation;
        let shape = if propagation == Propagation::Unary { Shape::Mesh } else { plan.topology };
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
                node.replica.iter_mut().for_each(Replica::keep_news);
            }
        }
        // A whole page of every branch at every branch is looked at: too much for every step of a
        // large bank, so that it is spread there.
        let invariants_every = (u64::from(plan.branches) * plan.openings.len() as u64).pow(2).div_ceil(512).max(1);
        Self {
            plan,
            now: Time(0),
            rng: Rng::with_seed(plan.seed),
            seats: (0..nodes.len()).map(|node| vec![node]).collect(),
            doubled: BTreeSet::new(),
            was_doubled: BTreeSet::new(),
            superseded: BTreeSet::new(),
            clones: BTreeSet::new(),
            copies: BTreeMap::new(),
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
            patience_us: 0,
            settled_at: None,
            last_arrival: 0,
            longest_us: plan.network.latency.usual(),
            invariants_every,
            stepped: 0,
        }
    }

    fn start(&mut self) {
        for edge in 0..self.edges.len() {
            if self.plan.calls.is_none() {
                self.join(edge);
            }
        }
        for node in 0..self.nodes.len() {
            self.begin_calls(node);
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
            Event::Arrive { customer, id, attempt, node } => self.arrive(customer, id, attempt, node as NodeIndex),
            Event::Stray(stray) => self.stray(*stray),
            Event::Answered { customer, id, answer } => self.answered(customer, id, answer),
            Event::Impatient { customer, id, attempt } => self.impatient(customer, id, attempt),
            Event::Deliver(parcel) => self.deliver(*parcel),
            Event::Call(calling) => self.called(*calling),
            Event::CallEnded(end) => self.call_ended(*end),
            Event::CallAgain { node, life, peer } => self.call_again(node, life, peer),
            Event::Tick { node, life } => self.tick(node, life),
            Event::Saved { node, life, save } => self.saved(node, life, &save),
            Event::Noticed { edge, side, node, session } => self.noticed(edge, side, node, session),
            Event::Redial { edge, session } => self.redial(edge, session),
            Event::Rival { edge, branch } => self.rival(edge, branch),
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
            Event::Tick { node, .. } | Event::Saved { node, .. } | Event::CallAgain { node, .. } => *node,
            Event::Arrive { node, .. } => *node as NodeIndex,
            Event::Stray(stray) => stray.node,
            Event::Call(calling) => calling.to,
            Event::CallEnded(end) => end.node,
            Event::Due(_)
            | Event::Answered { .. }
            | Event::Impatient { .. }
            | Event::Noticed { .. }
            | Event::Redial { .. }
            | Event::Rival { .. }
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
        self.check_totals();
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
