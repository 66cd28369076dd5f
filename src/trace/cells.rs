//! A row spread over the columns that all rows share, and back: which event fills which cells. Where a row
//! has nothing to say, a cell is empty.

use std::borrow::Cow;

use super::{Cells, Change, Event, EventName, Fault, Message, Range, Read, Refused, Row, Write};
use crate::types::{AccountId, BranchId, RequestId};

impl Row {
    /// The row's cells.
    pub fn cells(&self) -> Cells<'_> {
        let bare = Cells::bare(self.at, self.branch.value(), self.event.name(), self.clock, self.ticks);
        let cells = Cells { reason: self.reason().map(Cow::Borrowed), ..bare };
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
                message_id: message.id,
                operations: Some(message.operations),
                bytes: message.bytes,
                ..cells.about(message.carries)
            },
            Event::Joined(change) | Event::Recovered(change) => Cells {
                message_id: change.message,
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
        let row = Row { at: self.time_us, branch, ticks: self.ticks, clock: self.clock, event };
        match self.surplus(&row.cells()) {
            None => Ok(row),
            Some(name) => Err(format!("{} has no {name}", self.event)),
        }
    }

    fn need<T>(&self, cell: Option<T>, name: &str) -> Result<T, String> {
        cell.ok_or_else(|| format!("{} needs {name}", self.event))
    }

    fn unsigned(&self, amount: i64) -> Result<u64, String> {
        u64::try_from(amount).map_err(|_| format!("amount is {amount}: {} has 0 or more", self.event))
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
            return Err(format!("{} is one operation: sequence_from and sequence_through differ", self.event));
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
            id: self.message_id,
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
            message: self.message_id,
        })
    }
}
