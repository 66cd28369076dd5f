//! The channel to one branch.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{sleep, timeout},
};
use tonic::transport::{self, Channel, Endpoint};

use super::CustomerError;
use crate::{
    types::{Refusal, Terms},
    wire::{MAX_CUSTOMER_MESSAGE_BYTES, MAX_STATUS_BYTES, WireError, proto::bank_service_client::BankServiceClient},
};

/// The HTTP/2 windows of a customer.
const WINDOW_BYTES: u32 = 1 << 20;

/// Requests of a kind that are under way on one connection; more wait their turn. Of some 8,000 small answers
/// that have come and are not read yet, h2 takes the branch for an attacker, and the branch takes as many calls
/// of all kinds together.
const PLACES: usize = 4000;

/// Whether requests may wait at the branch. Those that must not wait for those that may, or these could wait
/// for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    AtOnce,
    MayWait,
}

pub(super) const RETRY_AFTER_MIN: Duration = Duration::from_millis(5);
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub(super) struct Connection {
    address: String,
    channel: Channel,
    /// Set once nobody will answer here again.
    is_closed: Arc<AtomicBool>,
    /// For the requests that are under way, of each kind.
    places: Arc<[Semaphore; 2]>,
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
        let unreachable = |reason, tried| {
            let address = address.to_owned();
            CustomerError::Unreachable { address, reason, tried, sent: false }
        };
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|_| unreachable("its address is not HOST:PORT".to_owned(), None))?
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(4 * WINDOW_BYTES)
            // Whoever gives up thousands of requests gets thousands of answers that nobody waits for: no attack.
            .http2_max_local_error_reset_streams(None)
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
            Ok(channel) => Ok(Self {
                address: address.to_owned(),
                channel,
                is_closed: Arc::default(),
                places: Arc::new([Semaphore::new(PLACES), Semaphore::new(PLACES)]),
            }),
            Err(_) => Err(unreachable(last, Some(within))),
        }
    }

    /// The same connection, to a branch whose end is told by this flag.
    pub(super) fn until(self, is_closed: Arc<AtomicBool>) -> Self {
        Self { is_closed, ..self }
    }

    pub(super) fn is_closed(&self) -> bool {
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

    /// Waits for a place among the requests of this kind that are under way, until it is dropped.
    ///
    /// # Errors
    /// [`CustomerError::Deadline`] if none is free within `within`.
    pub(super) async fn place(&self, kind: Kind, within: Duration) -> Result<SemaphorePermit<'_>, CustomerError> {
        let [at_once, may_wait] = &*self.places;
        let places = match kind {
            Kind::AtOnce => at_once,
            Kind::MayWait => may_wait,
        };
        match timeout(within, places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            // Nobody closes the places.
            Ok(Err(_)) | Err(_) => {
                Err(CustomerError::Deadline { address: self.address.clone(), waited: within, sent: false })
            }
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn bank(&self) -> BankServiceClient<Channel> {
        BankServiceClient::new(self.channel.clone())
            .max_encoding_message_size(MAX_CUSTOMER_MESSAGE_BYTES)
            .max_decoding_message_size(MAX_STATUS_BYTES)
    }

    pub(super) fn read<T>(&self, read: Result<T, WireError>) -> Result<T, CustomerError> {
        read.map_err(|error| self.nonsense(&error.to_string()))
    }

    pub(super) fn nonsense(&self, reason: &str) -> CustomerError {
        CustomerError::Protocol { address: self.address.clone(), reason: reason.to_owned() }
    }
}

/// The innermost cause, which says what happened rather than where.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
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
