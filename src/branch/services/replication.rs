//! What branches may tell a branch.

use std::{
    pin::{Pin, pin},
    sync::Arc,
};

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    branch::{
        connection::channels::CONNECT_WITHIN,
        error::SessionEnd,
        panics,
        peers::link,
        shared::{Arrived, Shared},
    },
    types::{Incarnation, OperationKind, Propagation},
    wire::{
        Propagated,
        proto::{self, replication_service_server::ReplicationService},
    },
};

/// The replication service of one branch.
pub(in crate::branch) struct ReplicationServer {
    shared: Arc<Shared>,
}

impl ReplicationServer {
    pub(in crate::branch) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What a trace wants to know of a call, which its mark has been taken from.
    fn arrived(&self, mark: Option<proto::Mark>, call: &impl prost::Message) -> Arrived {
        Arrived { mark: mark.and_then(|mark| mark.read()), bytes: self.shared.measure(call) }
    }

    /// The answer to a call; both kinds have the same.
    async fn propagated(
        &self,
        told: Propagated,
        overtaken_by: Option<u64>,
        arrived: Arrived,
    ) -> Result<proto::PropagateDepositResponse, Status> {
        self.take_calls(&told)?;
        let joined = pin!(self.shared.propagated(told, overtaken_by.map(Incarnation), arrived));
        panics::guarded(&self.shared, "a peer's call", joined).await?
    }

    /// Whoever calls a branch that has streams hears nothing from it: better no link than half a one. But a life that
    /// is over hands over what only it has.
    fn take_calls(&self, told: &Propagated) -> Result<(), Status> {
        let is_over = || told.origin.incarnation < self.shared.latest_life(told.origin.branch);
        match self.shared.propagation() {
            Propagation::Unary => Ok(()),
            Propagation::Stream if told.operation.is_none() && is_over() => Ok(()),
            Propagation::Stream => Err(Status::failed_precondition(format!(
                "branch {} has stream propagation and takes no calls: both need the same propagation",
                self.shared.own().branch
            ))),
        }
    }
}

#[tonic::async_trait]
impl ReplicationService for ReplicationServer {
    type ReplicateStream = Pin<Box<dyn Stream<Item = Result<proto::ReplicateResponse, Status>> + Send>>;

    async fn propagate_deposit(
        &self,
        request: Request<proto::PropagateDepositRequest>,
    ) -> Result<Response<proto::PropagateDepositResponse>, Status> {
        let mut told = request.into_inner();
        let arrived = self.arrived(told.mark.take(), &told);
        let overtaken_by = told.overtaken_by;
        let told = Propagated::read(OperationKind::Deposit, told.operation, told.delta)?;
        Ok(Response::new(self.propagated(told, overtaken_by, arrived).await?))
    }

    async fn propagate_withdraw(
        &self,
        request: Request<proto::PropagateWithdrawRequest>,
    ) -> Result<Response<proto::PropagateWithdrawResponse>, Status> {
        let mut told = request.into_inner();
        let arrived = self.arrived(told.mark.take(), &told);
        let overtaken_by = told.overtaken_by;
        let told = Propagated::read(OperationKind::Withdraw, told.operation, told.delta)?;
        let proto::PropagateDepositResponse { sequence, mark, incarnation, rival } =
            self.propagated(told, overtaken_by, arrived).await?;
        Ok(Response::new(proto::PropagateWithdrawResponse { sequence, mark, incarnation, rival }))
    }

    async fn replicate(
        &self,
        request: Request<Streaming<proto::ReplicateRequest>>,
    ) -> Result<Response<Self::ReplicateStream>, Status> {
        self.shared.check()?;
        let mut inbound = request.into_inner();
        let first = timeout(CONNECT_WITHIN, inbound.message()).await.map_err(|_| link::no_hello())??;
        let first = first.and_then(|request| request.message);
        let hello = first.ok_or_else(|| Status::invalid_argument("the stream has no hello"))?.read_hello()?;
        link::welcome_dialler(&self.shared, hello)?;
        if self.shared.is_cut(hello.branch) {
            return Err(SessionEnd::Cut.into());
        }
        let (end, ended) = mpsc::channel(1);
        let (sender, receiver) = mpsc::channel(link::MESSAGES_AHEAD);
        let inbound = inbound.map(|request| request.map(|request| request.message));
        let link = link::accept(self.shared.clone(), hello, inbound, sender, end);
        tokio::spawn(panics::task(self.shared.clone(), "a peer's link", Box::pin(link)));
        let outbound = ReceiverStream::new(receiver)
            .map(|message: proto::PeerMessage| Ok(proto::ReplicateResponse { message: Some(message) }));
        Ok(Response::new(Box::pin(outbound.chain(ReceiverStream::new(ended).map(Err)))))
    }
}
