//! One row: what happened at one branch. A row holds what its event has to say and nothing else;
//! [`Cells`](super::Cells) spreads it over the columns that all rows share.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::types::{AccountId, BranchId, Origin, RequestId, Time, words};

/// One thing that happened at one branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// When, in microseconds since the run began.
    pub at: Time,
    /// Where.
    pub branch: BranchId,
    /// How often the branch's Lamport clock ticked: once, or once for each operation of a message.
    pub ticks: u32,
    /// The branch's Lamport clock after the last of these.
    pub clock: u64,
    /// What.
    pub event: Event,
}

/// What can happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A deposit was committed.
    Deposit(Write),
    /// A withdrawal was committed.
    Withdraw(Write),
    /// A balance was told.
    Query(Read),
    /// A request was refused.
    Refused(Box<Refused>),
    /// A message left for a peer.
    Sent(Message),
    /// A peer's message was taken.
    Received(Message),
    /// A message that this branch had sent was lost.
    Lost(Message),
    /// A message that this branch had sent will arrive twice.
    Doubled(Message),
    /// A page advanced, and with it this account.
    Joined(Change),
    /// The same, from disk.
    Recovered(Change),
    /// A session of the link to this peer began.
    LinkUp(BranchId),
    /// It ended.
    LinkDown(BranchId),
    /// Something befell the branch on purpose.
    Fault(Box<Fault>),
}

/// A committed write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// Whose page holds it.
    pub origin: Origin,
    /// Its place on that page.
    pub sequence: u64,
    /// Which account.
    pub account: AccountId,
    /// How much was asked for.
    pub amount: u64,
    /// The account's balance right after it.
    pub balance: i64,
    /// How many operations the branch had counted then, of all origins.
    pub known: u64,
    /// The customer's name for it.
    pub request: Option<RequestId>,
    /// From its arrival to its answer; `None`: it was never answered.
    pub waited_us: Option<u64>,
}

/// A balance that was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// Which account.
    pub account: AccountId,
    /// Its balance.
    pub balance: i64,
    /// How many operations the branch had counted then, of all origins.
    pub known: u64,
    /// The customer's name for it.
    pub request: Option<RequestId>,
    /// From its arrival to its answer; `None`: it was never answered.
    pub waited_us: Option<u64>,
}

/// A request that was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Which account it was about, as far as that is known.
    pub account: Option<AccountId>,
    /// How much was asked for; `None`: it was a query.
    pub amount: Option<u64>,
    /// The customer's name for it.
    pub request: Option<RequestId>,
    /// From its arrival to its answer.
    pub waited_us: Option<u64>,
    /// Why, for people.
    pub reason: String,
}

/// Names a message; unlike any other's of the trace, and above 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub NonZeroU64);

/// A message between branches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The other branch.
    pub peer: BranchId,
    /// What kind of message.
    pub kind: MessageKind,
    /// Its name; `None`: its sender keeps no trace.
    pub id: Option<MessageId>,
    /// How many operations it carries.
    pub operations: u64,
    /// Its encoded size; `None`: in a simulation, nothing is encoded.
    pub bytes: Option<u64>,
    /// What it carries, if that is of exactly one page.
    pub carries: Option<Range>,
}

/// An origin's operations from one to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Whose.
    pub origin: Origin,
    /// The first.
    pub from: u64,
    /// The last.
    pub through: u64,
}

/// What kinds of messages there are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MessageKind {
    /// An exchange of versions begins.
    Greeting,
    /// Pages that the receiver lacks.
    Update,
    /// A unary call: one operation, or a repair.
    Call,
    /// How far an update, a call or a greeting was taken.
    Acknowledgement,
}

/// An account that changed because a page advanced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The operations that came; on several accounts, each has a row with the same range.
    pub range: Range,
    /// Which account.
    pub account: AccountId,
    /// By how much its balance changed.
    pub amount: i64,
    /// Its balance after that.
    pub balance: i64,
    /// How many operations the branch has counted then, of all origins.
    pub known: u64,
    /// The message that brought it.
    pub message: Option<MessageId>,
}

