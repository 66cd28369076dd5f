//! The channel to one branch, and what is done when a call on it fails.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};
use tonic::{
    Code, Request, Status,
    transport::{self, Channel, Endpoint},
};

use super::{CustomerError, error::seconds};
use crate::{
    types::{self, Incarnation, Refusal, Terms, Tried},
    wire::{
        MAX_CUSTOMER_MESSAGE_BYTES, MAX_PEER_MESSAGE_BYTES, WireError, proto::bank_service_client::BankServiceClient,
    },
};

/// What the branch may take beyond the wait that the request allows: the way there and back.
pub(super) const GRACE: Duration = Duration::from_millis(250);

/// The HTTP/2 windows of a customer.
const WINDOW_BYTES: u32 = 1 << 20;

const RETRY_AFTER_MIN: Duration = Duration::from_millis(5);
const RETRY_AFTER_MAX: Duration = Duration::from_millis(500);

/// The core's span of a duration.
pub(super) fn span(duration: Duration) -> types::Duration {
    types::Duration(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[derive(Clone, Debug)]
pub(super) struct Connection {
    address: String,
    channel: Channel,
    /// Set once nobody will answer here again.
    is_closed: Arc<AtomicBool>,
}

impl Connection {
    /// Tries until somebody answers or the time is over. `reach` opens what the endpoint describes.
    pub(super) async fn open<F>(
        address: &str,
        within: Duration,
        reach: impl Fn(Endpoint) -> F,
    ) -> Result<Self, CustomerError>
    where
        F: Future<Output = Result<Channel, transport::Error>>,
    {
        let unreachable = |reason| CustomerError::Unreachable { address: address.to_owned(), reason, sent: false };
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|_| unreachable("its address is not HOST:PORT".to_owned()))?
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(4 * WINDOW_BYTES)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10));
        let mut last = "it did not answer".to_owned();
        let attempts = async {
            let mut wait = RETRY_AFTER_MIN;
            loop {
                match reach(endpoint.clone()).await {
                    Ok(channel) => return channel,
                    Err(error) => last = cause(&error),
                }
                sleep(wait).await;
                wait = (wait * 2).min(RETRY_AFTER_MAX);
            }
        };
        match timeout(within, attempts).await {
            Ok(channel) => Ok(Self { address: address.to_owned(), channel, is_closed: Arc::default() }),
            Err(_) => Err(unreachable(format!("{last} (tried for {})", seconds(within)))),
        }
    }

    /// The same connection, to a branch whose end is told by this flag.
    pub(super) fn until(self, is_closed: Arc<AtomicBool>) -> Self {
        Self { is_closed, ..self }
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// # Errors
    /// [`CustomerError::Closed`] before anything is sent to a bank that is closed.
    pub(super) fn check(&self) -> Result<(), CustomerError> {
        if self.is_closed() {
            Err(CustomerError::Closed { address: self.address.clone(), sent: false })
        } else {
            Ok(())
        }
    }

    /// What becomes of a refusal: a version that was not reached is told with what was asked for.
    pub(super) fn refused(&self, refusal: Refusal, terms: &Terms) -> CustomerError {
        if refusal != Refusal::VersionNotReached {
            return CustomerError::Refused(refusal);
        }
        let waited = Duration::from_micros(terms.wait.0);
        CustomerError::Behind { address: self.address.clone(), at_least: terms.at_least.clone(), waited }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn bank(&self) -> BankServiceClient<Channel> {
        BankServiceClient::new(self.channel.clone())
            .max_encoding_message_size(MAX_CUSTOMER_MESSAGE_BYTES)
            .max_decoding_message_size(MAX_PEER_MESSAGE_BYTES)
    }

    pub(super) fn read<T>(&self, read: Result<T, WireError>) -> Result<T, CustomerError> {
        read.map_err(|error| self.nonsense(&error.to_string()))
    }

    pub(super) fn nonsense(&self, reason: &str) -> CustomerError {
        CustomerError::Protocol { address: self.address.clone(), reason: reason.to_owned() }
    }
}

/// The innermost cause, which says what happened rather than where.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    match error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
        Some(EMFILE) => "this process has all the open files it may have: raise the soft limit (ulimit -n)".to_owned(),
        Some(_) | None => error.to_string(),
    }
}

/// "Too many open files": Linux and macOS have one number for it.
const EMFILE: i32 = 24;

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
}

impl<'a> Retry<'a> {
    pub(super) fn new(connection: &'a Connection, terms: &'a Terms, asks: Asks, life: Option<Incarnation>) -> Self {
        let wait = Duration::from_micros(terms.wait.0);
        Self {
            connection,
            terms,
            asks,
            began: Instant::now(),
            wait,
            next_after: RETRY_AFTER_MIN,
            life,
            has_tried: false,
        }
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
        let address = self.connection.address.clone();
        let reason = cause(&status);
        let sent = self.asks == Asks::ToWrite;
        if self.connection.is_closed() {
            return Err(CustomerError::Closed { address, sent });
        }
        match status.code() {
            // tonic reports a connection that broke under a call as any of these.
            Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal if self.left() > self.next_after => {
                sleep(self.next_after).await;
                self.next_after = (self.next_after * 2).min(RETRY_AFTER_MAX);
                Ok(())
            }
            Code::Unavailable | Code::Unknown | Code::Internal => {
                Err(CustomerError::Unreachable { address, reason, sent })
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
