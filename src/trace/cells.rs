//! A row spread over the columns that all rows share: what JSON lines, data frames and Arrow show.
//! Where a row has nothing to say, a cell is empty.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Change, Event, EventName, Fault, Message, MessageId, MessageKind, Range, Read, Refused, Row, Write};
use crate::types::{AccountId, BranchId, ClientId, Incarnation, Origin, RequestId, Time};

/// Clients up to here are numbers that people gave; real ones are drawn from all 64 bits, and written
/// in hex as everywhere.
const SMALL_CLIENT: u64 = u32::MAX as u64;

/// One row's cells, in the order of the columns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cells<'a> {
    /// Microseconds since the run began.
    pub time_us: u64,
    /// Where it happened.
    pub branch: u32,
    /// What happened.
    #[serde(serialize_with = "named_event", deserialize_with = "parsed")]
    pub event: EventName,
    /// The branch's Lamport clock after it.
    pub clock: u64,
    /// How often it ticked.
    pub ticks: u32,
    /// The other branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<u32>,
    /// What kind of message.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "named", deserialize_with = "maybe")]
    pub message: Option<MessageKind>,
    /// The message's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<std::num::NonZeroU64>,
    /// How many operations it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<u64>,
    /// Its encoded size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whose operations the row is about.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "shown", deserialize_with = "origin")]
    pub origin: Option<Origin>,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_from: Option<u64>,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_through: Option<u64>,
    /// Which account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// How much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The account's balance at the branch after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// How many operations the branch has counted after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<u64>,
    /// The customer.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "hex", deserialize_with = "client")]
    pub client: Option<ClientId>,
    /// The number of its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// From its arrival to its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<u64>,
    /// Details, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
}

/// A customer as a trace writes it.
pub(super) fn client_text(client: ClientId) -> String {
    if client.0 <= SMALL_CLIENT { client.0.to_string() } else { format!("{:016x}", client.0) }
}

impl Row {
    /// The row's cells.
    pub fn cells(&self) -> Cells<'_> {
        let cells = Cells {
            time_us: self.at.0,
            branch: self.branch.value(),
            event: self.event.name(),
            clock: self.clock,
            ticks: self.ticks,
            peer: None,
            message: None,
            message_id: None,
            operations: None,
            bytes: None,
            origin: None,
            sequence_from: None,
            sequence_through: None,
            account: None,
            amount: None,
            balance: None,
            known: None,
            client: None,
            request: None,
            waited_us: None,
            reason: self.reason().map(Cow::Borrowed),
        };
        match &self.event {
            Event::Deposit(write) | Event::Withdraw(write) => Cells {
                origin: Some(write.origin),
                sequence_from: Some(write.sequence),
                sequence_through: Some(write.sequence),
                account: Some(write.account.0),
                amount: Some(signed(write.amount)),
                balance: Some(write.balance),
                known: Some(write.known),
                waited_us: write.waited_us,
                ..cells.asked(write.request)
            },
            Event::Query(read) => Cells {
                account: Some(read.account.0),
                balance: Some(read.balance),
                known: Some(read.known),
                waited_us: read.waited_us,
                ..cells.asked(read.request)
            },
            Event::Refused(refused) => Cells {
                account: refused.account.map(|account| account.0),
                amount: refused.amount.map(signed),
                waited_us: refused.waited_us,
                ..cells.asked(refused.request)
            },
            Event::Sent(message) | Event::Received(message) | Event::Lost(message) | Event::Doubled(message) => Cells {
                peer: Some(message.peer.value()),
                message: Some(message.kind),
                message_id: message.id.map(|id| id.0),
                operations: Some(message.operations),
                bytes: message.bytes,
                ..cells.about(message.carries)
            },
            Event::Joined(change) | Event::Recovered(change) => Cells {
                message_id: change.message.map(|id| id.0),
                account: Some(change.account.0),
                amount: Some(change.amount),
                balance: Some(change.balance),
                known: Some(change.known),
                ..cells.about(Some(change.range))
            },
            Event::LinkUp(peer) | Event::LinkDown(peer) => Cells { peer: Some(peer.value()), ..cells },
            Event::Fault(fault) => Cells { peer: fault.peer.map(BranchId::value), ..cells },
        }
    }

    /// Why, if the row says so.
    pub fn reason(&self) -> Option<&str> {
        match &self.event {
            Event::Refused(refused) => Some(&refused.reason),
            Event::Fault(fault) => fault.reason.as_deref(),
            Event::Deposit(_)
            | Event::Withdraw(_)
            | Event::Query(_)
            | Event::Sent(_)
            | Event::Received(_)
            | Event::Lost(_)
            | Event::Doubled(_)
            | Event::Joined(_)
            | Event::Recovered(_)
            | Event::LinkUp(_)
            | Event::LinkDown(_) => None,
        }
    }
}

