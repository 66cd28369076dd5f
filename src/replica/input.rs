//! What happens to a replica: all that a driver may hand in.

use super::message::PeerMessage;
use crate::types::{Action, BranchId, Origin, RequestId, Terms, Time};

/// A customer's request, on its way through the replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The driver's name for it, unique among requests that wait; the reply carries it back.
    pub ticket: u64,
    /// The customer's name for it. Without one, a retry counts again.
    pub id: Option<RequestId>,
    /// What is asked for.
    pub action: Action,
    /// Under which conditions.
    pub terms: Terms,
    /// Whether a query's answer carries the version.
    pub include_version: bool,
    /// When it is refused if its conditions do not hold; the driver adds `terms.wait` to its clock.
    pub deadline: Time,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A customer asks.
    Request(Request),
    /// The same, of a customer who may have no further request wait: one that would have to is refused as
    /// overloaded.
    RequestAtOnce {
        /// What is asked.
        request: Request,
        /// How many of the customer's may wait.
        limit: usize,
    },
    /// Whoever asked under this ticket waits no longer.
    GaveUp(u64),
    /// A session of the link to this peer begins. Messages of an earlier session must not be handed
    /// in any more: the peer may have lost what it acknowledged in it.
    LinkUp(BranchId),
    /// The peer of the session that has begun says in which life it is.
    Met(Origin),
    /// The session has ended.
    LinkDown(BranchId),
    /// A peer says something.
    Message {
        /// Which peer.
        from: BranchId,
        /// What it says.
        message: PeerMessage,
    },
    /// The save of this number is on disk.
    Saved(u64),
    /// Time has passed.
    Tick,
}
