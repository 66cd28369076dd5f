//! Following one branch's balances.

use std::time::Duration;

use tokio::time::timeout;
use tonic::Streaming;

use super::{CustomerError, Snapshot, connection::Connection, retry::span};
use crate::wire::proto;

/// The snapshots of one branch, as they come. Dropping it ends the stream.
#[derive(Debug)]
pub struct Watch {
    connection: Connection,
    snapshots: Streaming<proto::WatchResponse>,
}

impl Watch {
    pub(super) async fn open(
        connection: Connection,
        interval: Duration,
        within: Duration,
    ) -> Result<Self, CustomerError> {
        let address = connection.address().to_owned();
        let mut bank = connection.bank();
        let request = proto::WatchRequest { interval_us: span(interval).0 };
        match timeout(within, bank.watch(request)).await {
            Ok(Ok(response)) => Ok(Self { connection, snapshots: response.into_inner() }),
            Ok(Err(status)) => Err(CustomerError::Unreachable {
                address,
                reason: status.message().to_owned(),
                tried: None,
                sent: false,
            }),
            Err(_) => Err(CustomerError::Deadline { address, waited: within, sent: false }),
        }
    }

    /// The next snapshot; `None` when the branch has closed the stream.
    ///
    /// # Errors
    /// [`CustomerError::Unreachable`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Snapshot>, CustomerError> {
        match self.snapshots.message().await {
            Ok(Some(message)) => self.connection.read((&message).try_into()).map(Some),
            Ok(None) => Ok(None),
            Err(status) => Err(CustomerError::Unreachable {
                address: self.connection.address().to_owned(),
                reason: status.message().to_owned(),
                tried: None,
                sent: false,
            }),
        }
    }
}
