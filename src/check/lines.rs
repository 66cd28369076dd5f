//! Histories as JSON lines, which any program can write.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    Event, History, Invocation, Kind, Outcome,
    form::{
        ActionName, Ask, Back, Bank, Done, End, Fault, Header, Line, Over, Reason, Refused, Twice, Unanswered, What,
    },
};
use crate::types::{
    AccountId, Action, Amount, Answer, BranchId, ClientId, Committed, Concern, Operation, OperationKind, Queried,
    Refusal, RequestId, Time,
};

/// What is wrong with a written history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong there, and what would be right.
    pub reason: String,
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for HistoryError {}

impl History {
    /// The history as JSON lines: the bank, then an event a line.
    pub fn to_jsonl(&self) -> String {
        let branches = self.branches.iter().map(|branch| branch.value()).collect();
        let accounts = self.accounts.iter().map(|(account, &opening)| (account.0, opening)).collect();
        let mut text = json(&Header { bank: Bank { branches, accounts } });
        for event in &self.events {
            text.push_str(&json(&Line { at: event.at.0, what: what(&event.kind) }));
        }
        text
    }

    /// Reads what [`History::to_jsonl`] or another program wrote. Blank lines are skipped.
    ///
    /// # Errors
    /// [`HistoryError`] names the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, HistoryError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (number, first) = lines.next().unwrap_or_default();
        let at = |number: usize| move |reason: String| HistoryError { line: number + 1, reason };
        let header: Header = serde_json::from_str(first)
            .map_err(|error| {
                format!("{} is expected: {error}", r#"{"bank": {"branches": [1], "accounts": {"0": 400}}}"#)
            })
            .map_err(at(number))?;
        let branches = header.bank.branches.into_iter().map(branch).collect::<Result<_, _>>().map_err(at(number))?;
        let accounts = header.bank.accounts.into_iter().map(|(id, opening)| (AccountId(id), opening)).collect();
        let history = Self { branches, accounts, events: Vec::new() };
        let mut reader = Reader { history, asked: BTreeMap::new(), faults: BTreeMap::new() };
        for (number, line) in lines {
            reader.read(line).map_err(at(number))?;
        }
        Ok(reader.history)
    }
}

struct Reader {
    history: History,
    /// The actions of what has been asked and not been answered; `None`: answered.
    asked: BTreeMap<u64, Option<Action>>,
    /// Whether each fault that has begun still lasts.
    faults: BTreeMap<u64, bool>,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), String> {
        let Line { at, what } = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if let Some(last) = self.history.events.last().filter(|last| last.at.0 > at) {
            return Err(format!("time goes back from {} to {at} us: sort the events by time", last.at.0));
        }
        let kind = match what {
            What::Invoke(ask) => {
                let invocation = ask.read()?;
                self.known(invocation.branch)?;
                if self.asked.insert(invocation.id, Some(invocation.action)).is_some() {
                    return Err(format!("id {} was used before: give each invocation its own", invocation.id));
                }
                Kind::Invoked(invocation)
            }
            What::Ok(done) => {
                let id = done.id;
                let answer = done.read(self.complete(id)?)?;
                Kind::Completed { id, outcome: Outcome::Answered(answer) }
            }
            What::Refused(Refused { id, reason }) => {
                self.complete(id)?;
                Kind::Completed { id, outcome: Outcome::Answered(Answer::Refused(reason.read()?)) }
            }
            What::Unknown(Unanswered { id }) => {
                self.complete(id)?;
                Kind::Completed { id, outcome: Outcome::Unknown }
            }
            What::Restarted(Back { branch: id, kept }) => Kind::Restarted { branch: self.known(branch(id)?)?, kept },
            What::Doubled(Twice { branch: id }) => Kind::Doubled { branch: self.known(branch(id)?)? },
            What::Fault(Fault { fault, what }) => {
                if self.faults.insert(fault, true).is_some() {
                    return Err(format!("fault {fault} was used before: give each fault its own number"));
                }
                Kind::Struck { fault, what }
            }
            What::Lifted(Over { fault }) => {
                if !self.faults.insert(fault, false).unwrap_or(false) {
                    return Err(format!("fault {fault} does not last: it is lifted once, after it has begun"));
                }
                Kind::Lifted { fault }
            }
            What::Final(End { branch: id, balances, version }) => Kind::Final {
                branch: self.known(branch(id)?)?,
                balances: balances.into_iter().map(read_balance).collect::<Result<_, _>>()?,
                version: version.map(|entries| entries.into_iter().collect()),
            },
        };
        self.history.events.push(Event { at: Time(at), kind });
        Ok(())
    }

    fn known(&self, branch: BranchId) -> Result<BranchId, String> {
        if self.history.branches.contains(&branch) {
            Ok(branch)
        } else {
            Err(format!("branch {branch} is none of the bank's branches in the first line"))
        }
    }

    fn complete(&mut self, id: u64) -> Result<Action, String> {
        match self.asked.get_mut(&id).map(Option::take) {
            Some(Some(action)) => Ok(action),
            Some(None) => Err(format!("id {id} has been answered before")),
            None => Err(format!("id {id} is answered before it is invoked")),
        }
    }
}

