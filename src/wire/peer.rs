//! What branches say to each other.

use super::{
    WireError, proto,
    version::{branch, origin, version},
};
use crate::{
    replica::{Call, Delta, Entry, Past, PeerMessage, Receipt, Update},
    trace::{Mark, MessageId},
    types::{AccountId, Amount, BranchId, Incarnation, Operation, OperationKind, Origin, Version},
};

/// The first message of a link, in each direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    /// Who speaks.
    pub branch: BranchId,
    /// Of which bank: a digest of what all its branches have in common.
    pub bank: u64,
    /// In which life the branch is.
    pub life: Incarnation,
    /// The latest life of the receiver's branch that the sender has heard of.
    pub heard: Incarnation,
    /// An earlier life of the receiver's branch whose process asked for a link since.
    pub rival: Option<Incarnation>,
}

/// What a unary propagation says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Propagated {
    /// Whose page it is about.
    pub origin: Origin,
    /// The operation and its sequence; `None`: the call only repairs.
    pub operation: Option<(u64, Operation)>,
    /// Everything that the receiver may lack; `None`: a plain peer sends no totals.
    pub delta: Option<Delta>,
}

// By value, so that lists keep their places in memory: there is one in each delta, and many deltas.
impl From<Delta> for proto::Delta {
    fn from(delta: Delta) -> Self {
        let entry = |entry: Entry| proto::Entry {
            account: entry.account.0,
            sequence: entry.sequence,
            deposited: entry.deposited,
            withdrawn: entry.withdrawn,
        };
        Self {
            origin: delta.origin.branch.value(),
            incarnation: delta.origin.incarnation.0,
            base: delta.base,
            sequence: delta.sequence,
            entries: delta.entries.into_iter().map(entry).collect(),
            confirm_through: delta.confirm_through,
            past: delta.past.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Past> for proto::Past {
    fn from(past: &Past) -> Self {
        Self { from: past.from, incarnation: past.origin.incarnation.0, sequence: past.sequence }
    }
}

impl TryFrom<proto::Delta> for Delta {
    type Error = WireError;

    fn try_from(delta: proto::Delta) -> Result<Self, WireError> {
        let entry = |entry: proto::Entry| Entry {
            account: AccountId(entry.account),
            sequence: entry.sequence,
            deposited: entry.deposited,
            withdrawn: entry.withdrawn,
        };
        let origin = origin(delta.origin, delta.incarnation)?;
        let past = |past: proto::Past| Past {
            from: past.from,
            origin: Origin { incarnation: Incarnation(past.incarnation), ..origin },
            sequence: past.sequence,
        };
        Ok(Self {
            origin,
            base: delta.base,
            sequence: delta.sequence,
            entries: delta.entries.into_iter().map(entry).collect(),
            confirm_through: delta.confirm_through,
            past: delta.past.into_iter().map(past).collect(),
        })
    }
}

impl From<&Receipt> for proto::Receipt {
    fn from(receipt: &Receipt) -> Self {
        Self {
            branch: receipt.by.branch.value(),
            life: receipt.by.incarnation.0,
            origin: receipt.origin.branch.value(),
            incarnation: receipt.origin.incarnation.0,
            sequence: receipt.sequence,
        }
    }
}

impl TryFrom<&proto::Receipt> for Receipt {
    type Error = WireError;

    fn try_from(receipt: &proto::Receipt) -> Result<Self, WireError> {
        Ok(Self {
            by: Origin { branch: branch("branch", receipt.branch)?, incarnation: Incarnation(receipt.life) },
            origin: origin(receipt.origin, receipt.incarnation)?,
            sequence: receipt.sequence,
        })
    }
}

/// What a stream between branches carries.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    Hello(Hello),
    Replica(PeerMessage),
}

impl proto::PeerMessage {
    /// A hello as a message.
    pub fn hello(hello: Hello) -> Self {
        let Hello { branch, bank, life, heard, rival } = hello;
        let rival = rival.map(|life| life.0);
        let hello = proto::Hello { branch: branch.value(), bank, life: life.0, heard: heard.0, rival };
        Self { kind: Some(proto::peer_message::Kind::Hello(hello)), mark: None }
    }

    /// A replica's message; `None` for a call, which has an RPC of its own.
    pub fn new(message: PeerMessage) -> Option<Self> {
        use proto::peer_message::Kind;
        let kind = match message {
            PeerMessage::Greeting { version } => Kind::Greeting(proto::Greeting { version: Some((&version).into()) }),
            PeerMessage::Update(update) => Kind::Update(proto::Update {
                number: update.number,
                acknowledge_later: !update.is_urgent,
                deltas: update.deltas.into_iter().map(Into::into).collect(),
                receipts: update.receipts.iter().map(Into::into).collect(),
            }),
            PeerMessage::Acknowledgement { number, version } => {
                let entries = version.into_iter().map(Into::into).collect();
                Kind::Acknowledgement(proto::Acknowledgement { number, version: Some(proto::Version { entries }) })
            }
            PeerMessage::Call(_) => return None,
        };
        Some(Self { kind: Some(kind), mark: None })
    }

    /// The hello in the message.
    ///
    /// # Errors
    /// [`WireError`] if it is none, or cannot be read.
    pub fn read_hello(self) -> Result<Hello, WireError> {
        match self.read_kind()? {
            Kind::Hello(hello) => Ok(hello),
            Kind::Replica(_) => Err(WireError::new("kind", "is not the hello that every link begins with")),
        }
    }

    /// The replica's message in it.
    ///
    /// # Errors
    /// [`WireError`] if it is none, or cannot be read.
    pub fn read(self) -> Result<PeerMessage, WireError> {
        match self.read_kind()? {
            Kind::Hello(_) => Err(WireError::new("kind", "is a second hello")),
            Kind::Replica(message) => Ok(message),
        }
    }

    fn read_kind(self) -> Result<Kind, WireError> {
        use proto::peer_message::Kind as Wire;
        let message = match self.kind.ok_or_else(|| WireError::missing("kind"))? {
            Wire::Hello(hello) => {
                let (life, heard) = (Incarnation(hello.life), Incarnation(hello.heard));
                let (branch, rival) = (branch("branch", hello.branch)?, hello.rival.map(Incarnation));
                return Ok(Kind::Hello(Hello { branch, bank: hello.bank, life, heard, rival }));
            }
            Wire::Greeting(greeting) => PeerMessage::Greeting { version: version(&greeting.version)? },
            Wire::Update(update) => PeerMessage::Update(Update {
                number: update.number,
                is_urgent: !update.acknowledge_later,
                deltas: update.deltas.into_iter().map(Delta::try_from).collect::<Result<_, _>>()?,
                receipts: update.receipts.iter().map(Receipt::try_from).collect::<Result<_, _>>()?,
            }),
            Wire::Acknowledgement(acknowledgement) => {
                let entries = acknowledgement.version.iter().flat_map(|version| &version.entries);
                let version = entries.map(<(Origin, u64)>::try_from).collect::<Result<_, _>>()?;
                PeerMessage::Acknowledgement { number: acknowledgement.number, version }
            }
            Wire::Part(_) => return Err(WireError::new("kind", "is a part of a message")),
        };
        Ok(Kind::Replica(message))
    }
}

impl From<Mark> for proto::Mark {
    fn from(mark: Mark) -> Self {
        Self { sender: mark.sender.value(), message_id: mark.id.0.get(), clock: mark.clock }
    }
}

impl proto::Mark {
    /// What it says, if it says anything. Only traces depend on it, so one that cannot be is as none.
    pub fn read(&self) -> Option<Mark> {
        let id = MessageId(std::num::NonZeroU64::new(self.message_id)?);
        Some(Mark { sender: BranchId::new(self.sender)?, id, clock: self.clock })
    }
}

/// A call as the message of one of the two RPCs.
#[derive(Clone, PartialEq, Debug)]
pub enum PropagateRequest {
    /// For Propagate_Deposit; also what only repairs.
    Deposit(proto::PropagateDepositRequest),
    /// For Propagate_Withdraw.
    Withdraw(proto::PropagateWithdrawRequest),
}

impl PropagateRequest {
    /// Picks the RPC by the operation.
    pub fn new(call: &Call) -> Self {
        let delta = Some(call.delta.clone().into());
        let operation = call.operation.map(|(sequence, operation)| proto::PropagatedOperation {
            origin: call.delta.origin.branch.value(),
            incarnation: call.delta.origin.incarnation.0,
            sequence,
            account: operation.account.0,
            amount: operation.amount.value(),
        });
        match call.operation.map(|(_, operation)| operation.kind) {
            None | Some(OperationKind::Deposit) => {
                Self::Deposit(proto::PropagateDepositRequest { operation, delta, ..Default::default() })
            }
            Some(OperationKind::Withdraw) => {
                Self::Withdraw(proto::PropagateWithdrawRequest { operation, delta, ..Default::default() })
            }
        }
    }
}

impl Propagated {
    /// What a Propagate_Deposit or Propagate_Withdraw says.
    ///
    /// # Errors
    /// [`WireError`] names the field that cannot be read.
    pub fn read(
        kind: OperationKind,
        operation: Option<proto::PropagatedOperation>,
        delta: Option<proto::Delta>,
    ) -> Result<Self, WireError> {
        let delta = delta.map(Delta::try_from).transpose()?;
        let Some(told) = operation else {
            let delta = delta.ok_or_else(|| WireError::missing("operation"))?;
            return Ok(Self { origin: delta.origin, operation: None, delta: Some(delta) });
        };
        let origin = origin(told.origin, told.incarnation)?;
        if told.sequence == 0 {
            return Err(WireError::new("operation.sequence", "is 0, and an origin's operations count from 1"));
        }
        let amount = Amount::new(told.amount).map_err(|error| WireError::new("operation.amount", error.to_string()))?;
        let operation = Operation { kind, account: AccountId(told.account), amount };
        Ok(Self { origin, operation: Some((told.sequence, operation)), delta })
    }
}

/// A version as a plain list, as acknowledgements have it.
pub fn entries(version: &Version) -> Vec<(Origin, u64)> {
    version.iter().collect()
}
