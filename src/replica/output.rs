//! What a replica has its driver do.

use super::offence::PeerOffence;
use crate::types::{Answer, BranchId};

/// What the driver is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Answer the request of this ticket.
    Reply {
        /// Which request.
        ticket: u64,
        /// The answer.
        answer: Answer,
    },
    /// Call [`Replica::poll_send`](super::Replica::poll_send) for this peer until it returns `None`. Extra calls are harmless.
    Ready(BranchId),
    /// Call [`Replica::poll_save`](super::Replica::poll_save).
    Save,
    /// Log this, and end the session of the link.
    Faulty {
        /// Which peer.
        from: BranchId,
        /// What was wrong.
        fault: PeerOffence,
    },
}
