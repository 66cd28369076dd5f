//! What a seed draws beyond its plan, from a random stream of its own: so the plan itself stays as it was
//! before there was any of this.

use fastrand::Rng;

use super::{Act, Calls, Choice, DiskPlan, Fault, FaultKind, Name, Plan, PlanPropagation, Step, Strays, Trouble};
use crate::{
    replica::{ANSWERS_PER_CLIENT, CLIENTS_REMEMBERED},
    types::{Concern, Propagation},
};

/// Seeds below this draw no more than they drew at first: documents show what comes of them.
const FIRST_SEED: u64 = 1_024;

/// What makes the second stream another one.
const SALT: u64 = 0x5E_ED0F_0DD5;

/// How likely each kind is that nobody asked for.
const LIKELY: f64 = 0.25;

/// Adds to a plan what was asked for, or what the seed draws.
pub(super) fn add(plan: &mut Plan, choice: &Choice) {
    let mut rng = Rng::with_seed(plan.seed ^ SALT);
    let is_drawn = plan.seed >= FIRST_SEED && plan.bug.is_none();
    let kinds: Vec<FaultKind> = match &choice.faults {
        Some(asked) => asked.iter().copied().filter(|kind| !FaultKind::FIRST.contains(kind)).collect(),
        None if is_drawn => FaultKind::UNASKED.into_iter().filter(|_| rng.f64() < LIKELY).collect(),
        None => Vec::new(),
    };
    // Of two processes that serve one branch, neither knows what the other did: a copy of a request that goes its own
    // way, or the same name again, may count twice there, and nobody can help it.
    let doubles = kinds.contains(&FaultKind::Clone);
    let counts_twice = |kind: FaultKind| matches!(kind, FaultKind::LateRequests | FaultKind::RepeatedRequests);
    let kinds = kinds.into_iter().filter(|&kind| !(doubles && counts_twice(kind)));
    let duration_us = plan.operations.last().map_or(0, |step| step.at_us);
    let is_asked = choice.faults.is_some();
    let mut extras = Extras { rng, plan, duration_us, is_asked, keeps_disks: choice.durable.is_none() };
    kinds.for_each(|kind| extras.add(kind));
    let calls = choice.propagation == Some(PlanPropagation::Calls);
    let is_unary =
        extras.plan.propagation == Propagation::Unary && choice.propagation.is_none() && choice.faults.is_none();
    // (Two processes of one branch at one address, which calls would be, is no bank that anybody runs.)
    if calls || is_drawn && is_unary && !doubles && extras.rng.bool() {
        extras.call();
    }
    plan.faults.sort_by_key(|fault| fault.at_us);
    plan.operations.sort_by_key(|step| step.at_us);
}

struct Extras<'a> {
    rng: Rng,
    plan: &'a mut Plan,
    duration_us: u64,
    is_asked: bool,
    /// Whether the plan may be given disks.
    keeps_disks: bool,
}

