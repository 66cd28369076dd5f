//! The trace of a bank whose branches are child processes. Each writes its rows itself, on the bank's time,
//! and hands them over when asked; the parent knows when a life began and ended. The rows of a process
//! that was killed are lost with it, and the row of its end says so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{epoch, words::RecordingLine};
use crate::{
    bank::{config::BankConfig, traced},
    branch::Part,
    topology::Topology,
    trace::{Buffer, FaultKind, Header, Room, Trace},
    types::{BranchId, Time},
};

/// More messages than a life sends: the next one's names begin above. A name stays below 2^53 for the
/// first 1000 lives of a bank of 1000 branches.
const MESSAGES_A_LIFE: u64 = 1 << 33;

/// What the parent needs to know to gather a trace.
#[derive(Debug)]
pub(in crate::bank) struct Gathered {
    header: Header,
    began: Instant,
    /// How many rows a child may keep.
    share: usize,
    lives: Mutex<BTreeMap<BranchId, Lives>>,
}

/// The lives of one branch.
#[derive(Debug)]
struct Lives {
    /// How many have ended.
    ended: u64,
    /// How they ended and began again.
    buffer: Buffer,
    /// Whether a row says that the last one has ended.
    is_over: bool,
    /// What the last one handed over when the bank was closed.
    last: Option<Part>,
}

/// A life that is to begin.
#[derive(Clone, Copy, Debug)]
pub(in crate::bank) struct Beginning {
    branch: BranchId,
    at: Time,
    /// The clock of its first row.
    clock: u64,
    pub(in crate::bank) line: RecordingLine,
}

impl Gathered {
    /// `None`: no trace is asked for.
    pub(in crate::bank) fn new(config: &BankConfig, topology: &Topology) -> Option<Self> {
        let header = traced::header(config, topology);
        // Shared by the rows of the parent, which are two a life.
        let room = Room::new(config.trace_capacity);
        let lives = |&branch: &BranchId| {
            let buffer = Buffer::new(branch, &header.branches, Arc::clone(&room));
            (branch, Lives { ended: 0, buffer, is_over: false, last: None })
        };
        let lives = Mutex::new(header.branches.iter().map(lives).collect());
        let share = (config.trace_capacity / config.branches.len().max(1)).max(1);
        (config.trace_capacity > 0).then(|| Self { header, began: Instant::now(), share, lives })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<BranchId, Lives>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time now, as the trace counts it.
    pub(in crate::bank) fn now(&self) -> Time {
        Time(self.began.elapsed().as_micros() as u64)
    }

    /// For a branch in its first life.
    pub(in crate::bank) fn first_life(&self) -> RecordingLine {
        RecordingLine { capacity: self.share, began_ns: epoch::nanoseconds(self.began), clock: 0, messages: 0 }
    }

    /// For a branch that is to start again; `clock` is the highest of those that may have heard of it. It
    /// may be tried more than once.
    pub(in crate::bank) fn next_life(&self, branch: BranchId, clock: u64) -> Beginning {
        let mut lives = self.lock();
        let (mut clock, mut ended) = (clock, 0);
        if let Some(lives) = lives.get_mut(&branch) {
            lives.ended += 1;
            ended = lives.ended;
            clock = clock.max(lives.buffer.clock());
        }
        let line =
            RecordingLine { clock: clock + 1, messages: ended.saturating_mul(MESSAGES_A_LIFE), ..self.first_life() };
        Beginning { branch, at: self.now(), clock: line.clock, line }
    }

    /// A branch has started again.
    pub(in crate::bank) fn began(&self, life: Beginning, keeps_data: bool) {
        if let Some(lives) = self.lock().get_mut(&life.branch) {
            let reason = if keeps_data { "with its data" } else { "without its data" };
            // The row itself ticks once.
            lives.buffer.resume(life.clock - 1, 0);
            lives.buffer.fault(life.at, FaultKind::Restarted, None, Some(reason.to_owned()));
            lives.is_over = false;
            lives.last = None;
        }
    }

    /// A branch has ended before it could hand over its rows. Harmless when called again.
    pub(in crate::bank) fn ended(&self, branch: BranchId, why: &str) {
        let now = self.now();
        if let Some(lives) = self.lock().get_mut(&branch)
            && !lives.is_over
        {
            let reason = format!("{why}: the rows of this life are lost with its process");
            lives.buffer.fault(now, FaultKind::Killed, None, Some(reason));
            lives.is_over = true;
        }
    }

    /// What a branch has handed over at last.
    pub(in crate::bank) fn keep(&self, branch: BranchId, part: Part) {
        if let Some(lives) = self.lock().get_mut(&branch) {
            lives.last = Some(part);
        }
    }

    /// Everything that running branches have handed over just now, and what is known of the others.
    pub(in crate::bank) fn trace(&self, until: Time, parts: impl IntoIterator<Item = Part>) -> Trace {
        let mut header = self.header.clone();
        let mut rows = Vec::new();
        let mut take = |part: Part| {
            header.lost += part.lost;
            rows.extend(part.rows);
        };
        parts.into_iter().for_each(&mut take);
        for lives in self.lock().values() {
            lives.last.iter().cloned().for_each(&mut take);
            let own = lives.buffer.rows().iter().filter(|row| row.at <= until).cloned().collect();
            take(Part { rows: own, is_last: true, lost: lives.buffer.lost(), clock: 0 });
        }
        Trace::new(header, rows)
    }
}
