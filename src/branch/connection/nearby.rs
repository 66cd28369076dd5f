//! Connections to branches within one process: the same gRPC as between any others, whose bytes pass
//! through memory. The kernel's part of a message on loopback is a third of what it costs.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
};

/// Where a branch takes connections from within its process.
pub(in crate::branch) type Acceptor = mpsc::Sender<DuplexStream>;

/// Connections that may wait for a branch to take them.
pub(in crate::branch) const BACKLOG: usize = 128;

/// As much as one end may write ahead of what the other has read: two frames of HTTP/2.
const PIPE_BYTES: usize = 32 << 10;

/// The branches of this process, by where else they listen ("host:port").
#[derive(Debug, Default)]
pub(in crate::branch) struct Nearby(Mutex<BTreeMap<String, Acceptor>>);

impl Nearby {
    fn acceptors(&self) -> MutexGuard<'_, BTreeMap<String, Acceptor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever listened at `address` before has ended.
    pub(in crate::branch) fn add(&self, address: String, acceptor: Acceptor) {
        self.acceptors().insert(address, acceptor);
    }

    /// Whether a branch of this process listens at `address`, or did, and will again.
    pub(in crate::branch) fn has(&self, address: &str) -> bool {
        self.acceptors().contains_key(address)
    }

    /// A connection to the branch of this process that listens at `address`.
    ///
    /// # Errors
    /// As the kernel's, if it has ended: its place is kept for it.
    pub(in crate::branch) async fn connect(&self, address: &str) -> io::Result<DuplexStream> {
        let acceptor = self.acceptors().get(address).cloned().ok_or(io::ErrorKind::ConnectionRefused)?;
        let (ours, theirs) = duplex(PIPE_BYTES);
        acceptor.send(theirs).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_ended_is_not_reached_until_it_is_there_again() {
        let nearby = Nearby::default();
        let refused = async || nearby.connect("a:1").await.unwrap_err().kind() == io::ErrorKind::ConnectionRefused;
        assert!(!nearby.has("a:1") && refused().await);
        let (acceptor, mut accepted) = mpsc::channel(BACKLOG);
        nearby.add("a:1".to_owned(), acceptor);
        assert!(nearby.connect("a:1").await.is_ok());
        assert!(accepted.recv().await.is_some());
        drop(accepted);
        assert!(nearby.has("a:1") && refused().await);
        let (acceptor, _accepted) = mpsc::channel(BACKLOG);
        nearby.add("a:1".to_owned(), acceptor);
        assert!(nearby.connect("a:1").await.is_ok());
    }
}