/// Something that befell a branch on purpose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Between the branch and this one only.
    pub peer: Option<BranchId>,
    /// Details, for people.
    pub reason: Option<String>,
}

/// What can befall a branch, and how it ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FaultKind {
    /// It was killed.
    Killed,
    /// It came back, with nothing; what its disk had follows as recovered rows.
    Restarted,
    /// It stopped doing anything.
    Paused,
    /// It went on.
    Resumed,
    /// Messages to the peer are lost from now on.
    Cut,
    /// They arrive again.
    Mended,
    /// Messages take longer from now on.
    Slowed,
    /// They are as fast as before again.
    Unslowed,
    /// Some messages are lost from now on.
    Dropping,
    /// All arrive again.
    Delivering,
}

words!(
    MessageKind, "message":
    Greeting = "greeting",
    Update = "update",
    Call = "call",
    Acknowledgement = "acknowledgement",
);

/// The name of an event, without what it has to say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventName {
    /// [`Event::Deposit`].
    Deposit,
    /// [`Event::Withdraw`].
    Withdraw,
    /// [`Event::Query`].
    Query,
    /// [`Event::Refused`].
    Refused,
    /// [`Event::Sent`].
    Sent,
    /// [`Event::Received`].
    Received,
    /// [`Event::Lost`].
    Lost,
    /// [`Event::Doubled`].
    Doubled,
    /// [`Event::Joined`].
    Joined,
    /// [`Event::Recovered`].
    Recovered,
    /// [`Event::LinkUp`].
    LinkUp,
    /// [`Event::LinkDown`].
    LinkDown,
    /// [`Event::Fault`].
    Fault(FaultKind),
}

words!(
    EventName, "event":
    Deposit = "deposit",
    Withdraw = "withdraw",
    Query = "query",
    Refused = "refused",
    Sent = "sent",
    Received = "received",
    Lost = "lost",
    Doubled = "doubled",
    Joined = "joined",
    Recovered = "recovered",
    LinkUp = "link-up",
    LinkDown = "link-down",
    Fault(FaultKind::Killed) = "killed",
    Fault(FaultKind::Restarted) = "restarted",
    Fault(FaultKind::Paused) = "paused",
    Fault(FaultKind::Resumed) = "resumed",
    Fault(FaultKind::Cut) = "cut",
    Fault(FaultKind::Mended) = "mended",
    Fault(FaultKind::Slowed) = "slowed",
    Fault(FaultKind::Unslowed) = "unslowed",
    Fault(FaultKind::Dropping) = "dropping",
    Fault(FaultKind::Delivering) = "delivering",
);

impl Event {
    /// Its name.
    pub fn name(&self) -> EventName {
        match self {
            Self::Deposit(_) => EventName::Deposit,
            Self::Withdraw(_) => EventName::Withdraw,
            Self::Query(_) => EventName::Query,
            Self::Refused(_) => EventName::Refused,
            Self::Sent(_) => EventName::Sent,
            Self::Received(_) => EventName::Received,
            Self::Lost(_) => EventName::Lost,
            Self::Doubled(_) => EventName::Doubled,
            Self::Joined(_) => EventName::Joined,
            Self::Recovered(_) => EventName::Recovered,
            Self::LinkUp(_) => EventName::LinkUp,
            Self::LinkDown(_) => EventName::LinkDown,
            Self::Fault(fault) => EventName::Fault(fault.kind),
        }
    }

    /// How far it raises what the branch knows of an origin.
    pub fn raises(&self) -> Option<(Origin, u64)> {
        match self {
            Self::Deposit(write) | Self::Withdraw(write) => Some((write.origin, write.sequence)),
            Self::Joined(change) | Self::Recovered(change) => Some((change.range.origin, change.range.through)),
            Self::Query(_)
            | Self::Refused(_)
            | Self::Sent(_)
            | Self::Received(_)
            | Self::Lost(_)
            | Self::Doubled(_)
            | Self::LinkUp(_)
            | Self::LinkDown(_)
            | Self::Fault(_) => None,
        }
    }
}
