//! The ceiling: tonic alone, with the bank's own messages and nothing behind them. Whatever the bank
//! does beyond this is what it costs.

use std::pin::Pin;

use replibank::wire::proto::{self, bank_service_server::BankService};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

pub struct Bare;

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A receipt as a branch would write it.
fn committed(sequence: u64) -> proto::Committed {
    let write = proto::VersionEntry { branch: 1, incarnation: 0, sequence };
    proto::Committed { write: Some(write), balance: sequence as i64 }
}

fn answer(operation: proto::Operation) -> proto::Answer {
    let outcome = proto::answer::Outcome::Committed(committed(operation.number));
    proto::Answer { number: operation.number, outcome: Some(outcome) }
}

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("bare tonic answers what is measured: Deposit and Execute"))
}

#[tonic::async_trait]
impl BankService for Bare {
    type ExecuteStream = Responses<proto::ExecuteResponse>;
    type WatchStream = Responses<proto::WatchResponse>;

    async fn deposit(
        &self,
        request: Request<proto::DepositRequest>,
    ) -> Result<Response<proto::DepositResponse>, Status> {
        let number = request.get_ref().request.map_or(0, |request| request.number);
        let outcome = proto::deposit_response::Outcome::Committed(committed(number));
        Ok(Response::new(proto::DepositResponse { outcome: Some(outcome) }))
    }

    async fn execute(
        &self,
        request: Request<Streaming<proto::ExecuteRequest>>,
    ) -> Result<Response<Self::ExecuteStream>, Status> {
        let responses = request.into_inner().map(|request| {
            let answers = request?.operations.into_iter().map(answer).collect();
            Ok(proto::ExecuteResponse { answers })
        });
        Ok(Response::new(Box::pin(responses)))
    }

    async fn query(&self, _: Request<proto::QueryRequest>) -> Result<Response<proto::QueryResponse>, Status> {
        not_here()
    }

    async fn withdraw(&self, _: Request<proto::WithdrawRequest>) -> Result<Response<proto::WithdrawResponse>, Status> {
        not_here()
    }

    async fn status(&self, _: Request<proto::StatusRequest>) -> Result<Response<proto::StatusResponse>, Status> {
        not_here()
    }

    async fn watch(&self, _: Request<proto::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        not_here()
    }
}
