//! The task of a durable branch's disk: takes what has gathered since the last save and saves that, as
//! long as there is something. So a slow disk groups its commits by itself. What waits for a save is
//! kept back by the replica, and let go by [`Input::Saved`](crate::replica::Input::Saved).

use std::sync::Arc;

use super::{shared::Shared, stop::Stop};
use crate::{
    replica::Disk,
    store::{Store, StoreError},
};

/// Saves until the branch is told to stop, and then what is left; or until the disk fails.
pub(super) async fn run(shared: Arc<Shared>, mut store: Store) {
    loop {
        let stop = tokio::select! {
            () = shared.save.notified() => {
                shared.awake().await;
                Stop::No
            }
            stop = shared.told_to_stop() => stop,
        };
        if stop == Stop::AtOnce {
            return;
        }
        match save_all(&shared, store).await {
            Ok(free) => store = free,
            Err(failure) => return report(&shared, failure),
        }
        if stop == Stop::Gently {
            return close(store).await;
        }
    }
}

/// Gives the store back when there is nothing left to save.
async fn save_all(shared: &Arc<Shared>, mut store: Store) -> Result<Store, StoreError> {
    while let Some(save) = shared.poll_save() {
        let number = save.number;
        // Neither this task's thread nor anybody else's waits for the disk.
        let directory = store.directory().to_owned();
        let written = tokio::task::spawn_blocking(move || store.save(&save).map(|()| store)).await;
        let interrupted = |_| StoreError::Failed { directory, reason: "the write was interrupted".to_owned() };
        store = written.map_err(interrupted)??;
        shared.saved(number);
    }
    Ok(store)
}

/// What a branch that was killed could not save, it would not have saved.
fn report(shared: &Shared, failure: StoreError) {
    if !shared.is_killed() {
        shared.fail(failure.into());
    }
}

/// Closing writes too, so it is no work for this thread either.
async fn close(store: Store) {
    // It fails if the runtime is going away, and then the store has been dropped all the same.
    let _ = tokio::task::spawn_blocking(move || drop(store)).await;
}
