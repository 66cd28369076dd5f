//! What branches tell each other. Every message is cumulative: losing, repeating, delaying or
//! reordering it does no harm.

use super::delta::Delta;
use crate::types::{Operation, Origin, Version};

/// A message from one branch to a peer it is linked to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerMessage {
    /// "This is what I have; what do you have?" Answered by acknowledgement 0 with a whole version.
    Greeting {
        /// Everything the sender has.
        version: Version,
    },
    /// Pages that the receiver lacks.
    Update(Update),
    /// One operation of the sender, for unary propagation.
    Call(Call),
    /// How far the receiver of updates has the pages they were about.
    Acknowledgement {
        /// The last update's number: it answers every earlier one of the session too. 0: the greeting's.
        number: u64,
        /// For updates: the origins they were about, some perhaps at 0. For a greeting: everything.
        version: Vec<(Origin, u64)>,
    },
}

/// Pages and receipts that a peer lacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update {
    /// Counts the updates of one session of the link from 1.
    pub number: u64,
    /// Whether it is to be acknowledged at once. Otherwise a later update's answer does for it too, if that
    /// comes within a fifth of a second.
    pub is_urgent: bool,
    /// At most one a page.
    pub deltas: Vec<Delta>,
    /// On their way to the origins that asked for them.
    pub receipts: Vec<Receipt>,
}

/// One operation, told to one peer, as the course has it. The delta makes a lost call harmless.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// As in [`Update`]: acknowledged under this number.
    pub number: u64,
    /// The operation and its sequence; `None`: the call only repairs what was missed.
    pub operation: Option<(u64, Operation)>,
    /// Everything the peer lacks of the page.
    pub delta: Delta,
}

/// One life of a branch has `origin`'s page up to `sequence`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Who has it.
    pub by: Origin,
    /// Whose page.
    pub origin: Origin,
    /// Up to where.
    pub sequence: u64,
}
