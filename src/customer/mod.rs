//! A customer's side of the wire: connects with a deadline, and retries what is safe to retry under
//! the request's own id, so that a deposit whose answer was lost counts once.

mod connection;
mod error;
mod execute;
mod journal;
mod name;
mod retry;
mod watch;

pub use crate::wire::{LinkStatus, Snapshot, Status};
pub use error::{CustomerError, seconds};
pub use journal::{Excerpt, Journal};
pub use watch::Watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tonic::transport::{self, Channel, Endpoint};

use crate::{
    check::Outcome,
    types::{
        AccountId, Action, Amount, Answer, BranchId, Committed, Incarnation, Operation, OperationKind, Queried,
        Refusal, RequestId, Terms,
    },
    wire::proto,
};

use connection::Connection;
use journal::Noted;
use name::Names;
use retry::{Asks, Retry};

/// A connection to one branch, and the names of its requests. Cheap to clone; clones share both.
#[derive(Clone, Debug)]
pub struct Customer {
    connection: Connection,
    names: Names,
    /// The branch's life that answered last; [`NO_LIFE`] before any did.
    life: Arc<AtomicU64>,
    /// Where its requests are written down, if they are.
    noted: Option<Noted>,
}

const NO_LIFE: u64 = u64::MAX;

impl Customer {
    /// Connects to `address` ("host:port"), trying again until `timeout` has passed.
    ///
    /// # Errors
    /// [`CustomerError::Unreachable`] if nobody answers there in time.
    pub async fn connect(address: &str, timeout: Duration) -> Result<Self, CustomerError> {
        Self::connect_by(address, timeout, async |endpoint| endpoint.connect().await).await
    }

    /// The same by a way of the caller's: `reach` opens the connection that its argument describes.
    ///
    /// # Errors
    /// As of [`Customer::connect`].
    pub async fn connect_by<F>(
        address: &str,
        timeout: Duration,
        reach: impl Fn(Endpoint) -> F,
    ) -> Result<Self, CustomerError>
    where
        F: Future<Output = Result<Channel, transport::Error>>,
    {
        Ok(Self {
            connection: Connection::open(address, timeout, reach).await?,
            names: Names::default(),
            life: Arc::new(AtomicU64::new(NO_LIFE)),
            noted: None,
        })
    }

