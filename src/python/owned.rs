//! What belongs to one process. A child of fork() inherits the memory of the parent's banks and
//! customers, but neither their threads nor, safely, their sockets: it may not use them, and must
//! not even drop them, since that would take the parent's sockets out of the epoll they share.

use std::process;

use pyo3::PyResult;
use tokio::runtime::Handle;

use super::error;

/// A value with the process and the runtime it lives in.
pub(super) struct Owned<T> {
    pid: u32,
    runtime: Handle,
    /// Invariant: `Some` until it is dropped.
    value: Option<T>,
}

impl<T> Owned<T> {
    pub(super) fn new(value: T, runtime: Handle) -> Self {
        Self { pid: process::id(), runtime, value: Some(value) }
    }

    /// The value.
    ///
    /// # Errors
    /// `ForkedError` in a forked child.
    pub(super) fn value(&self) -> PyResult<&T> {
        match &self.value {
            Some(value) if self.pid == process::id() => Ok(value),
            Some(_) | None => Err(error::forked(self.pid)),
        }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        let value = self.value.take();
        if self.pid == process::id() {
            // What is dropped may stop tasks and timers, which need their runtime around them.
            let _entered = self.runtime.enter();
            drop(value);
        } else {
            std::mem::forget(value);
        }
    }
}
