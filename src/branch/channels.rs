//! Connections for calls to peers. The branches of one process share them: unary propagation between
//! N branches takes N connections, not N times N.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, OnceCell};
use tonic::{Status, transport::Channel};

use super::link;

/// One channel per address, opened by the first call to it. A channel that breaks connects again by
/// itself.
#[derive(Debug, Default)]
pub struct Channels {
    open: Mutex<BTreeMap<String, Arc<OnceCell<Channel>>>>,
}

impl Channels {
    /// The channel to "host:port".
    pub(super) async fn to(&self, address: &str) -> Result<Channel, Status> {
        let cell = self.open.lock().await.entry(address.to_owned()).or_default().clone();
        let connect = || async { link::channel(address).await.map_err(|error| Status::from_error(Box::new(error))) };
        cell.get_or_try_init(connect).await.cloned()
    }
}