    /// Another customer on the same connection, under names of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        let life = Arc::new(AtomicU64::new(NO_LIFE));
        Self { names: Names::default(), life, ..self.clone() }
    }

    /// The same customer, whose requests to `branch` are written down from now on.
    pub fn noted(self, journal: Arc<Journal>, branch: BranchId) -> Self {
        Self { noted: Some(Noted { journal, branch }), ..self }
    }

    /// The same customer, of a branch that will never answer again once this flag is set: then every
    /// request fails at once.
    pub fn until(self, is_closed: Arc<AtomicBool>) -> Self {
        Self { connection: self.connection.until(is_closed), ..self }
    }

    /// A refusal among the answers of [`Customer::execute`], as the failure of a single request.
    pub fn refused(&self, refusal: Refusal, terms: &Terms) -> CustomerError {
        self.connection.refused(refusal, terms)
    }

    /// "host:port".
    pub fn address(&self) -> &str {
        self.connection.address()
    }

    /// The life of the branch that answered this customer last.
    fn life(&self) -> Option<Incarnation> {
        let life = self.life.load(Ordering::Relaxed);
        (life != NO_LIFE).then_some(Incarnation(life))
    }

    fn learn(&self, answer: &Answer) {
        if let Answer::Committed(committed) = answer {
            self.life.store(committed.origin.incarnation.0, Ordering::Relaxed);
        }
    }

    /// Reads a balance; with `include_version`, the replica's version too.
    ///
    /// # Errors
    /// [`CustomerError`]; a query can always be asked again.
    pub async fn query(
        &self,
        account: AccountId,
        include_version: bool,
        terms: &Terms,
    ) -> Result<Queried, CustomerError> {
        let mut retry = Retry::begin(&self.connection, terms, Asks::ToRead).await?;
        let named = self.names.take(0, self.address())?;
        let asked = [Action::Query { account }];
        let mut notes = self.noted.as_ref().map(|noted| noted.ask(named.client(), None, &asked, terms));
        let result = self.query_unnoted(account, include_version, &mut retry).await;
        match (&mut notes, &result) {
            (Some(notes), Ok(queried)) => notes.done(0, Outcome::Answered(Answer::Queried(queried.clone()))),
            (Some(notes), Err(error)) => notes.failed(error),
            (None, _) => {}
        }
        result
    }

    async fn query_unnoted(
        &self,
        account: AccountId,
        include_version: bool,
        retry: &mut Retry<'_>,
    ) -> Result<Queried, CustomerError> {
        let response = loop {
            let call = retry.request(proto::QueryRequest::new(account, include_version, &retry.terms()));
            match self.connection.bank().query(call).await {
                Ok(response) => break response,
                Err(status) => retry.after(status).await?,
            }
        };
        match self.connection.read(response.get_ref().read())? {
            Answer::Queried(queried) => Ok(queried),
            Answer::Refused(refusal) => Err(retry.refused(refusal)),
            Answer::Committed(_) => Err(self.connection.nonsense("a query was answered as a write")),
        }
    }

    /// Deposits or withdraws, exactly once: retries carry the same request id.
    ///
    /// # Errors
    /// [`CustomerError`]; its `may_have_happened` says whether the write may have been counted.
    ///
    /// # Example
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use replibank::{customer::Customer, types::{AccountId, Amount, Operation, OperationKind, Terms}};
    ///
    /// let customer = Customer::connect("127.0.0.1:5001", std::time::Duration::from_secs(5)).await?;
    /// let deposit = Operation {
    ///     kind: OperationKind::Deposit,
    ///     account: AccountId::DEFAULT,
    ///     amount: Amount::new(170)?,
    /// };
    /// println!("balance: {}", customer.write(deposit, &Terms::default()).await?.balance);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn write(&self, operation: Operation, terms: &Terms) -> Result<Committed, CustomerError> {
        let mut retry = Retry::begin(&self.connection, terms, Asks::ToWrite).await?.knowing(self.life());
        let named = self.names.take(1, self.address())?;
        let id = named.id();
        let asked = [Action::Write(operation)];
        let mut notes = self.noted.as_ref().map(|noted| noted.ask(id.client, Some(id.number), &asked, terms));
        let result = self.write_unnoted(id, operation, &mut retry).await;
        match (&mut notes, &result) {
            (Some(notes), Ok(committed)) => notes.done(0, Outcome::Answered(Answer::Committed(*committed))),
            (Some(notes), Err(error)) => notes.failed(error),
            (None, _) => {}
        }
        result
    }

    async fn write_unnoted(
        &self,
        id: RequestId,
        operation: Operation,
        retry: &mut Retry<'_>,
    ) -> Result<Committed, CustomerError> {
        let Operation { kind, account, amount } = operation;
        let answer = loop {
            let terms = retry.terms();
            let answer = match kind {
                OperationKind::Deposit => self.deposit(retry, account, amount, id, &terms).await,
                OperationKind::Withdraw => self.withdraw(retry, account, amount, id, &terms).await,
            };
            match answer {
                Ok(answer) => break self.connection.read(answer)?,
                Err(status) => retry.after(status).await?,
            }
        };
        self.learn(&answer);
        match answer {
            Answer::Committed(committed) => Ok(committed),
            Answer::Refused(refusal) => Err(retry.refused(refusal)),
            Answer::Queried(_) => Err(self.connection.nonsense("a write was answered as a query")),
        }
    }

    async fn deposit(
        &self,
        retry: &Retry<'_>,
        account: AccountId,
        amount: Amount,
        id: RequestId,
        terms: &Terms,
    ) -> Result<Result<Answer, crate::wire::WireError>, tonic::Status> {
        let call = retry.request(proto::DepositRequest::new(account, amount, id, terms));
        Ok(self.connection.bank().deposit(call).await?.get_ref().read(id))
    }

    async fn withdraw(
        &self,
        retry: &Retry<'_>,
        account: AccountId,
        amount: Amount,
        id: RequestId,
        terms: &Terms,
    ) -> Result<Result<Answer, crate::wire::WireError>, tonic::Status> {
        let call = retry.request(proto::WithdrawRequest::new(account, amount, id, terms));
        Ok(self.connection.bank().withdraw(call).await?.get_ref().read(id))
    }

    /// The branch's own account of itself.
    ///
    /// # Errors
    /// [`CustomerError`] if it does not answer in time.
    pub async fn status(&self, timeout: Duration) -> Result<Status, CustomerError> {
        self.connection.check()?;
        let terms = Terms { wait: retry::span(timeout), ..Terms::default() };
        let mut retry = Retry::new(&self.connection, &terms, Asks::ToRead);
        let response = loop {
            match self.connection.bank().status(retry.request(proto::StatusRequest {})).await {
                Ok(response) => break response,
                Err(status) => retry.after(status).await?,
            }
        };
        self.connection.read(response.get_ref().try_into())
    }

    /// Follows the branch's balances: one snapshot now, and one after every change, but at most one
    /// per `interval`.
    ///
    /// # Errors
    /// [`CustomerError`] if the branch does not answer within `timeout`.
    pub async fn watch(&self, interval: Duration, timeout: Duration) -> Result<Watch, CustomerError> {
        self.connection.check()?;
        Watch::open(self.connection.clone(), interval, timeout).await
    }
}
