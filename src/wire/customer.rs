//! What customers and branches say to each other.

use std::collections::BTreeMap;

use super::{WireError, proto, version};
use crate::types::{
    AccountId, Action, Amount, Answer, BranchId, ClientId, Committed, Concern, Duration, Operation, OperationKind,
    Origin, Queried, Refusal, RequestId, Terms, Version,
};

/// A branch's state at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Which branch.
    pub branch: BranchId,
    /// Every account's balance.
    pub balances: BTreeMap<AccountId, i64>,
    /// The replica's version.
    pub version: Version,
}

/// What a branch says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Its state.
    pub snapshot: Snapshot,
    /// Whose page it writes.
    pub origin: Origin,
    /// Its links.
    pub links: Vec<LinkStatus>,
}

/// What a branch knows of its link to a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkStatus {
    /// The peer.
    pub peer: BranchId,
    /// Whether the link is up.
    pub connected: bool,
    /// Operations that the peer is not known to have.
    pub behind: u64,
}

/// One message of an Execute stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Whose requests; `None`: no retry is recognised.
    pub client: Option<ClientId>,
    /// Each request's number, and what it asks for; a refusal if that cannot be right.
    pub requests: Vec<(u64, Result<Action, Refusal>)>,
    /// For all of them.
    pub terms: Terms,
}

fn amount(value: u64) -> Result<Amount, Refusal> {
    Amount::new(value).map_err(|error| Refusal::InvalidAmount { requested: error.value })
}

fn write(kind: OperationKind, account: u64, value: u64) -> Result<Operation, Refusal> {
    Ok(Operation { kind, account: AccountId(account), amount: amount(value)? })
}

fn terms(concern: i32, at_least: &Option<proto::Version>, wait_us: u64) -> Result<Terms, WireError> {
    let concern = match proto::Concern::try_from(concern) {
        Ok(proto::Concern::Unspecified | proto::Concern::Local) => Concern::Local,
        Ok(proto::Concern::Majority) => Concern::Majority,
        Ok(proto::Concern::All) => Concern::All,
        Err(_) => return Err(WireError::new("concern", format!("is {concern}, which this branch does not know"))),
    };
    let wait = if wait_us == 0 { Terms::DEFAULT_WAIT } else { Duration(wait_us) };
    Ok(Terms { concern, at_least: version::version(at_least)?, wait })
}

fn concern(concern: Concern) -> proto::Concern {
    match concern {
        Concern::Local => proto::Concern::Local,
        Concern::Majority => proto::Concern::Majority,
        Concern::All => proto::Concern::All,
    }
}

/// 0 is how a request says "the default", so a wait of nothing becomes the least there is.
fn wait_us(wait: Duration) -> u64 {
    wait.0.max(1)
}

fn at_least(terms: &Terms) -> Option<proto::Version> {
    (!terms.at_least.is_empty()).then(|| (&terms.at_least).into())
}

fn request_id(request: Option<proto::RequestId>) -> Option<RequestId> {
    request.map(|request| RequestId { client: ClientId(request.client), number: request.number })
}

impl From<RequestId> for proto::RequestId {
    fn from(request: RequestId) -> Self {
        Self { client: request.client.0, number: request.number }
    }
}

impl proto::QueryRequest {
    /// Asks for a balance.
    pub fn new(account: AccountId, include_version: bool, terms: &Terms) -> Self {
        Self { account: account.0, at_least: at_least(terms), wait_us: wait_us(terms.wait), include_version }
    }

    /// What is asked for, and under which conditions.
    ///
    /// # Errors
    /// [`WireError`] names the field that cannot be read.
    pub fn read(&self) -> Result<(Action, Terms), WireError> {
        Ok((Action::Query { account: AccountId(self.account) }, terms(0, &self.at_least, self.wait_us)?))
    }
}