impl Ask {
    fn read(self) -> Result<Invocation, String> {
        let account = AccountId(self.account);
        let write = |kind| {
            let value = self.amount.ok_or_else(|| format!("a {} needs an amount", self.action))?;
            let amount = Amount::new(value).map_err(|error| error.to_string())?;
            Ok::<_, String>(Action::Write(Operation { kind, account, amount }))
        };
        let action = match self.action {
            ActionName::Query if self.amount.is_some() => return Err("a query has no amount".to_owned()),
            ActionName::Query => Action::Query { account },
            ActionName::Deposit => write(OperationKind::Deposit)?,
            ActionName::Withdraw => write(OperationKind::Withdraw)?,
        };
        Ok(Invocation {
            id: self.id,
            client: self.client,
            request: self.request,
            branch: branch(self.branch)?,
            action,
            concern: self.concern.unwrap_or_default(),
            at_least: self.at_least.into_iter().collect(),
        })
    }
}

impl Done {
    fn read(self, action: Action) -> Result<Answer, String> {
        let balance = self.balance;
        match action {
            Action::Query { .. } => {
                if self.origin.is_some() || self.sequence.is_some() {
                    return Err(
                        "the answer to a query has no place: origin and sequence are those of a write".to_owned()
                    );
                }
                let version = self.version.map(|entries| entries.into_iter().collect());
                Ok(Answer::Queried(Queried { balance, version }))
            }
            Action::Write(_) => {
                if self.version.is_some() {
                    return Err("the answer to a write has a place, and no version".to_owned());
                }
                let (Some(origin), Some(sequence)) = (self.origin, self.sequence) else {
                    return Err("the answer to a write needs its place: origin and sequence".to_owned());
                };
                Ok(Answer::Committed(Committed { origin, sequence, balance }))
            }
        }
    }
}

impl Reason {
    fn read(self) -> Result<Refusal, String> {
        let amount = |value| Amount::new(value).map_err(|error| error.to_string());
        let request = |client, number| RequestId { client: ClientId(client), number };
        Ok(match self {
            Self::InvalidAmount { requested } => Refusal::InvalidAmount { requested },
            Self::UnknownAccount { account } => Refusal::UnknownAccount { account: AccountId(account) },
            Self::InsufficientFunds { available, requested } => {
                Refusal::InsufficientFunds { available, requested: amount(requested)? }
            }
            Self::TotalLimit { total, requested } => Refusal::TotalLimit { total, requested: amount(requested)? },
            Self::RequestConflict { client, number } => Refusal::RequestConflict { request: request(client, number) },
            Self::RequestExpired { client, number } => Refusal::RequestExpired { request: request(client, number) },
            Self::Overloaded { limit } => Refusal::Overloaded { limit },
            Self::VersionNotReached {} => Refusal::VersionNotReached,
            Self::VersionLost { origin, most } => Refusal::VersionLost { origin, most },
            Self::ConcernNotReached { concern, reached, needed } => {
                Refusal::ConcernNotReached { concern, reached, needed }
            }
        })
    }

