//! What happened in a bank, event by event, in a bounded buffer. Drivers record; the trace knows
//! neither them nor the replica, so a live branch and a simulated one can write the same trace.

mod lines;

use crate::types::{Answer, BranchId, Time};

/// One thing that happened at one branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When, in microseconds since the branch's driver began.
    pub at: Time,
    /// Where.
    pub branch: BranchId,
    /// What.
    pub kind: Kind,
}

/// What can happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A request was answered.
    Answered(Answer),
    /// A message left for a peer.
    Sent {
        /// To whom.
        peer: BranchId,
        /// What it was.
        message: Message,
    },
    /// A peer's message was taken.
    Received {
        /// From whom.
        peer: BranchId,
        /// What it was.
        message: Message,
    },
    /// A session of a link began.
    LinkUp(BranchId),
    /// It ended.
    LinkDown(BranchId),
    /// The branch was killed.
    Crashed,
    /// The branch came back.
    Restarted {
        /// Whether with its data.
        kept: bool,
    },
    /// The branch stopped doing anything.
    Paused,
    /// It went on.
    Resumed,
    /// Messages to this peer are lost from now on.
    Cut(BranchId),
    /// They arrive again.
    Mended(BranchId),
}

/// What a message between branches was about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// An exchange of versions.
    Greeting,
    /// Pages that the receiver lacks.
    Update {
        /// How many.
        pages: usize,
    },
    /// One operation (unary propagation), or a repair.
    Call {
        /// The operation's sequence; `None`: a repair.
        sequence: Option<u64>,
    },
    /// An acknowledgement of an update or a call (its number), or of a greeting (0).
    Acknowledgement {
        /// Of which message of the session.
        number: u64,
    },
}

/// The events of one branch, oldest first, up to a capacity; later ones are counted, not kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    capacity: usize,
    events: Vec<Event>,
    lost: u64,
}

impl Trace {
    /// Keeps at most `capacity` events. With 0 it is off: nothing is kept and nothing counted.
    ///
    /// # Example
    /// ```
    /// use replibank::{trace::{Event, Kind, Trace}, types::{BranchId, Time}};
    /// let (one, two) = (BranchId::new(1).unwrap(), BranchId::new(2).unwrap());
    /// let mut trace = Trace::new(1);
    /// trace.record(|| Event { at: Time(0), branch: one, kind: Kind::LinkUp(two) });
    /// trace.record(|| Event { at: Time(7), branch: one, kind: Kind::LinkDown(two) });
    /// assert_eq!((trace.events().len(), trace.lost()), (1, 1));
    /// ```
    pub fn new(capacity: usize) -> Self {
        Self { capacity, events: Vec::new(), lost: 0 }
    }

    /// Keeps the event if there is room. It is only made if it is kept.
    pub fn record(&mut self, event: impl FnOnce() -> Event) {
        if self.events.len() < self.capacity {
            self.events.push(event());
        } else if self.capacity > 0 {
            self.lost += 1;
        }
    }

    /// What was kept.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many events found no room.
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
