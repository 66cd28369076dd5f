//! What a parent asks of a child that serves, and what the child answers. See [`super::supervised`] for
//! how the conversation begins.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    branch::{Faults, Way, Wire},
    types::BranchId,
};

/// A line from the parent while the child serves. Each has one answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Question {
    /// Let these faults befall you; answered by [`Word::Done`].
    Befall(FaultsLine),
}

/// What the child says: to the assignment, to the second line, which names the peers, and to questions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Word {
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
}

/// The second line from the parent: where each branch listens, and what befalls this one from the start.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Introduction {
    pub(super) peers: BTreeMap<u32, String>,
    pub(super) faults: FaultsLine,
}

/// Everything that befalls a branch. A process that is to be stopped holds still before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct FaultsLine {
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
