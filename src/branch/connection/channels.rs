//! Connections to branches. Those of one process are reached through memory, and share the connections for
//! their calls: unary propagation between N branches takes N connections, not N times N.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::sync::{Mutex, OnceCell};
use tonic::{
    Status,
    transport::{self, Channel, Endpoint},
};
use tower::service_fn;

use super::nearby::{Acceptor, Nearby};

/// The HTTP/2 window of a stream: as much as one end may send ahead of what the other has read.
pub(in crate::branch) const WINDOW_BYTES: u32 = 1 << 20;

/// How long a peer may take to accept a connection, and to answer its first message.
pub(in crate::branch) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How often an idle connection is tried, and how long the other end may take to say that it lives.
pub(in crate::branch) const KEEPALIVE: Duration = Duration::from_secs(10);

/// How the branches of one process reach each other, and any other branch.
#[derive(Debug, Default)]
pub struct Channels {
    nearby: Arc<Nearby>,
    /// Those for calls, one per address, opened by the first call to it. A channel that breaks connects
    /// again by itself.
    open: Mutex<BTreeMap<String, Arc<OnceCell<Channel>>>>,
}

impl Channels {
    /// From now on, who asks for this address is let in here.
    pub(in crate::branch) fn add(&self, address: String, acceptor: Acceptor) {
        self.nearby.add(address, acceptor);
    }

    /// A connection of one's own to "host:port".
    pub(in crate::branch) async fn open(&self, address: &str) -> Result<Channel, Status> {
        let failed = |error: transport::Error| Status::from_error(Box::new(error));
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(failed)?
            .connect_timeout(CONNECT_WITHIN)
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(4 * WINDOW_BYTES)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE);
        self.reach(endpoint).await.map_err(failed)
    }

    /// Opens a connection to where `endpoint` points: through memory, if a branch of this process listens
    /// there, which also connects again that way.
    ///
    /// # Errors
    /// As of [`Endpoint::connect`].
    pub async fn reach(&self, endpoint: Endpoint) -> Result<Channel, transport::Error> {
        let address = endpoint.uri().authority().map(ToString::to_string).unwrap_or_default();
        if !self.nearby.has(&address) {
            return endpoint.connect().await;
        }
        let nearby = self.nearby.clone();
        let connect = service_fn(move |_uri| {
            let (nearby, address) = (nearby.clone(), address.clone());
            async move { nearby.connect(&address).await.map(TokioIo::new) }
        });
        endpoint.connect_with_connector(connect).await
    }

    /// The channel for calls to "host:port".
    pub(in crate::branch) async fn to(&self, address: &str) -> Result<Channel, Status> {
        let cell = self.open.lock().await.entry(address.to_owned()).or_default().clone();
        cell.get_or_try_init(|| self.open(address)).await.cloned()
    }
}
