//! What customers may ask of a branch.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use super::execute;
use crate::{
    branch::{
        error::BranchError,
        panics,
        shared::{Asked, Caller, Shared},
    },
    types::{Action, Answer, Operation, Refusal, RequestId, Terms},
    wire::proto::{self, bank_service_server::BankService},
};

/// The bank service of one branch.
pub(in crate::branch) struct BankServer {
    shared: Arc<Shared>,
}

impl BankServer {
    pub(in crate::branch) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Deposits and withdrawals differ in their messages only.
    async fn write(
        &self,
        (operation, id, terms): (Result<Operation, Refusal>, Option<RequestId>, Terms),
        caller: &Caller,
    ) -> Result<Answer, Status> {
        match operation {
            Ok(operation) => {
                let action = Action::Write(operation);
                self.ask(Asked { id, action, terms, include_version: false }, caller).await
            }
            Err(refusal) => Ok(self.shared.refused(id, refusal)),
        }
    }

    /// Decides a request, unless it is lost, and so may the answer be.
    async fn ask(&self, asked: Asked, caller: &Caller) -> Result<Answer, Status> {
        self.shared.pass_of_customers()?;
        self.shared.judge_version(&asked.terms.at_least)?;
        let answer =
            panics::guarded(&self.shared, "a customer's request", pin!(self.shared.ask(asked, caller))).await??;
        self.shared.pass_of_customers()?;
        Ok(answer)
    }
}

/// Whoever has made a call.
fn caller<T>(request: &Request<T>) -> Result<&Caller, Status> {
    request.extensions().get().ok_or_else(|| Status::internal("a call without a connection"))
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl BankService for BankServer {
    type ExecuteStream = Responses<proto::ExecuteResponse>;
    type WatchStream = Responses<proto::WatchResponse>;

    async fn query(&self, request: Request<proto::QueryRequest>) -> Result<Response<proto::QueryResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.get_ref();
        let (action, terms) = request.read()?;
        let include_version = request.include_version;
        let answer = self.ask(Asked { id: None, action, terms, include_version }, caller).await?;
        Ok(Response::new(proto::QueryResponse::new(&answer)))
    }

    async fn deposit(
        &self,
        request: Request<proto::DepositRequest>,
    ) -> Result<Response<proto::DepositResponse>, Status> {
        let answer = self.write(request.get_ref().read()?, caller(&request)?).await?;
        Ok(Response::new(proto::DepositResponse::new(&answer)))
    }

    async fn withdraw(
        &self,
        request: Request<proto::WithdrawRequest>,
    ) -> Result<Response<proto::WithdrawResponse>, Status> {
        let answer = self.write(request.get_ref().read()?, caller(&request)?).await?;
        Ok(Response::new(proto::WithdrawResponse::new(&answer)))
    }

    async fn execute(
        &self,
        request: Request<Streaming<proto::ExecuteRequest>>,
    ) -> Result<Response<Self::ExecuteStream>, Status> {
        self.shared.check_customer(false)?;
        let caller = caller(&request)?.clone();
        let responses = execute::run(self.shared.clone(), caller, request.into_inner());
        Ok(Response::new(Box::pin(responses)))
    }

    async fn status(&self, _: Request<proto::StatusRequest>) -> Result<Response<proto::StatusResponse>, Status> {
        let status = panics::guarded(&self.shared, "its status", pin!(self.shared.status())).await??;
        Ok(Response::new((&status).into()))
    }

    async fn watch(&self, request: Request<proto::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.shared.check()?;
        let interval = Duration::from_micros(request.get_ref().interval_us);
        // Room for one: a slow watcher sees the latest state, not every one.
        let (sender, receiver) = mpsc::channel(1);
        let watching = watch(self.shared.clone(), interval, sender);
        tokio::spawn(panics::task(self.shared.clone(), "a watch", Box::pin(watching)));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Sends the branch's state now and after every change, until the watcher or the branch goes.
async fn watch(shared: Arc<Shared>, interval: Duration, sender: mpsc::Sender<Result<proto::WatchResponse, Status>>) {
    let mut changes = shared.subscribe();
    loop {
        let Ok(permit) = sender.reserve().await else { return };
        changes.mark_unchanged();
        match shared.snapshot().await {
            Ok(snapshot) => permit.send(Ok((&snapshot).into())),
            Err(BranchError::Stopped) => return,
            Err(error) => return permit.send(Err(error.into())),
        }
        let next = async {
            tokio::time::sleep(interval).await;
            changes.changed().await
        };
        tokio::select! {
            changed = next => if changed.is_err() { return },
            () = sender.closed() => return,
            () = shared.stopped() => match shared.check() {
                Ok(()) => return,
                Err(error) => return drop(sender.send(Err(error.into())).await),
            },
        }
    }
}
