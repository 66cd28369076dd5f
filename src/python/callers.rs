//! The runtime of customers whose callers block. A caller drives its connection itself while it waits, so that
//! no request goes from thread to thread. In between, and while several call at once, a thread of the runtime's
//! own does: the keeper.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, watch},
    time::sleep,
};

/// How long the keeper leaves the connections to callers before it looks after them again, and for how long it
/// keeps them once there was a crowd.
const REST: Duration = Duration::from_millis(2);

/// Whoever blocks in this runtime while nobody else does drives its tasks, and hands them on when it leaves.
/// So nothing but speed depends on what the keeper knows of the callers.
pub(super) struct Callers {
    runtime: Runtime,
    inside: AtomicUsize,
    /// Somebody came while another was inside.
    is_crowded: AtomicBool,
    /// Somebody came.
    called: Notify,
}

impl Callers {
    /// Starts the keeper, who stays until `end` changes.
    pub(super) fn start(mut end: watch::Receiver<()>) -> io::Result<Arc<Self>> {
        let callers = Arc::new(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            inside: AtomicUsize::new(0),
            is_crowded: AtomicBool::new(false),
            called: Notify::new(),
        });
        let kept = callers.clone();
        thread::Builder::new().name("replibank-keeper".to_owned()).spawn(move || {
            while kept.keep(&mut end) {
                thread::sleep(REST);
            }
            // Whoever has waited for `end` finds the runtime left.
            drop(kept);
            drop(end);
        })?;
        Ok(callers)
    }

    /// Polls the future in this thread, until it is ready.
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _inside = Inside::of(self);
        self.runtime.block_on(future)
    }

    /// Ends this runtime. Names that are being looked up get this long.
    pub(super) fn shut_down(self, within: Duration) {
        self.runtime.shutdown_timeout(within);
    }

    /// Drives the tasks until somebody calls who can do it alone: whether there is more to keep.
    fn keep(&self, end: &mut watch::Receiver<()>) -> bool {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = end.changed() => false,
                () = self.lone_call() => true,
            }
        })
    }

    /// With a caller that leaves after each answer, every request of a crowd would change the driver.
    async fn lone_call(&self) {
        self.called.notified().await;
        while self.is_crowded.swap(false, Ordering::Relaxed) {
            sleep(REST).await;
            self.called.notified().await;
        }
    }
}

/// A caller, until it is dropped.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn of(callers: &'a Callers) -> Self {
        if callers.inside.fetch_add(1, Ordering::Relaxed) > 0 {
            callers.is_crowded.store(true, Ordering::Relaxed);
        }
        callers.called.notify_one();
        Self(&callers.inside)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
