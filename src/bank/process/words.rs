//! What a parent asks of a child that serves, and what the child answers. See [`super::supervised`] for
//! how the conversation begins.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    branch::{Faults, Part, Way, Wire},
    trace::{Cells, Row},
    types::BranchId,
};

/// The most rows of a trace in a line: some hundred kilobytes.
pub(in crate::bank) const ROWS_A_LINE: usize = 2_000;

/// A line from the parent while the child serves. Each has one answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::bank) enum Question {
    /// Let these faults befall you; answered by [`Word::Done`].
    Befall(FaultsLine),
    /// Take no more requests, and tell your peers what you have decided; answered by [`Word::Flushed`].
    Flush,
    /// Hand over your rows of before `until_us`, from number `from` on; answered by [`Word::Rows`].
    Rows { until_us: u64, from: usize },
}

/// What the child says: to the assignment, to the second line, which names the peers, and to questions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::bank) enum Word {
    Listening(SocketAddr),
    Refused {
        reason: String,
        in_use: bool,
    },
    /// The data directory cannot be used, now or from now on.
    Unusable {
        reason: String,
    },
    Ready,
    Done,
    /// How many of its operations no other branch is known to have.
    Flushed(u64),
    Rows(RowsLine),
}

/// What a child must know to write its part of the bank's trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::bank) struct RecordingLine {
    /// How many rows it may keep.
    pub(in crate::bank) capacity: usize,
    /// When the bank began, in nanoseconds since 1970: see [`super::epoch`].
    pub(in crate::bank) began_ns: u64,
    /// How far the clocks of earlier lives may have come, and how many messages those may have sent.
    pub(in crate::bank) clock: u64,
    pub(in crate::bank) messages: u64,
}

/// At most [`ROWS_A_LINE`] rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::bank) struct RowsLine {
    rows: Vec<RowCells>,
    is_last: bool,
    lost: u64,
    clock: u64,
}

/// A row as JSON lines have it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct RowCells(Row);

impl Serialize for RowCells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.cells().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RowCells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cells::deserialize(deserializer)?.row().map(Self).map_err(de::Error::custom)
    }
}

impl From<Part> for RowsLine {
    fn from(part: Part) -> Self {
        let rows = part.rows.into_iter().map(RowCells).collect();
        Self { rows, is_last: part.is_last, lost: part.lost, clock: part.clock }
    }
}

impl From<RowsLine> for Part {
    fn from(line: RowsLine) -> Self {
        let rows = line.rows.into_iter().map(|RowCells(row)| row).collect();
        Self { rows, is_last: line.is_last, lost: line.lost, clock: line.clock }
    }
}

/// The second line from the parent: where each branch listens, and what befalls this one from the start.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::bank) struct Introduction {
    pub(in crate::bank) peers: BTreeMap<u32, String>,
    pub(in crate::bank) faults: FaultsLine,
}

/// Everything that befalls a branch. A process that is to be stopped holds still before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::bank) struct FaultsLine {
    wires: Vec<WireLine>,
    customer_loss: f64,
    paused: bool,
}

/// The faults of the link with one peer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct WireLine {
    peer: u32,
    to: WayLine,
    from: WayLine,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct WayLine {
    cut: bool,
    loss: f64,
    delay_us: u64,
}

impl From<&Faults> for FaultsLine {
    fn from(faults: &Faults) -> Self {
        let way = |way: &Way| WayLine {
            cut: way.cut,
            loss: way.loss,
            delay_us: u64::try_from(way.delay.as_micros()).unwrap_or(u64::MAX),
        };
        let wire = |(peer, wire): (&BranchId, &Wire)| WireLine {
            peer: peer.value(),
            to: way(&wire.to),
            from: way(&wire.from),
        };
        let wires = faults.wires.iter().map(wire).collect();
        Self { wires, customer_loss: faults.customer_loss, paused: faults.paused }
    }
}

impl From<FaultsLine> for Faults {
    fn from(line: FaultsLine) -> Self {
        let way = |way: WayLine| Way { cut: way.cut, loss: way.loss, delay: Duration::from_micros(way.delay_us) };
        let wire = |line: WireLine| Some((BranchId::new(line.peer)?, Wire { to: way(line.to), from: way(line.from) }));
        let wires = line.wires.into_iter().filter_map(wire).collect();
        Self { wires, customer_loss: line.customer_loss, paused: line.paused }
    }
}