/// Deposit and Withdraw requests have the same fields; so have their answers.
macro_rules! write_messages {
    ($kind:expr, $request:ident, $response:ident, $outcome:ident) => {
        impl proto::$request {
            /// Asks for the operation of this kind.
            pub fn new(account: AccountId, amount: Amount, id: RequestId, terms: &Terms) -> Self {
                Self {
                    account: account.0,
                    amount: amount.value(),
                    request: Some(id.into()),
                    concern: concern(terms.concern).into(),
                    at_least: at_least(terms),
                    wait_us: wait_us(terms.wait),
                }
            }

            /// What is asked for, or the refusal it deserves; its id; under which conditions.
            ///
            /// # Errors
            /// [`WireError`] names the field that cannot be read.
            pub fn read(&self) -> Result<(Result<Operation, Refusal>, Option<RequestId>, Terms), WireError> {
                let terms = terms(self.concern, &self.at_least, self.wait_us)?;
                Ok((write($kind, self.account, self.amount), request_id(self.request), terms))
            }
        }

        impl proto::$response {
            /// The answer as a message.
            pub fn new(answer: &Answer) -> Self {
                let outcome = match answer {
                    Answer::Committed(committed) => Some(proto::$outcome::Outcome::Committed(committed.into())),
                    Answer::Refused(refusal) => Some(proto::$outcome::Outcome::Refusal(refusal.into())),
                    Answer::Queried(_) => None,
                };
                Self { outcome }
            }

            /// The answer in the message.
            ///
            /// # Errors
            /// [`WireError`] names the field that cannot be read.
            pub fn read(&self, request: RequestId) -> Result<Answer, WireError> {
                match &self.outcome {
                    Some(proto::$outcome::Outcome::Committed(committed)) => Ok(Answer::Committed(committed.read()?)),
                    Some(proto::$outcome::Outcome::Refusal(refusal)) => Ok(Answer::Refused(refusal.read(request)?)),
                    None => Err(WireError::missing("outcome")),
                }
            }
        }
    };
}

write_messages!(OperationKind::Deposit, DepositRequest, DepositResponse, deposit_response);
write_messages!(OperationKind::Withdraw, WithdrawRequest, WithdrawResponse, withdraw_response);

impl proto::QueryResponse {
    /// The answer as a message.
    pub fn new(answer: &Answer) -> Self {
        let outcome = match answer {
            Answer::Queried(queried) => Some(proto::query_response::Outcome::Queried(queried.into())),
            Answer::Refused(refusal) => Some(proto::query_response::Outcome::Refusal(refusal.into())),
            Answer::Committed(_) => None,
        };
        Self { outcome }
    }

    /// The answer in the message.
    ///
    /// # Errors
    /// [`WireError`] names the field that cannot be read.
    pub fn read(&self) -> Result<Answer, WireError> {
        match &self.outcome {
            Some(proto::query_response::Outcome::Queried(queried)) => Ok(Answer::Queried(queried.read()?)),
            Some(proto::query_response::Outcome::Refusal(refusal)) => Ok(Answer::Refused(refusal.read(NO_REQUEST)?)),
            None => Err(WireError::missing("outcome")),
        }
    }
}

/// Queries have no request id.
const NO_REQUEST: RequestId = RequestId { client: ClientId(0), number: 0 };

impl From<&Queried> for proto::Queried {
    fn from(queried: &Queried) -> Self {
        Self { balance: queried.balance, version: queried.version.as_ref().map(Into::into) }
    }
}

impl proto::Queried {
    fn read(&self) -> Result<Queried, WireError> {
        let version = self.version.as_ref().map(Version::try_from).transpose()?;
        Ok(Queried { balance: self.balance, version })
    }
}

impl From<&Committed> for proto::Committed {
    fn from(committed: &Committed) -> Self {
        Self { write: Some((committed.origin, committed.sequence).into()), balance: committed.balance }
    }
}

impl proto::Committed {
    fn read(&self) -> Result<Committed, WireError> {
        let (origin, sequence) = self.write.as_ref().ok_or_else(|| WireError::missing("write"))?.try_into()?;
        Ok(Committed { origin, sequence, balance: self.balance })
    }
}

