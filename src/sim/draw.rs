//! What a seed draws: each a bank of its own kind, with its own mix of faults ("swarm testing", Groce
//! and others 2012: runs that leave features out find more than runs that have a little of all).

use fastrand::Rng;

use super::{
    Act, Bug, Choice, DiskPlan, Fault, FaultKind, Latency, Name, Network, Plan, PlanPropagation, Step, Trouble, extras,
};
use crate::{topology::Shape, types::Concern};

/// The most branches that are drawn. More are simulated on request.
const USUAL_BRANCHES_MAX: u32 = 50;

impl Plan {
    /// Draws a plan from a seed.
    pub fn draw(seed: u64, choice: &Choice) -> Self {
        let mut plan = Draw { rng: Rng::with_seed(seed), choice, branches: 1, duration_us: 0 }.plan(seed);
        extras::add(&mut plan, choice);
        plan
    }
}

struct Draw<'a> {
    rng: Rng,
    choice: &'a Choice,
    branches: u32,
    duration_us: u64,
}

impl Draw<'_> {
    fn chance(&mut self, of: f64) -> bool {
        self.rng.f64() < of
    }

    fn plan(mut self, seed: u64) -> Plan {
        let choice = self.choice;
        let bug = choice.bug;
        let drawn = match self.rng.u32(0..100) {
            0..2 => 1,
            2..70 => self.rng.u32(2..=5),
            70..90 => self.rng.u32(6..=12),
            90..97 => self.rng.u32(13..=25),
            _ => self.rng.u32(26..=USUAL_BRANCHES_MAX),
        };
        // A bug between branches needs some.
        let least = if bug.is_some() { 3 } else { 1 };
        self.branches = choice.branches.unwrap_or(drawn.max(least));
        self.duration_us = choice.duration_us.unwrap_or_else(|| self.rng.u64(1_000_000..=8_000_000));
        let accounts = choice.accounts.unwrap_or_else(|| if self.chance(0.5) { 1 } else { self.rng.usize(2..=8) });
        let accounts = if bug == Some(Bug::DeltaMissesAccount) { accounts.max(2) } else { accounts };
        let drawn_opening = self.rng.i64(0..=1_000);
        let openings = vec![choice.opening.unwrap_or(drawn_opening); accounts];
        let is_unary = self.branches <= 12 && self.chance(0.25);
        let drawn = if is_unary { PlanPropagation::Unary } else { PlanPropagation::Stream };
        let propagation = choice.propagation.unwrap_or(drawn).of_sessions();
        let shape = match self.rng.u32(0..4) {
            0 if self.branches <= 16 => Shape::Mesh,
            1 if self.branches <= 16 => Shape::Ring,
            2 => Shape::Overlay,
            _ => Shape::Auto,
        };
        let faults: Vec<FaultKind> = match &choice.faults {
            Some(faults) => faults.clone(),
            None => FaultKind::FIRST.into_iter().filter(|_| self.rng.bool()).collect(),
        };
        let faults = [faults, needed(bug)].concat();
        let durable = match bug {
            Some(Bug::AcknowledgedBeforeSaved | Bug::TornSave) => true,
            Some(Bug::AcknowledgementOutlivesData) => false,
            _ => choice.durable.unwrap_or_else(|| self.chance(0.6)),
        };
        let slowest_save = if self.rng.bool() { self.rng.u64(0..=1_000) } else { self.rng.u64(1_000..=30_000) };
        let network = self.network(&faults);
        Plan {
            seed,
            branches: self.branches,
            topology: choice.topology.unwrap_or(shape),
            propagation,
            disk: durable.then_some(DiskPlan { save_us: (slowest_save / 10, slowest_save), flush_us: None }),
            bug,
            faults: self.faults(&faults),
            operations: self.operations(openings.len() as u32, bug),
            openings,
            network,
            window: 1,
            names_life: false,
            memory: None,
            calls: None,
        }
    }

    fn network(&mut self, faults: &[FaultKind]) -> Network {
        let has = |kind| faults.contains(&kind);
        let median_us = if self.rng.bool() { self.rng.u64(100..=2_000) } else { self.rng.u64(2_000..=100_000) };
        let drawn = match self.rng.u32(0..4) {
            0 => Latency::Fixed(median_us),
            1 => Latency::Uniform(median_us / 2, median_us * 2),
            2 => Latency::LogNormal { median_us, sigma: 0.2 + self.rng.f64() },
            _ => Latency::continents(),
        };
        let ordered = !has(FaultKind::Reorder) && !has(FaultKind::Duplication) && self.chance(0.7);
        // On a stream, each loss costs a session.
        let worst = if ordered { 0.01 } else { 0.3 };
        let mut share = |kind, worst: f64| if has(kind) { self.rng.f64() * worst } else { 0.0 };
        Network {
            ordered,
            loss: share(FaultKind::Loss, worst),
            duplication: share(FaultKind::Duplication, 0.3),
            customer_loss: share(FaultKind::Customers, 0.2),
            latency: self.choice.latency.clone().unwrap_or(drawn),
            strays: None,
        }
    }

    fn faults(&mut self, kinds: &[FaultKind]) -> Vec<Fault> {
        let mut faults = Vec::new();
        for kind in FaultKind::FIRST {
            if !kinds.contains(&kind) {
                continue;
            }
            for _ in 0..self.rng.u32(1..=4) {
                let at_us = self.rng.u64(0..=self.duration_us);
                let for_us =
                    if self.rng.bool() { self.rng.u64(1_000..=200_000) } else { self.rng.u64(200_000..=3_000_000) };
                let branch = self.rng.u32(1..=self.branches);
                let what = match kind {
                    FaultKind::Partition if self.branches > 1 => self.partition(),
                    FaultKind::Crash => Trouble::Crash { branch },
                    FaultKind::Pause => Trouble::Pause { branch },
                    FaultKind::Slow => Trouble::Slow { branch, factor: self.rng.u32(2..=20) },
                    FaultKind::Loss => Trouble::Loss { share: self.rng.f64() / 2.0 },
                    FaultKind::Partition | FaultKind::Duplication | FaultKind::Reorder | FaultKind::Customers => break,
                    // Drawn elsewhere.
                    FaultKind::Restore
                    | FaultKind::Clone
                    | FaultKind::DiskLoss
                    | FaultKind::PowerFailure
                    | FaultKind::DiskFailure
                    | FaultKind::LateRequests
                    | FaultKind::RepeatedRequests
                    | FaultKind::UnnamedRequests
                    | FaultKind::Pipelining
                    | FaultKind::NamedLives
                    | FaultKind::Flood
                    | FaultKind::Crowd => break,
                };
                faults.push(Fault { at_us, for_us, what });
            }
        }
        faults.sort_by_key(|fault| fault.at_us);
        faults
    }

    fn partition(&mut self) -> Trouble {
        let mut branches: Vec<u32> = (1..=self.branches).collect();
        self.rng.shuffle(&mut branches);
        branches.truncate(self.rng.usize(1..=branches.len() / 2));
        branches.sort_unstable();
        Trouble::Partition { side: branches, one_way: self.rng.bool() }
    }

    fn operations(&mut self, accounts: u32, bug: Option<Bug>) -> Vec<Step> {
        let count = self.choice.operations.unwrap_or_else(|| self.rng.usize(50..=400));
        let customers = self.rng.u32(1..=(2 * self.branches).min(1 << 20));
        // Customers stay at a branch, or go where they like.
        let roaming = self.rng.bool() || bug == Some(Bug::StaleReadServedAsFresh);
        let (queries, withdrawals) = (self.rng.f64() * 0.6, self.rng.f64());
        let sessions = if self.rng.bool() { self.rng.f64() } else { 0.0 };
        let sessions = if bug == Some(Bug::StaleReadServedAsFresh) { 0.8 } else { sessions };
        // A version of a thousand branches has a thousand entries, and a history keeps every one that was
        // told or named: in a large bank they are rare, so that together they weigh no more.
        let rarity = f64::from(USUAL_BRANCHES_MAX.min(self.branches)) / f64::from(self.branches);
        let sessions = self.choice.sessions.map_or(sessions * rarity.powi(2), f64::from);
        let concerns: f64 = if self.chance(0.3) || bug == Some(Bug::ConcernIgnored) { 0.4 } else { 0.0 };
        let versions = self.rng.f64() * rarity.powi(2);
        let largest = if self.rng.bool() { 10 } else { 500 };
        let mut operations: Vec<Step> = (0..count)
            .map(|_| {
                let customer = self.rng.u32(1..=customers);
                let home = (customer - 1) % self.branches + 1;
                let branch = if roaming { self.rng.u32(1..=self.branches) } else { home };
                let amount = self.rng.u64(1..=largest);
                let act = if self.chance(queries) {
                    Act::Query(self.chance(versions))
                } else if self.chance(withdrawals) {
                    Act::Withdraw(amount)
                } else {
                    Act::Deposit(amount)
                };
                let drawn = match self.rng.f64() / concerns.max(f64::MIN_POSITIVE) {
                    level if level < 0.5 => Concern::Majority,
                    level if level < 1.0 => Concern::All,
                    _ => Concern::Local,
                };
                let concern = self.choice.concern.unwrap_or(drawn);
                let concern = if matches!(act, Act::Query(_)) { Concern::Local } else { concern };
                let account = self.rng.u32(0..accounts);
                let at_us = self.rng.u64(0..=self.duration_us);
                let session = self.chance(sessions);
                Step { at_us, customer, branch, account, act, concern, session, name: Name::New }
            })
            .collect();
        operations.sort_by_key(|step| step.at_us);
        operations
    }
}

/// The faults without which a bug cannot show.
fn needed(bug: Option<Bug>) -> Vec<FaultKind> {
    match bug {
        Some(Bug::RestartWithoutPage | Bug::AcknowledgementOutlivesData | Bug::AcknowledgedBeforeSaved) => {
            vec![FaultKind::Crash]
        }
        Some(Bug::TornSave) => vec![FaultKind::Crash, FaultKind::Customers],
        Some(Bug::RetryCountsTwice) => vec![FaultKind::Customers],
        Some(Bug::StaleReadServedAsFresh) => vec![FaultKind::Slow],
        Some(Bug::ConcernIgnored) => vec![FaultKind::Slow, FaultKind::Crash],
        Some(
            Bug::AbsoluteBalance
            | Bug::RejudgedWithdrawal
            | Bug::RefusedWithdrawalPropagated
            | Bug::LostUpdate
            | Bug::DeltaMissesAccount,
        )
        | None => Vec::new(),
    }
}
