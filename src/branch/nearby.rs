//! Connections between branches of one process: the same gRPC as between any others, whose bytes pass
//! through memory. The kernel's part of a message on loopback is a third of what it costs.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
};

use tokio::{
    io::{DuplexStream, duplex},
    net::TcpStream,
    sync::mpsc,
};
use tokio_util::either::Either;

/// A connection, and how its bytes pass.
pub(super) type Wire = Either<TcpStream, DuplexStream>;

/// Where a branch takes connections from within its process.
pub(super) type Acceptor = mpsc::Sender<DuplexStream>;

/// Connections that may wait for a branch to take them.
pub(super) const BACKLOG: usize = 128;

/// As much as one end may write ahead of what the other has read: two frames of HTTP/2.
const PIPE_BYTES: usize = 32 << 10;

/// The branches of this process, by where else they listen ("host:port").
#[derive(Debug, Default)]
pub(super) struct Nearby(Mutex<BTreeMap<String, Acceptor>>);

impl Nearby {
    /// Whoever listened at `address` before has ended.
    pub(super) fn add(&self, address: String, acceptor: Acceptor) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address, acceptor);
    }

    /// A connection to whoever listens at `address`.
    ///
    /// # Errors
    /// The kernel's, if nobody does.
    pub(super) async fn connect(&self, address: &str) -> io::Result<Wire> {
        let acceptor = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(address).cloned();
        if let Some(acceptor) = acceptor {
            let (ours, theirs) = duplex(PIPE_BYTES);
            // A branch that has ended takes none; somebody else may listen there by now.
            if acceptor.send(theirs).await.is_ok() {
                return Ok(Either::Right(ours));
            }
        }
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Either::Left(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_nearby_is_reached_through_memory_until_it_ends() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let nearby = Nearby::default();
        assert!(matches!(nearby.connect(&address).await.unwrap(), Either::Left(_)));
        let (acceptor, mut accepted) = mpsc::channel(BACKLOG);
        nearby.add(address.clone(), acceptor);
        assert!(matches!(nearby.connect(&address).await.unwrap(), Either::Right(_)));
        assert!(accepted.recv().await.is_some());
        // Somebody else listens there after it has ended.
        drop(accepted);
        assert!(matches!(nearby.connect(&address).await.unwrap(), Either::Left(_)));
        drop(listener);
        assert_eq!(nearby.connect(&address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
