//! The places of one connection among the requests that wait at a branch: no customer takes them all.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::replica::MAX_WAITING;

/// How many requests of one connection may wait.
pub(super) const MAX_PLACES: usize = MAX_WAITING / 8;

/// What is known of whoever calls on one connection. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::branch) struct Caller {
    /// `None` within this process.
    pub(in crate::branch) address: Option<SocketAddr>,
    /// How many of its requests wait.
    taken: Arc<AtomicUsize>,
}

impl Caller {
    pub(in crate::branch) fn at(address: Option<SocketAddr>) -> Self {
        Self { address, taken: Arc::default() }
    }

    pub(super) fn has_place(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < MAX_PLACES
    }

    /// To be called under the lock of the branch's state, so that none is taken twice.
    pub(super) fn take_place(&self) -> Place {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Place(self.taken.clone())
    }
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
