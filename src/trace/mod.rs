//! What happened in a bank, row by row: operations, messages, pages joined, links and faults, each with
//! its time and its Lamport clock. Drivers record into a bounded [`Buffer`] a branch; a [`Trace`] is the
//! buffers of a whole bank in the order of time, and can be written, read, and looked at in columns.
//! The trace knows neither the replica nor its drivers, so a live bank, a simulated one and another
//! program can write the same.

mod buffer;
mod cells;
mod columns;
mod lines;
mod row;
mod shiviz;
mod spans;
mod versions;

pub use buffer::{Buffer, Mark, Place, Room};
pub use columns::{Cells, Column, Columns, Text, Values};
pub use lines::TraceError;
pub use row::{
    Change, Event, EventName, Fault, FaultKind, Message, MessageId, MessageKind, Range, Read, Refused, Row, Write,
};
pub use shiviz::SHIVIZ_PARSER;
pub use spans::{Part, Span, SpanKind};
pub use versions::Versions;

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{AccountId, BranchId, Time, words};

/// What a trace is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The bank's branches.
    pub branches: BTreeSet<BranchId>,
    /// Its accounts and their opening balances.
    pub accounts: BTreeMap<AccountId, i64>,
    /// Which branches are linked, each pair once, the lower id first.
    pub links: BTreeSet<(BranchId, BranchId)>,
    /// How many rows found no room.
    pub lost: u64,
    /// Who wrote it.
    pub source: Source,
    /// What the branches knew before the first row: something in a part of a trace only.
    pub before: Versions,
}

/// Who wrote a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A bank of real branches.
    Bank,
    /// A simulation: times are virtual.
    Simulation,
}

words!(Source, "source": Bank = "bank", Simulation = "simulation");

/// The rows of a bank, in the order of time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    header: Header,
    rows: Vec<Row>,
}

impl Trace {
    /// Puts rows of any branches in order: by time, and at the same time by their clocks, which puts
    /// causes before effects. Rows of one branch stay as they are.
    pub fn new(header: Header, mut rows: Vec<Row>) -> Self {
        rows.sort_by_key(|row| (row.at, row.clock, row.branch));
        Self { header, rows }
    }

    /// The trace of a bank whose branches have these buffers; what these lost is added to the header's.
    pub fn gather<'a>(mut header: Header, buffers: impl IntoIterator<Item = &'a Buffer>) -> Self {
        let mut rows = Vec::new();
        for buffer in buffers {
            header.lost += buffer.lost();
            rows.extend_from_slice(buffer.rows());
        }
        Self::new(header, rows)
    }

    /// Traces of parts of one bank as one: of its branches, say, if each wrote its own.
    pub fn merge(mut header: Header, parts: impl IntoIterator<Item = Self>) -> Self {
        let mut rows = Vec::new();
        for part in parts {
            header.lost += part.header.lost;
            rows.extend(part.rows);
        }
        Self::new(header, rows)
    }

    /// What it is of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its rows, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows from one time to another, the latter excluded.
    pub fn window(&self, from: Time, until: Time) -> Self {
        let position = |time| self.rows.partition_point(|row| row.at < time);
        let first = position(from);
        let last = position(until).max(first);
        let mut header = self.header.clone();
        self.rows[..first].iter().for_each(|row| header.before.take(row));
        Self { header, rows: self.rows[first..last].to_vec() }
    }
}