    fn write(refusal: Refusal) -> Self {
        match refusal {
            Refusal::InvalidAmount { requested } => Self::InvalidAmount { requested },
            Refusal::UnknownAccount { account } => Self::UnknownAccount { account: account.0 },
            Refusal::InsufficientFunds { available, requested } => {
                Self::InsufficientFunds { available, requested: requested.value() }
            }
            Refusal::TotalLimit { total, requested } => Self::TotalLimit { total, requested: requested.value() },
            Refusal::RequestConflict { request: RequestId { client, number } } => {
                Self::RequestConflict { client: client.0, number }
            }
            Refusal::RequestExpired { request: RequestId { client, number } } => {
                Self::RequestExpired { client: client.0, number }
            }
            Refusal::Overloaded { limit } => Self::Overloaded { limit },
            Refusal::VersionNotReached => Self::VersionNotReached {},
            Refusal::VersionLost { origin, most } => Self::VersionLost { origin, most },
            Refusal::ConcernNotReached { concern, reached, needed } => {
                Self::ConcernNotReached { concern, reached, needed }
            }
        }
    }
}

fn what(kind: &Kind) -> What {
    match kind {
        Kind::Invoked(Invocation { id, client, request, branch, action, concern, at_least }) => {
            let (name, account, amount) = match action {
                Action::Query { account } => (ActionName::Query, account, None),
                Action::Write(Operation { kind: OperationKind::Deposit, account, amount }) => {
                    (ActionName::Deposit, account, Some(amount.value()))
                }
                Action::Write(Operation { kind: OperationKind::Withdraw, account, amount }) => {
                    (ActionName::Withdraw, account, Some(amount.value()))
                }
            };
            What::Invoke(Ask {
                id: *id,
                client: *client,
                request: *request,
                branch: branch.value(),
                action: name,
                account: account.0,
                amount,
                concern: (*concern != Concern::Local).then_some(*concern),
                at_least: at_least.iter().collect(),
            })
        }
        Kind::Completed { id, outcome: Outcome::Unknown } => What::Unknown(Unanswered { id: *id }),
        Kind::Completed { id, outcome: Outcome::Answered(answer) } => match answer {
            Answer::Queried(Queried { balance, version }) => What::Ok(Done {
                id: *id,
                balance: *balance,
                origin: None,
                sequence: None,
                version: version.as_ref().map(|version| version.iter().collect()),
            }),
            Answer::Committed(Committed { origin, sequence, balance }) => What::Ok(Done {
                id: *id,
                balance: *balance,
                origin: Some(*origin),
                sequence: Some(*sequence),
                version: None,
            }),
            Answer::Refused(refusal) => What::Refused(Refused { id: *id, reason: Reason::write(*refusal) }),
        },
        Kind::Restarted { branch, kept } => What::Restarted(Back { branch: branch.value(), kept: *kept }),
        Kind::Struck { fault, what } => What::Fault(Fault { fault: *fault, what: what.clone() }),
        Kind::Doubled { branch } => What::Doubled(Twice { branch: branch.value() }),
        Kind::Lifted { fault } => What::Lifted(Over { fault: *fault }),
        Kind::Final { branch, balances, version } => What::Final(End {
            branch: branch.value(),
            balances: balances.iter().map(|(account, &balance)| (account.to_string(), balance)).collect(),
            version: version.as_ref().map(|version| version.iter().collect()),
        }),
    }
}

/// One line. Nothing here has a form that JSON lacks.
fn json(line: &impl Serialize) -> String {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}

fn branch(id: u32) -> Result<BranchId, String> {
    BranchId::new(id).ok_or_else(|| "a branch is 0: ids count from 1".to_owned())
}

fn read_balance((account, balance): (String, i64)) -> Result<(AccountId, i64), String> {
    let id = account.parse().map_err(|_| format!("{account:?} is not an account: write a whole number"))?;
    Ok((AccountId(id), balance))
}