impl From<&Refusal> for proto::Refusal {
    fn from(refusal: &Refusal) -> Self {
        use proto::RefusalCode as Code;
        let blank = Self { definite: refusal.is_definite(), message: refusal.to_string(), ..Self::default() };
        let with = |code: Code| Self { code: code.into(), ..blank.clone() };
        match *refusal {
            Refusal::InvalidAmount { requested } => Self { requested, ..with(Code::InvalidAmount) },
            Refusal::UnknownAccount { account } => Self { account: account.0, ..with(Code::UnknownAccount) },
            Refusal::InsufficientFunds { available, requested } => {
                Self { available, requested: requested.value(), ..with(Code::InsufficientFunds) }
            }
            Refusal::TotalLimit { total, requested } => {
                Self { available: total as i64, requested: requested.value(), ..with(Code::TotalLimit) }
            }
            Refusal::RequestConflict { .. } => with(Code::RequestConflict),
            Refusal::RequestExpired { .. } => with(Code::RequestExpired),
            Refusal::Overloaded { limit } => Self { requested: limit as u64, ..with(Code::Overloaded) },
            Refusal::VersionNotReached => with(Code::VersionNotReached),
            Refusal::ConcernNotReached { concern: asked, reached, needed } => Self {
                concern: concern(asked).into(),
                reached: reached as u32,
                needed: needed as u32,
                ..with(Code::ConcernNotReached)
            },
        }
    }
}

impl proto::Refusal {
    /// The refusal of `request`.
    fn read(&self, request: RequestId) -> Result<Refusal, WireError> {
        use proto::RefusalCode as Code;
        let requested = || Amount::new(self.requested).map_err(|error| WireError::new("requested", error.to_string()));
        Ok(match Code::try_from(self.code) {
            Ok(Code::InvalidAmount) => Refusal::InvalidAmount { requested: self.requested },
            Ok(Code::UnknownAccount) => Refusal::UnknownAccount { account: AccountId(self.account) },
            Ok(Code::InsufficientFunds) => {
                Refusal::InsufficientFunds { available: self.available, requested: requested()? }
            }
            Ok(Code::TotalLimit) => {
                Refusal::TotalLimit { total: self.available.unsigned_abs(), requested: requested()? }
            }
            Ok(Code::RequestConflict) => Refusal::RequestConflict { request },
            Ok(Code::RequestExpired) => Refusal::RequestExpired { request },
            Ok(Code::Overloaded) => Refusal::Overloaded { limit: self.requested as usize },
            Ok(Code::VersionNotReached) => Refusal::VersionNotReached,
            Ok(Code::ConcernNotReached) => Refusal::ConcernNotReached {
                concern: terms(self.concern, &None, 0)?.concern,
                reached: self.reached as usize,
                needed: self.needed as usize,
            },
            Ok(Code::Unspecified) | Err(_) => {
                return Err(WireError::new("code", format!("is {}, which this customer does not know", self.code)));
            }
        })
    }
}

impl proto::ExecuteRequest {
    /// Requests numbered from `first` on.
    pub fn new(client: ClientId, requests: impl IntoIterator<Item = (u64, Action)>, terms: &Terms) -> Self {
        Self {
            client: client.0,
            operations: requests.into_iter().map(|(number, action)| proto::Operation::new(number, action)).collect(),
            concern: concern(terms.concern).into(),
            at_least: at_least(terms),
            wait_us: wait_us(terms.wait),
        }
    }

    /// The requests in the message.
    ///
    /// # Errors
    /// [`WireError`] names the field that cannot be read.
    pub fn read(&self) -> Result<Batch, WireError> {
        let requests = self.operations.iter().map(proto::Operation::read).collect::<Result<_, _>>()?;
        let client = (self.client != 0).then_some(ClientId(self.client));
        Ok(Batch { client, requests, terms: terms(self.concern, &self.at_least, self.wait_us)? })
    }
}

impl proto::Operation {
    fn new(number: u64, action: Action) -> Self {
        use proto::operation::Operation as Kind;
        let operation = match action {
            Action::Query { account } => Kind::Query(proto::QueryOperation { account: account.0 }),
            Action::Write(Operation { kind, account, amount }) => {
                let (account, amount) = (account.0, amount.value());
                match kind {
                    OperationKind::Deposit => Kind::Deposit(proto::DepositOperation { account, amount }),
                    OperationKind::Withdraw => Kind::Withdraw(proto::WithdrawOperation { account, amount }),
                }
            }
        };
        Self { number, operation: Some(operation) }
    }