/// Amounts are far below any limit; whatever else comes from a customer is shown as the highest.
fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

impl Cells<'_> {
    fn asked(self, request: Option<RequestId>) -> Self {
        let (client, request) = (request.map(|id| id.client), request.map(|id| id.number));
        Self { client, request, ..self }
    }

    fn about(self, range: Option<Range>) -> Self {
        Self {
            origin: range.map(|range| range.origin),
            sequence_from: range.map(|range| range.from),
            sequence_through: range.map(|range| range.through),
            ..self
        }
    }

    /// The row that has these cells.
    ///
    /// # Errors
    /// A sentence that names a cell that is missing, or one that such a row does not have.
    pub fn row(self) -> Result<Row, String> {
        let event = match self.event {
            EventName::Deposit => Event::Deposit(self.write()?),
            EventName::Withdraw => Event::Withdraw(self.write()?),
            EventName::Query => Event::Query(Read {
                account: AccountId(self.need(self.account, "account")?),
                balance: self.need(self.balance, "balance")?,
                known: self.need(self.known, "known")?,
                request: self.request_id()?,
                waited_us: self.waited_us,
            }),
            EventName::Refused => Event::Refused(Box::new(Refused {
                account: self.account.map(AccountId),
                amount: self.amount.map(|amount| self.unsigned(amount)).transpose()?,
                request: self.request_id()?,
                waited_us: self.waited_us,
                reason: self.need(self.reason.as_deref(), "reason")?.to_owned(),
            })),
            EventName::Sent => Event::Sent(self.message()?),
            EventName::Received => Event::Received(self.message()?),
            EventName::Lost => Event::Lost(self.message()?),
            EventName::Doubled => Event::Doubled(self.message()?),
            EventName::Joined => Event::Joined(self.change()?),
            EventName::Recovered => Event::Recovered(self.change()?),
            EventName::LinkUp => Event::LinkUp(self.peer()?),
            EventName::LinkDown => Event::LinkDown(self.peer()?),
            EventName::Fault(kind) => Event::Fault(Box::new(Fault {
                kind,
                peer: self.peer.map(|_| self.peer()).transpose()?,
                reason: self.reason.as_deref().map(str::to_owned),
            })),
        };
        let branch = BranchId::new(self.branch).ok_or("branch is 0, and branch ids begin at 1")?;
        if self.ticks == 0 {
            return Err("ticks is 0, and every event ticks the clock".to_owned());
        }
        let row = Row { at: Time(self.time_us), branch, ticks: self.ticks, clock: self.clock, event };
        match self.surplus(&row.cells()) {
            None => Ok(row),
            Some(name) => Err(format!("{} has no {name}", self.event.name())),
        }
    }

    fn need<T>(&self, cell: Option<T>, name: &str) -> Result<T, String> {
        cell.ok_or_else(|| format!("{} needs {name}", self.event.name()))
    }

    fn unsigned(&self, amount: i64) -> Result<u64, String> {
        u64::try_from(amount).map_err(|_| format!("amount is {amount}: {} has 0 or more", self.event.name()))
    }

    fn peer(&self) -> Result<BranchId, String> {
        let peer = self.need(self.peer, "peer")?;
        BranchId::new(peer).ok_or_else(|| "peer is 0, and branch ids begin at 1".to_owned())
    }

    fn request_id(&self) -> Result<Option<RequestId>, String> {
        match (self.client, self.request) {
            (Some(client), Some(number)) => Ok(Some(RequestId { client, number })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => Err("client and request belong together: both or neither".to_owned()),
        }
    }

    fn range(&self) -> Result<Option<Range>, String> {
        match (self.origin, self.sequence_from, self.sequence_through) {
            (None, None, None) => Ok(None),
            (Some(origin), Some(from), Some(through)) if 0 < from && from <= through => {
                Ok(Some(Range { origin, from, through }))
            }
            (Some(_), Some(from), Some(through)) => {
                Err(format!("sequence_from is {from} and sequence_through {through}: write 1 or more, in order"))
            }
            (..) => Err("origin, sequence_from and sequence_through belong together: all or none".to_owned()),
        }
    }

    fn write(&self) -> Result<Write, String> {
        let Range { origin, from, through } = self.need(self.range()?, "origin")?;
        if from != through {
            return Err(format!("{} is one operation: sequence_from and sequence_through differ", self.event.name()));
        }
        Ok(Write {
            origin,
            sequence: through,
            account: AccountId(self.need(self.account, "account")?),
            amount: self.unsigned(self.need(self.amount, "amount")?)?,
            balance: self.need(self.balance, "balance")?,
            known: self.need(self.known, "known")?,
            request: self.request_id()?,
            waited_us: self.waited_us,
        })
    }

    fn message(&self) -> Result<Message, String> {
        Ok(Message {
            peer: self.peer()?,
            kind: self.need(self.message, "message")?,
            id: self.message_id.map(MessageId),
            operations: self.need(self.operations, "operations")?,
            bytes: self.bytes,
            carries: self.range()?,
        })
    }

    fn change(&self) -> Result<Change, String> {
        Ok(Change {
            range: self.need(self.range()?, "origin")?,
            account: AccountId(self.need(self.account, "account")?),
            amount: self.need(self.amount, "amount")?,
            balance: self.need(self.balance, "balance")?,
            known: self.need(self.known, "known")?,
            message: self.message_id.map(MessageId),
        })
    }

    /// A cell that is filled here, and that a row of such an event leaves empty.
    fn surplus(&self, right: &Cells<'_>) -> Option<&'static str> {
        let filled = [
            ("peer", self.peer.is_some(), right.peer.is_some()),
            ("message", self.message.is_some(), right.message.is_some()),
            ("message_id", self.message_id.is_some(), right.message_id.is_some()),
            ("operations", self.operations.is_some(), right.operations.is_some()),
            ("bytes", self.bytes.is_some(), right.bytes.is_some()),
            ("origin", self.origin.is_some(), right.origin.is_some()),
            ("sequence_from", self.sequence_from.is_some(), right.sequence_from.is_some()),
            ("sequence_through", self.sequence_through.is_some(), right.sequence_through.is_some()),
            ("account", self.account.is_some(), right.account.is_some()),
            ("amount", self.amount.is_some(), right.amount.is_some()),
            ("balance", self.balance.is_some(), right.balance.is_some()),
            ("known", self.known.is_some(), right.known.is_some()),
            ("client", self.client.is_some(), right.client.is_some()),
            ("request", self.request.is_some(), right.request.is_some()),
            ("waited_us", self.waited_us.is_some(), right.waited_us.is_some()),
            ("reason", self.reason.is_some(), right.reason.is_some()),
        ];
        filled.into_iter().find(|&(_, here, there)| here && !there).map(|(name, ..)| name)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it a reference")]
fn named_event<S: Serializer>(event: &EventName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(event.name())
}

fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr<Err = String>>(deserializer: D) -> Result<T, D::Error> {
    Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[expect(clippy::ref_option, reason = "serde hands it a reference")]
fn named<S: Serializer>(kind: &Option<MessageKind>, serializer: S) -> Result<S::Ok, S::Error> {
    kind.map(MessageKind::name).serialize(serializer)
}

fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MessageKind>, D::Error> {
    let text = Option::<Cow<str>>::deserialize(deserializer)?;
    text.map(|text| text.parse()).transpose().map_err(de::Error::custom)
}

#[expect(clippy::ref_option, reason = "serde hands it a reference")]
fn shown<S: Serializer>(origin: &Option<Origin>, serializer: S) -> Result<S::Ok, S::Error> {
    origin.map(|origin| origin.to_string()).serialize(serializer)
}

fn origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Origin>, D::Error> {
    let text = Option::<Cow<str>>::deserialize(deserializer)?;
    text.map(|text| read_origin(&text)).transpose().map_err(de::Error::custom)
}

/// An origin as `Display` writes it.
pub(super) fn read_origin(text: &str) -> Result<Origin, String> {
    let (branch, incarnation) = text.split_once('.').unwrap_or((text, "0"));
    let branch = branch.parse().ok().and_then(BranchId::new);
    let (Some(branch), Ok(incarnation)) = (branch, incarnation.parse()) else {
        return Err(format!("origin {text:?} is unknown: write \"2\", or \"2.1700000000000000\" for a later life"));
    };
    Ok(Origin { branch, incarnation: Incarnation(incarnation) })
}

#[expect(clippy::ref_option, reason = "serde hands it a reference")]
fn hex<S: Serializer>(client: &Option<ClientId>, serializer: S) -> Result<S::Ok, S::Error> {
    client.map(client_text).serialize(serializer)
}

fn client<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ClientId>, D::Error> {
    let text = Option::<Cow<str>>::deserialize(deserializer)?;
    let read = |text: Cow<str>| {
        let number = if text.len() == 16 { u64::from_str_radix(&text, 16) } else { text.parse() };
        number.map_err(|_| format!("client {text:?} is unknown: write 16 hex digits, or a small number"))
    };
    text.map(read).transpose().map(|number| number.map(ClientId)).map_err(de::Error::custom)
}
