//! One request's deadline, and its tries.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use tokio::{sync::SemaphorePermit, time::sleep};
use tonic::{Code, Request, Status};

use super::{
    CustomerError,
    connection::{Connection, Kind, RETRY_AFTER_MAX, RETRY_AFTER_MIN, cause},
};
use crate::types::{self, Concern, Incarnation, Refusal, Terms, Tried};

/// What the branch may take beyond the wait that the request allows: the way there and back.
pub(super) const GRACE: Duration = Duration::from_millis(250);

/// The core's span of a duration.
pub(super) fn span(duration: Duration) -> types::Duration {
    types::Duration(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// What a request may have done when nobody knows its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asks {
    /// Nothing.
    ToRead,
    /// It may have moved money.
    ToWrite,
}

/// One request's deadline and its attempts.
pub(super) struct Retry<'a> {
    connection: &'a Connection,
    terms: &'a Terms,
    asks: Asks,
    began: Instant,
    wait: Duration,
    next_after: Duration,
    /// The life of the branch that the customer knew of before its first try.
    life: Option<Incarnation>,
    has_tried: bool,
    /// Among the requests that are under way.
    _place: Option<SemaphorePermit<'a>>,
}

impl<'a> Retry<'a> {
    pub(super) fn new(connection: &'a Connection, terms: &'a Terms, asks: Asks) -> Self {
        Self {
            connection,
            terms,
            asks,
            began: Instant::now(),
            wait: Duration::from_micros(terms.wait.0),
            next_after: RETRY_AFTER_MIN,
            life: None,
            has_tried: false,
            _place: None,
        }
    }

    /// The same, once there is a place for the request.
    ///
    /// # Errors
    /// [`CustomerError::Closed`] if the bank is closed; [`CustomerError::Deadline`] if the request's time is
    /// over before there is a place. Nothing was sent then.
    pub(super) async fn begin(connection: &'a Connection, terms: &'a Terms, asks: Asks) -> Result<Self, CustomerError> {
        connection.check()?;
        let retry = Self::new(connection, terms, asks);
        let is_at_once = terms.concern == Concern::Local && terms.at_least.is_empty();
        let kind = if is_at_once { Kind::AtOnce } else { Kind::MayWait };
        let place = connection.place(kind, retry.wait).await?;
        connection.check()?;
        Ok(Self { _place: Some(place), ..retry })
    }

    /// The same, of a customer that knows of this life of the branch.
    pub(super) fn knowing(self, life: Option<Incarnation>) -> Self {
        Self { life, ..self }
    }

    /// The time begins anew: there was an answer.
    pub(super) fn renew(&mut self) {
        self.began = Instant::now();
        self.next_after = RETRY_AFTER_MIN;
    }

    /// A refusal of the request.
    pub(super) fn refused(&self, refusal: Refusal) -> CustomerError {
        self.connection.refused(refusal, self.terms)
    }

    fn left(&self) -> Duration {
        self.wait.saturating_sub(self.began.elapsed())
    }

    /// The terms with what is left of the wait.
    pub(super) fn terms(&self) -> Terms {
        let tried = match self.life {
            _ if !self.has_tried => Tried::Never,
            Some(life) => Tried::In(life),
            None => Tried::Sometime,
        };
        Terms { wait: span(self.left()), tried, ..self.terms.clone() }
    }

    /// A call that ends, at the latest, a little after the branch must have answered.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.left().saturating_add(GRACE).min(Duration::from_secs(86_400)));
        request
    }

    /// Returns when the call may be tried again; otherwise what has become of the request.
    pub(super) async fn after(&mut self, status: Status) -> Result<(), CustomerError> {
        self.has_tried = true;
        let address = self.connection.address().to_owned();
        let reason = cause(&status);
        let sent = self.asks == Asks::ToWrite;
        if self.connection.is_closed() {
            return Err(CustomerError::Closed { address, sent });
        }
        // What has a source is no answer of the branch: the connection itself was ended, as by h2 that was
        // asked too much.
        let was_ended = status.code() == Code::ResourceExhausted && status.source().is_some();
        match if was_ended { Code::Unavailable } else { status.code() } {
            // tonic reports a connection that broke under a call as any of these.
            Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal if self.left() > self.next_after => {
                sleep(self.next_after).await;
                self.next_after = (self.next_after * 2).min(RETRY_AFTER_MAX);
                Ok(())
            }
            Code::Unavailable | Code::Unknown | Code::Internal => {
                Err(CustomerError::Unreachable { address, reason, tried: None, sent })
            }
            // A call that tonic itself ends at its deadline is reported as cancelled.
            Code::DeadlineExceeded | Code::Cancelled => {
                Err(CustomerError::Deadline { address, waited: self.began.elapsed(), sent })
            }
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => Err(CustomerError::Protocol { address, reason }),
        }
    }
}
