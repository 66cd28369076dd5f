//! The trace of a bank whose branches are tasks of this process: what its branches write while they live,
//! and what those wrote that have ended. All of them count time from the bank's beginning.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::config::BankConfig;
use crate::{
    branch::{Branch, Recording},
    record::Recorder,
    topology::Topology,
    trace::{FaultKind, Header, Room, Source, Trace},
    types::{BranchId, Time},
};

/// What a bank needs to know to keep a trace.
#[derive(Debug)]
pub(super) struct Traced {
    header: Header,
    began: Instant,
    room: Arc<Room>,
    /// The lives that have ended, in order.
    ended: Mutex<BTreeMap<BranchId, Vec<Recording>>>,
}

impl Traced {
    /// `None`: no trace is asked for.
    pub(super) fn new(config: &BankConfig, topology: &Topology) -> Option<Self> {
        (config.trace_capacity > 0).then(|| Self {
            header: header(config, topology),
            began: Instant::now(),
            room: Room::new(config.trace_capacity),
            ended: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<BranchId, Vec<Recording>>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a branch that starts: goes on from its last life, if there was one.
    pub(super) fn recording(&self, branch: BranchId, kept: bool) -> Recording {
        let last = self.lock().get(&branch).and_then(|lives| lives.last()).map(Recording::next_life);
        let Some(mut recording) = last else {
            let recorder = Recorder::new(branch, &self.header.branches, self.room.clone());
            return Recording::new(recorder, self.began);
        };
        let reason = if kept { "with its data" } else { "without its data" };
        recording.fault(FaultKind::Restarted, None, Some(reason.to_owned()));
        recording
    }

    /// A branch has ended.
    pub(super) fn ended(&self, branch: &Branch, reason: Option<String>) {
        if let Some(mut recording) = branch.take_recording() {
            recording.fault(FaultKind::Killed, None, reason);
            self.lock().entry(branch.id()).or_default().push(recording);
        }
    }

    /// Everything until now. Rows are read branch by branch, so they are cut at one moment: no message is
    /// received in them that was not sent in them.
    pub(super) fn trace<'a>(&self, running: impl IntoIterator<Item = &'a Branch>) -> Trace {
        let until = Time(self.began.elapsed().as_micros() as u64);
        let mut header = self.header.clone();
        let mut rows = Vec::new();
        let mut take = |(part, lost): (Vec<_>, u64)| {
            header.lost += lost;
            rows.extend(part);
        };
        self.lock().values().flatten().for_each(|recording| take(recording.rows(until)));
        running.into_iter().for_each(|branch| take(branch.rows(until)));
        Trace::new(header, rows)
    }
}

/// What the trace of a bank is of.
pub(super) fn header(config: &BankConfig, topology: &Topology) -> Header {
    let pairs = |branch: BranchId| topology.links(branch).into_keys().map(move |peer| (branch, peer));
    Header {
        branches: config.ids(),
        accounts: config.accounts.clone(),
        links: config.ids().into_iter().flat_map(pairs).filter(|(one, other)| one < other).collect(),
        lost: 0,
        source: Source::Bank,
        before: Default::default(),
    }
}
