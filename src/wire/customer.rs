//! What customers and branches say to each other.

use super::{WireError, proto, version};
use crate::types::{
    AccountId, Action, Amount, Answer, ClientId, Committed, Concern, Duration, Incarnation, MAX_ORIGINS, Operation,
    OperationKind, Queried, Refusal, RequestId, Terms, Tried, Version,
};

fn amount(value: u64) -> Result<Amount, Refusal> {
    Amount::new(value).map_err(|error| Refusal::InvalidAmount { requested: error.value })
}

pub(super) fn write(kind: OperationKind, account: u64, value: u64) -> Result<Operation, Refusal> {
    Ok(Operation { kind, account: AccountId(account), amount: amount(value)? })
}

pub(super) fn terms(
    concern: i32,
    at_least: &Option<proto::Version>,
    wait_us: u64,
    tried: Option<proto::Tried>,
) -> Result<Terms, WireError> {
    let concern = match proto::Concern::try_from(concern) {
        Ok(proto::Concern::Unspecified | proto::Concern::Local) => Concern::Local,
        Ok(proto::Concern::Majority) => Concern::Majority,
        Ok(proto::Concern::All) => Concern::All,
        Err(_) => return Err(WireError::new("concern", format!("is {concern}, which this branch does not know"))),
    };
    let wait = if wait_us == 0 { Terms::DEFAULT_WAIT } else { Duration(wait_us) };
    let tried = match tried.map(|tried| tried.incarnation) {
        None => Tried::Never,
        Some(Some(incarnation)) => Tried::In(Incarnation(incarnation)),
        Some(None) => Tried::Sometime,
    };
    let entries = at_least.as_ref().map_or(0, |version| version.entries.len());
    if entries > MAX_ORIGINS {
        let reason = format!("has {entries} entries: a bank has at most {MAX_ORIGINS} origins");
        return Err(WireError::new("at_least", reason));
    }
    Ok(Terms { concern, at_least: version::version(at_least)?, wait, tried })
}

pub(super) fn concern(concern: Concern) -> proto::Concern {
    match concern {
        Concern::Local => proto::Concern::Local,
        Concern::Majority => proto::Concern::Majority,
        Concern::All => proto::Concern::All,
    }
}

pub(super) fn tried(tried: Tried) -> Option<proto::Tried> {
    match tried {
        Tried::Never => None,
        Tried::In(Incarnation(incarnation)) => Some(proto::Tried { incarnation: Some(incarnation) }),
        Tried::Sometime => Some(proto::Tried { incarnation: None }),
    }
}

/// 0 is how a request says "the default", so a wait of nothing becomes the least there is.
pub(super) fn wait_us(wait: Duration) -> u64 {
    wait.0.max(1)
}

pub(super) fn at_least(terms: &Terms) -> Option<proto::Version> {
    (!terms.at_least.is_empty()).then(|| (&terms.at_least).into())
}

fn request_id(request: Option<proto::RequestId>) -> Result<Option<RequestId>, WireError> {
    let Some(request) = request else { return Ok(None) };
    if request.client == 0 {
        let right = "draw one at random, or leave the whole request id out if no retry is to be recognised";
        return Err(WireError::new("request.client", format!("is 0, which two customers may have: {right}")));
    }
    Ok(Some(RequestId { client: ClientId(request.client), number: number("request.number", request.number)? }))
}

/// A client's requests count from 1.
pub(super) fn number(field: &'static str, number: u64) -> Result<u64, WireError> {
    if number > 0 { Ok(number) } else { Err(WireError::new(field, "is 0: count each client's requests from 1")) }
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
        Ok((Action::Query { account: AccountId(self.account) }, terms(0, &self.at_least, self.wait_us, None)?))
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
                    tried: tried(terms.tried),
                }
            }

            /// What is asked for, or the refusal it deserves; its id; under which conditions.
            ///
            /// # Errors
            /// [`WireError`] names the field that cannot be read.
            pub fn read(&self) -> Result<(Result<Operation, Refusal>, Option<RequestId>, Terms), WireError> {
                let terms = terms(self.concern, &self.at_least, self.wait_us, self.tried)?;
                Ok((write($kind, self.account, self.amount), request_id(self.request)?, terms))
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
    pub(super) fn read(&self) -> Result<Queried, WireError> {
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
    pub(super) fn read(&self) -> Result<Committed, WireError> {
        let (origin, sequence) = self.write.as_ref().ok_or_else(|| WireError::missing("write"))?.try_into()?;
        Ok(Committed { origin, sequence, balance: self.balance })
    }
}
