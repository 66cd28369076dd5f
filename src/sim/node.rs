//! A process of a branch, as it is at a moment: its replica, its disk, its ends of links.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Plan,
    call::{Caller, Owed},
    disk::MemoryDisk,
    place::{CustomerIndex, Side},
};
use crate::{
    record::Recorder,
    replica::{Config, Replica, Save, Saved},
    types::{AccountId, BranchId, Duration, Incarnation, Origin, Propagation, Time, Version},
};

/// A datagram that is not acknowledged is sent again after this, or four times the usual latency.
const RESEND_AFTER_MIN_US: u64 = 20_000;

/// Whether a process's disk takes saves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Health {
    Good,
    /// The next save fails.
    Failing,
    /// One has failed: the process has ended, and its door says so.
    Failed,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) branch: BranchId,
    pub(super) config: Config,
    /// `None`: it is down.
    pub(super) replica: Option<Replica>,
    pub(super) disk: Option<MemoryDisk>,
    pub(super) health: Health,
    /// Whether its disk has less than it had.
    pub(super) set_back: bool,
    pub(super) saving: Option<Save>,
    /// Counts the lives of its branch, so that nothing of another one is taken for its own.
    pub(super) life: u64,
    /// How many faults keep it down.
    pub(super) down: u32,
    pub(super) paused_until: Option<u64>,
    /// How many times as long its messages take.
    pub(super) slowness: u64,
    pub(super) alarm: Option<Time>,
    /// By peer: the link, and which end of it this is.
    pub(super) links: BTreeMap<BranchId, (usize, Side)>,
    /// If it propagates by calls: by peer, what it is about to say there.
    pub(super) callers: BTreeMap<BranchId, Caller>,
    /// Answers to calls that wait for the disk.
    pub(super) owed: Vec<Owed>,
    /// Requests that wait for an answer, by ticket: whose, and which.
    pub(super) tickets: BTreeMap<u64, (CustomerIndex, u64)>,
    pub(super) last_ticket: u64,
    /// What planted bugs add to the balances that it tells.
    pub(super) offsets: BTreeMap<AccountId, i64>,
    /// What planted bugs need to know: the last news, and the version before a crash.
    pub(super) news: Option<(Time, BTreeMap<AccountId, i64>)>,
    pub(super) claimed: Option<Version>,
    /// Writes its part of the trace, in all of its lives.
    pub(super) recorder: Option<Recorder>,
}

impl Node {
    pub(super) fn new(
        branch: BranchId,
        plan: &Plan,
        branches: &BTreeSet<BranchId>,
        accounts: &BTreeMap<AccountId, i64>,
        propagation: Propagation,
        links: BTreeMap<BranchId, BTreeSet<BranchId>>,
    ) -> Self {
        let resend_after = if plan.network.ordered || plan.calls.is_some() {
            Duration::MAX
        } else {
            Duration(RESEND_AFTER_MIN_US.max(4 * plan.network.latency.usual()))
        };
        let config = Config {
            own: Origin { branch, incarnation: Incarnation(0) },
            had_lives: false,
            branches: branches.clone(),
            links,
            accounts: accounts.clone(),
            propagation,
            resend_after,
        };
        let disk = plan.disk.map(|disk| MemoryDisk::new(disk.flush_us));
        let replica = start(plan, config.clone(), disk.is_some(), &Saved::default());
        Self { replica, disk, ..Self::idle(branch, config) }
    }

    /// One that is not there yet.
    pub(super) fn idle(branch: BranchId, config: Config) -> Self {
        Self {
            branch,
            replica: None,
            config,
            disk: None,
            health: Health::Good,
            set_back: false,
            saving: None,
            life: 0,
            down: 0,
            paused_until: None,
            slowness: 1,
            alarm: None,
            links: BTreeMap::new(),
            callers: BTreeMap::new(),
            owed: Vec::new(),
            tickets: BTreeMap::new(),
            last_ticket: 0,
            offsets: BTreeMap::new(),
            news: None,
            claimed: None,
            recorder: None,
        }
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = BranchId> + '_ {
        self.config.links.keys().copied()
    }

    /// The balances that it tells.
    pub(super) fn told(&self, balances: &BTreeMap<AccountId, i64>) -> BTreeMap<AccountId, i64> {
        let offset = |account| self.offsets.get(account).copied().unwrap_or(0);
        balances.iter().map(|(account, balance)| (*account, balance + offset(account))).collect()
    }
}

/// A replica that goes on from what was saved. A disk that cannot be read is a branch that does not
/// come back, which shows.
pub(super) fn start(plan: &Plan, config: Config, durable: bool, saved: &Saved) -> Option<Replica> {
    let replica = if durable { Replica::recover(config, saved).ok()? } else { Replica::new(config) };
    Some(match plan.memory {
        Some(memory) => replica.with_memory(memory.into()),
        None => replica,
    })
}
