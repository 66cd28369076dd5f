//! A served branch's part of its bank's trace. It is written under the lock of the branch's state, so that
//! rows are in the order of what happened, and a branch without a trace pays nothing.

use std::time::Instant;

use crate::{
    record::Recorder,
    trace::{FaultKind, Row},
    types::{BranchId, Time},
};

/// Some of a branch's rows, in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether none follow.
    pub is_last: bool,
    /// How many rows found no room so far.
    pub lost: u64,
    /// The branch's Lamport clock now.
    pub clock: u64,
}

/// A recorder, and the beginning of its time. A branch has it while it lives; its bank keeps it between
/// two lives.
#[derive(Clone, Debug)]
pub struct Recording {
    recorder: Recorder,
    began: Instant,
}

impl Recording {
    /// Counts time from `began`: the same for every branch of a bank.
    pub fn new(recorder: Recorder, began: Instant) -> Self {
        Self { recorder, began }
    }

    /// The recording of the branch's next life.
    pub fn next_life(&self) -> Self {
        Self { recorder: self.recorder.next_life(), began: self.began }
    }

    /// The time now, as the trace counts it.
    pub fn now(&self) -> Time {
        Time(self.began.elapsed().as_micros() as u64)
    }

    /// Lets the recorder write at this moment.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Recorder, Time)) {
        let now = self.now();
        write(&mut self.recorder, now);
    }

    /// Something befell the branch on purpose: for everybody, or between it and one peer.
    pub fn fault(&mut self, kind: FaultKind, peer: Option<BranchId>, reason: Option<String>) {
        self.write(|recorder, now| recorder.fault(now, kind, peer, reason));
    }

    /// The rows of all that happened before `until`, and how many found no room.
    pub fn rows(&self, until: Time) -> (Vec<Row>, u64) {
        let buffer = self.recorder.buffer();
        let before = buffer.rows().partition_point(|row| row.at < until);
        (buffer.rows()[..before].to_vec(), buffer.lost())
    }

    /// At most `count` of these rows, from number `from` on.
    pub fn part(&self, until: Time, from: usize, count: usize) -> Part {
        let buffer = self.recorder.buffer();
        let before = buffer.rows().partition_point(|row| row.at < until);
        let end = from.saturating_add(count).min(before);
        let rows = buffer.rows().get(from..end).unwrap_or_default().to_vec();
        Part { rows, is_last: end >= before, lost: buffer.lost(), clock: buffer.clock() }
    }
}
