//! Opens a data directory, and begins a life in it.

use super::config::Data;
use crate::{
    replica::{self, Disk, Replica},
    store::{Owner, Store, StoreError},
    types::{Incarnation, Time},
};

/// The directory, and a replica that has what is in it. The new life is on the disk already.
pub(super) fn recover(data: &Data, owner: Owner, mut config: replica::Config) -> Result<(Store, Replica), StoreError> {
    let mut store = Store::open(&data.directory, owner, data.durability)?;
    let saved = store.load()?;
    let directory = || data.directory.clone();
    let damaged =
        |fault: replica::PeerOffence| StoreError::Damaged { directory: directory(), reason: fault.to_string() };
    if let Some(Incarnation(latest)) = saved.latest_life(config.own.branch)
        && latest >= config.own.incarnation.0
    {
        // The clock has gone back. Another copy of this directory may begin a life on it, too: not this one.
        let random = getrandom::u64().map_err(|error| StoreError::Failed {
            directory: directory(),
            reason: format!("the system gives no random number to name a life: {error}"),
        })?;
        config.own.incarnation = Incarnation(latest + 1 + random % (1 << 20));
    }
    let mut replica = Replica::recover(config, &saved).map_err(damaged)?;
    while let Some(save) = replica.poll_save() {
        store.save(&save)?;
        replica.step(Time(0), replica::Input::Saved(save.number), &mut Vec::new());
    }
    Ok((store, replica))
}