    fn read(&self) -> Result<(u64, Result<Action, Refusal>), WireError> {
        use proto::operation::Operation as Kind;
        let action = match self.operation.as_ref().ok_or_else(|| WireError::missing("operation"))? {
            Kind::Query(query) => Ok(Action::Query { account: AccountId(query.account) }),
            Kind::Deposit(it) => write(OperationKind::Deposit, it.account, it.amount).map(Action::Write),
            Kind::Withdraw(it) => write(OperationKind::Withdraw, it.account, it.amount).map(Action::Write),
        };
        Ok((self.number, action))
    }
}

impl proto::Answer {
    /// The answer to request `number`, as a message.
    pub fn new(number: u64, answer: &Answer) -> Self {
        use proto::answer::Outcome;
        let outcome = match answer {
            Answer::Queried(queried) => Outcome::Queried(queried.into()),
            Answer::Committed(committed) => Outcome::Committed(committed.into()),
            Answer::Refused(refusal) => Outcome::Refusal(refusal.into()),
        };
        Self { number, outcome: Some(outcome) }
    }

    /// The answer in the message.
    ///
    /// # Errors
    /// [`WireError`] names the field that cannot be read.
    pub fn read(&self, client: ClientId) -> Result<Answer, WireError> {
        use proto::answer::Outcome;
        Ok(match self.outcome.as_ref().ok_or_else(|| WireError::missing("outcome"))? {
            Outcome::Queried(queried) => Answer::Queried(queried.read()?),
            Outcome::Committed(committed) => Answer::Committed(committed.read()?),
            Outcome::Refusal(refusal) => Answer::Refused(refusal.read(RequestId { client, number: self.number })?),
        })
    }
}

fn to_balances(balances: &BTreeMap<AccountId, i64>) -> Vec<proto::Balance> {
    balances.iter().map(|(account, &balance)| proto::Balance { account: account.0, balance }).collect()
}

fn from_balances(balances: &[proto::Balance]) -> BTreeMap<AccountId, i64> {
    balances.iter().map(|entry| (AccountId(entry.account), entry.balance)).collect()
}

impl From<&Snapshot> for proto::WatchResponse {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            branch: snapshot.branch.value(),
            balances: to_balances(&snapshot.balances),
            version: Some((&snapshot.version).into()),
        }
    }
}

impl TryFrom<&proto::WatchResponse> for Snapshot {
    type Error = WireError;

    fn try_from(message: &proto::WatchResponse) -> Result<Self, WireError> {
        Ok(Self {
            branch: version::branch("branch", message.branch)?,
            balances: from_balances(&message.balances),
            version: version::version(&message.version)?,
        })
    }
}

impl From<&Status> for proto::StatusResponse {
    fn from(status: &Status) -> Self {
        let link = |link: &LinkStatus| proto::LinkStatus {
            peer: link.peer.value(),
            connected: link.connected,
            behind: link.behind,
        };
        Self {
            branch: status.origin.branch.value(),
            incarnation: status.origin.incarnation.0,
            balances: to_balances(&status.snapshot.balances),
            version: Some((&status.snapshot.version).into()),
            links: status.links.iter().map(link).collect(),
        }
    }
}

impl TryFrom<&proto::StatusResponse> for Status {
    type Error = WireError;

    fn try_from(message: &proto::StatusResponse) -> Result<Self, WireError> {
        let origin = version::origin(message.branch, message.incarnation)?;
        let links = message.links.iter().map(|link| {
            let peer = version::branch("peer", link.peer)?;
            Ok(LinkStatus { peer, connected: link.connected, behind: link.behind })
        });
        Ok(Self {
            snapshot: Snapshot {
                branch: origin.branch,
                balances: from_balances(&message.balances),
                version: version::version(&message.version)?,
            },
            origin,
            links: links.collect::<Result<_, WireError>>()?,
        })
    }
}