impl Extras<'_> {
    fn add(&mut self, kind: FaultKind) {
        match kind {
            FaultKind::Restore => self.befall(|branch, _| Trouble::Restore { branch }),
            FaultKind::Clone => {
                // Of a retry that may go to either process, only its life tells where the first try was.
                self.plan.names_life = true;
                self.befall(|branch, _| Trouble::Clone { branch });
            }
            FaultKind::DiskLoss => self.lose_disks(),
            FaultKind::PowerFailure => {
                self.befall(|branch, _| Trouble::PowerFailure { branch });
                let flush_us = self.rng.u64(1_000..=2_000_000);
                if let Some(disk) = &mut self.plan.disk {
                    disk.flush_us = Some(flush_us);
                }
            }
            FaultKind::DiskFailure => self.befall(|branch, _| Trouble::DiskFailure { branch }),
            FaultKind::LateRequests => {
                let (share, within_us) = (0.02 + 0.3 * self.rng.f64(), self.rng.u64(100_000..=10_000_000));
                self.plan.network.strays = Some(Strays { share, within_us });
            }
            FaultKind::RepeatedRequests => self.repeat(),
            FaultKind::UnnamedRequests => {
                let share = self.rng.f64();
                for step in self.plan.operations.iter_mut().filter(|step| is_write(step)) {
                    if self.rng.f64() < share {
                        step.name = Name::Nothing;
                    }
                }
            }
            FaultKind::Pipelining => self.plan.window = self.rng.u32(2..=64),
            FaultKind::NamedLives => self.plan.names_life = true,
            FaultKind::Flood => self.flood(),
            FaultKind::Crowd => self.crowd(),
            FaultKind::Loss
            | FaultKind::Duplication
            | FaultKind::Reorder
            | FaultKind::Partition
            | FaultKind::Crash
            | FaultKind::Pause
            | FaultKind::Slow
            | FaultKind::Customers => {}
        }
    }

    /// Lets faults of disks befall some branches.
    fn befall(&mut self, what: impl Fn(u32, &mut Rng) -> Trouble) {
        if self.is_asked && self.keeps_disks {
            let most = self.rng.u64(0..=5_000);
            self.plan.disk.get_or_insert(DiskPlan { save_us: (most / 10, most), flush_us: None });
        }
        if self.plan.disk.is_none() {
            return;
        }
        for _ in 0..self.rng.u32(1..=3) {
            let branch = self.rng.u32(1..=self.plan.branches);
            let at_us = self.rng.u64(0..=self.duration_us);
            let for_us = self.rng.u64(20_000..=2_000_000);
            let what = what(branch, &mut self.rng);
            self.plan.faults.push(Fault { at_us, for_us, what });
        }
    }

    /// Disks are lost, and some time later their branches are killed: these must know by themselves what they
    /// have lost. Answers are lost too, so that customers ask them.
    fn lose_disks(&mut self) {
        let before = self.plan.faults.len();
        self.befall(|branch, _| Trouble::DiskLoss { branch });
        for position in before..self.plan.faults.len() {
            let loss = &mut self.plan.faults[position];
            loss.for_us = self.rng.u64(1_000..=300_000);
            let (branch, at_us) = (loss.what.branches().first().copied(), loss.at_us + loss.for_us);
            let (wait, for_us) = (self.rng.u64(1_000..=500_000), self.rng.u64(1_000..=200_000));
            if let Some(branch) = branch {
                self.plan.faults.push(Fault { at_us: at_us + wait, for_us, what: Trouble::Crash { branch } });
            }
        }
        self.lose_answers();
    }

    fn lose_answers(&mut self) {
        let share = 0.05 + 0.2 * self.rng.f64();
        self.plan.network.customer_loss = self.plan.network.customer_loss.max(share);
    }

    /// Some writes are asked for once more, right behind.
    fn repeat(&mut self) {
        let share = 0.3 * self.rng.f64();
        let mut again = Vec::new();
        for step in self.plan.operations.iter().filter(|step| is_write(step)) {
            if self.rng.f64() < share {
                again.push(Step { at_us: step.at_us + self.rng.u64(0..=1_000), name: Name::Last, ..*step });
            }
        }
        self.plan.operations.extend(again);
    }

    /// A customer makes so many requests that its first are forgotten, while copies of them are under way.
    fn flood(&mut self) {
        let (customer, branch) = (self.newcomer(), self.rng.u32(1..=self.plan.branches));
        self.plan.window = self.plan.window.max(self.rng.u32(16..=512));
        self.plan.network.strays = Some(Strays { share: 0.05, within_us: 10_000_000 });
        for _ in 0..ANSWERS_PER_CLIENT + 1_000 {
            self.deposit(customer, branch);
        }
        self.lose_answers();
    }

    /// So many customers come to one branch that it forgets the first, while these try again.
    fn crowd(&mut self) {
        let (first, branch) = (self.newcomer(), self.rng.u32(1..=self.plan.branches));
        for position in 0..2 * CLIENTS_REMEMBERED as u32 + 1_000 {
            self.deposit(first + position, branch);
        }
        self.lose_answers();
    }

    fn newcomer(&self) -> u32 {
        1 + self.plan.operations.iter().map(|step| step.customer).max().unwrap_or(0)
    }

    fn deposit(&mut self, customer: u32, branch: u32) {
        let at_us = self.rng.u64(0..=self.duration_us);
        let (account, concern, name) = (0, Concern::Local, Name::New);
        let act = Act::Deposit(self.rng.u64(1..=9));
        self.plan.operations.push(Step { at_us, customer, branch, account, act, concern, session: false, name });
    }

    /// Branches tell each other by calls.
    fn call(&mut self) {
        self.plan.propagation = Propagation::Unary;
        let share = if self.rng.bool() { self.rng.f64() } else { 0.0 };
        let plain = (1..=self.plan.branches).filter(|_| self.rng.f64() < share).collect();
        self.plan.calls = Some(Calls { plain });
    }
}

fn is_write(step: &Step) -> bool {
    matches!(step.act, Act::Deposit(_) | Act::Withdraw(_))
}
