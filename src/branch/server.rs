//! The gRPC server of one branch: bank, replication, health and reflection.

use std::{
    io,
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokio::{
    io::DuplexStream,
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::sleep,
};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tokio_util::either::Either;
use tonic::{
    server::NamedService,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server as reflection;

use super::{
    connection::{
        channels::{KEEPALIVE, WINDOW_BYTES},
        cork::Corked,
        cut::Cuttable,
        door::Door,
    },
    error::BranchError,
    services::{bank::BankServer, replication::ReplicationServer},
    shared::Shared,
};
use crate::{
    types::BranchId,
    wire::{
        MAX_CUSTOMER_MESSAGE_BYTES, MAX_PEER_MESSAGE_BYTES, MAX_STATUS_BYTES,
        proto::{self, bank_service_server::BankServiceServer, replication_service_server::ReplicationServiceServer},
    },
};

/// How long connections may take to end after the branch was told to stop.
const GRACE: Duration = Duration::from_millis(500);

/// How long after a failure the next connection is accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// "Too many open files": Linux and macOS have one number for it.
const EMFILE: i32 = 24;

/// Calls under way on one connection: as many messages as may be there unread. Of each that is smaller than
/// 256 bytes, h2 charges what is missing to half the connection's window, and ends a connection that has
/// used it up.
const MAX_CONCURRENT_CALLS: u32 = 4 * WINDOW_BYTES / 2 / 256;

/// What a server tells of its services, to clients that ask in either version of reflection: grpcio's still
/// speaks v1alpha. It is the same for all branches of a process.
static REFLECTION: LazyLock<Result<Routes, reflection::Error>> = LazyLock::new(|| {
    let descriptors = || {
        reflection::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(Routes::new(descriptors().build_v1()?).add_service(descriptors().build_v1alpha()?))
});

/// Serves until told to stop: whoever comes to the listener, and who comes from within this process.
pub(super) async fn run(listener: TcpListener, nearby: mpsc::Receiver<DuplexStream>, shared: Arc<Shared>) {
    let own = shared.own().branch;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<BankServiceServer<BankServer>>().await;
    health.set_serving::<ReplicationServiceServer<ReplicationServer>>().await;

    let bank = BankServiceServer::new(BankServer::new(shared.clone()))
        .max_decoding_message_size(MAX_CUSTOMER_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_STATUS_BYTES);
    let replication = ReplicationServiceServer::new(ReplicationServer::new(shared.clone()))
        .max_decoding_message_size(MAX_PEER_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_PEER_MESSAGE_BYTES);
    let reflection = REFLECTION.as_ref().inspect_err(|error| {
        log::error!("branch {own} serves without reflection: {error}");
    });
    let routes = reflection.cloned().unwrap_or_default();
    let router = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(4 * WINDOW_BYTES)
        .max_concurrent_streams(MAX_CONCURRENT_CALLS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_routes(routes)
        .add_service(bank)
        .add_service(Door::new(replication, shared.clone()))
        .add_service(health_service);

    let served = shared.clone();
    let incoming = patient(TcpIncoming::from(listener).with_nodelay(Some(true)), own)
        .map(|stream| stream.map(|socket| Either::Left(Corked::new(socket))))
        .merge(ReceiverStream::new(nearby).map(|stream| Ok(Either::Right(stream))))
        .map(move |stream| stream.map(|stream| Cuttable::new(stream, served.clone())));
    let told = shared.clone();
    let end = async move {
        let _ = told.told_to_stop().await;
    };
    let serving = router.serve_with_incoming_shutdown(incoming, end);
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = tell_health(&shared, &health) => Ok(()),
        _ = shared.told_to_stop() => {
            // Connections that do not end by themselves are cut after the grace.
            tokio::time::timeout(GRACE, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        shared.fail(BranchError::Listener { reason: error.to_string() });
    }
}

/// Tells of each service whether it serves, for ever. A branch that has failed answers every call with that,
/// until it is told to stop.
async fn tell_health(shared: &Shared, health: &HealthReporter) {
    let serves = |serves| if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
    let mut changes = shared.changing_standing();
    loop {
        let (customers, peers) = {
            let standing = changes.borrow_and_update();
            (standing.serves_customers(), standing.serves_peers())
        };
        health.set_service_status(BankServiceServer::<BankServer>::NAME, serves(customers)).await;
        health.set_service_status(ReplicationServiceServer::<ReplicationServer>::NAME, serves(peers)).await;
        // The sender is the branch's own.
        let _ = changes.changed().await;
    }
}

/// The same connections; after a failure to accept one, a pause: tonic would ask again at once, for as
/// long as there are no open files left.
fn patient(
    incoming: impl Stream<Item = io::Result<TcpStream>>,
    own: BranchId,
) -> impl Stream<Item = io::Result<TcpStream>> {
    let mut last_failure = String::new();
    let told = incoming.map(move |accepted| {
        if let Err(error) = &accepted {
            let failure = match error.raw_os_error() {
                Some(EMFILE) => {
                    "this process has all the open files it may have: raise the soft limit (ulimit -n)".to_owned()
                }
                Some(_) | None => error.to_string(),
            };
            if failure != last_failure {
                log::warn!("branch {own} accepts no further connections: {failure}");
                last_failure = failure;
            }
        }
        accepted
    });
    told.then(async |accepted| {
        if accepted.is_err() {
            sleep(ACCEPT_AGAIN).await;
        }
        accepted
    })
}
