//! Pipelined requests and their answers.

use super::{
    WireError,
    customer::{at_least, concern, number, terms, tried, wait_us, write},
    proto,
};
use crate::{
    replica::ANSWERS_PER_CLIENT,
    types::{AccountId, Action, Answer, ClientId, Operation, OperationKind, Refusal, RequestId, Terms},
};

/// The most operations of one message: as many as a branch remembers answers of a client.
pub const MAX_OPERATIONS: usize = ANSWERS_PER_CLIENT;

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

impl proto::ExecuteRequest {
    /// Requests numbered from `first` on.
    pub fn new(client: ClientId, requests: impl IntoIterator<Item = (u64, Action)>, terms: &Terms) -> Self {
        Self {
            client: client.0,
            operations: requests.into_iter().map(|(number, action)| proto::Operation::new(number, action)).collect(),
            concern: concern(terms.concern).into(),
            at_least: at_least(terms),
            wait_us: wait_us(terms.wait),
            tried: tried(terms.tried),
        }
    }

    /// The requests in the message.
    ///
    /// # Errors
    /// [`WireError`] names the field that cannot be read.
    pub fn read(&self) -> Result<Batch, WireError> {
        let count = self.operations.len();
        if count > MAX_OPERATIONS {
            let reason =
                format!("are {count}: a message has at most {MAX_OPERATIONS}, and a stream any number of them");
            return Err(WireError::new("operations", reason));
        }
        let requests = self.operations.iter().map(proto::Operation::read).collect::<Result<Vec<_>, _>>()?;
        let client = (self.client != 0).then_some(ClientId(self.client));
        if client.is_some() {
            requests.iter().try_for_each(|&(it, _)| number("operations.number", it).map(drop))?;
        } else if requests.iter().any(|(_, action)| !matches!(action, Ok(Action::Query { .. }))) {
            let reason = "is 0: draw one at random, so that a deposit or withdrawal that is sent again is recognised";
            return Err(WireError::new("client", reason));
        }
        Ok(Batch { client, requests, terms: terms(self.concern, &self.at_least, self.wait_us, self.tried)? })
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
