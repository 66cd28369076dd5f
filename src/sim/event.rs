//! What can come up in a simulation, and what is on its way meanwhile.

use std::collections::BTreeMap;

use super::{
    call::{CallEnd, Calling},
    place::{BranchIndex, CustomerIndex, NodeIndex, Side},
};
use crate::{
    replica::{PeerMessage, Request, Save},
    trace::Mark,
    types::{AccountId, Answer, BranchId},
};

/// Everything that can come up.
#[derive(Debug)]
pub(super) enum Event {
    /// An operation of the plan is due.
    Due(usize),
    /// A request reaches a branch.
    Arrive { customer: CustomerIndex, id: u64, attempt: u32, node: u32 },
    /// A copy of a request reaches a branch, late.
    Stray(Box<Stray>),
    /// An answer reaches a customer.
    Answered { customer: CustomerIndex, id: u64, answer: Answer },
    /// A customer has waited long enough for an attempt.
    Impatient { customer: CustomerIndex, id: u64, attempt: u32 },
    /// A message reaches a branch.
    Deliver(Box<Parcel>),
    /// A call reaches a branch.
    Call(Box<Calling>),
    /// A call ends at the branch that made it.
    CallEnded(Box<CallEnd>),
    /// A branch that calls a peer tries again.
    CallAgain { node: NodeIndex, life: u64, peer: BranchId },
    /// A branch's deadline.
    Tick { node: NodeIndex, life: u64 },
    /// A save is on disk.
    Saved { node: NodeIndex, life: u64, save: Box<Save> },
    /// An end of a link hears that its session is over.
    Noticed { edge: usize, side: Side, node: NodeIndex, session: u64 },
    /// A link that is down is tried again.
    Redial { edge: usize, session: u64 },
    /// The other process of a branch takes over a link.
    Rival { edge: usize, branch: BranchIndex },
    /// A fault begins.
    Strike(usize),
    /// A fault ends.
    Lift(usize),
    /// What a planted bug tells the other branches behind the replica's back.
    Whisper { node: NodeIndex, account: AccountId, change: i64 },
    /// All faults have lifted: is the bank settled?
    Look,
}

/// A message on its way, in a session: that joins two processes, so that another process hears nothing of it.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) edge: usize,
    /// The end that it goes to.
    pub(super) to: Side,
    pub(super) session: u64,
    pub(super) message: PeerMessage,
    /// The sender's balances, for a planted bug.
    pub(super) balances: Option<BTreeMap<AccountId, i64>>,
    /// For the trace.
    pub(super) mark: Option<Mark>,
}

/// A copy of a customer's request, on its way to one life of one process.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) customer: CustomerIndex,
    pub(super) id: u64,
    pub(super) node: NodeIndex,
    pub(super) life: u64,
    pub(super) request: Request,
}
