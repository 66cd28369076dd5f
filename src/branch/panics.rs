//! A panic in any part of a branch ends the branch, and says so: what it was about to do is half done.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use super::{error::BranchError, shared::Shared};

/// Does work of this branch; a panic in it is the branch's failure.
///
/// # Errors
/// [`BranchError::Panicked`].
pub(super) fn guard<T>(shared: &Shared, what: &str, work: impl FnOnce() -> T) -> Result<T, BranchError> {
    // Nothing of a branch that has failed is used any more, but to say why.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let failure = BranchError::Panicked { what: what.to_owned(), message: message(&*panic) };
        shared.fail(failure.clone());
        failure
    })
}

/// The same of work that takes its time.
///
/// # Errors
/// [`BranchError::Panicked`].
pub(super) async fn guarded<T>(
    shared: &Shared,
    what: &str,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Result<T, BranchError> {
    poll_fn(|context| match guard(shared, what, || work.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(failure) => Poll::Ready(Err(failure)),
    })
    .await
}

/// A task of the branch. It is large, and there are thousands: so it is kept in one place, and not moved around.
pub(super) async fn task(shared: Arc<Shared>, what: &'static str, mut work: Pin<Box<impl Future<Output = ()>>>) {
    // The branch knows.
    let _ = guarded(&shared, what, work.as_mut()).await;
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why").to_owned()
}
