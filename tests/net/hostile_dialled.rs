//! A peer that misbehaves where it is dialled: the branch tries again, later each time, says so once,
//! and goes on with everybody else.

use std::{pin::Pin, sync::Arc, time::Duration};

use replibank::{
    types::Propagation,
    wire::proto::{
        self,
        peer_message::Kind,
        replication_service_server::{ReplicationService, ReplicationServiceServer},
    },
};
use tokio::sync::Semaphore;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming, transport::server::TcpIncoming};

use crate::hostile::{Bed, HONEST, SERVED, delta, log_lines, soon, update, version};

/// What the fake branch says to whom it is dialled by; the hello's bank is filled in.
type Says = fn() -> Result<Vec<Option<Kind>>, Status>;

/// Answers calls with this.
type Answers = fn() -> Result<u64, Status>;

struct Fake {
    says: Says,
    answers: Answers,
    /// A permit for each time that it was dialled or called.
    met: Arc<Semaphore>,
}

#[tonic::async_trait]
impl ReplicationService for Fake {
    type ReplicateStream = Pin<Box<dyn Stream<Item = Result<proto::ReplicateResponse, Status>> + Send>>;

    async fn propagate_deposit(
        &self,
        _: Request<proto::PropagateDepositRequest>,
    ) -> Result<Response<proto::PropagateDepositResponse>, Status> {
        self.met.add_permits(1);
        (self.answers)()
            .map(|sequence| Response::new(proto::PropagateDepositResponse { sequence, ..Default::default() }))
    }

    async fn propagate_withdraw(
        &self,
        _: Request<proto::PropagateWithdrawRequest>,
    ) -> Result<Response<proto::PropagateWithdrawResponse>, Status> {
        Err(Status::unimplemented("deposits are enough"))
    }

    async fn replicate(
        &self,
        request: Request<Streaming<proto::ReplicateRequest>>,
    ) -> Result<Response<Self::ReplicateStream>, Status> {
        let mut inbound = request.into_inner();
        let first = inbound.message().await?.and_then(|request| request.message).expect("a branch says hello");
        let bank = first.read_hello().expect("a branch says hello").bank;
        self.met.add_permits(1);
        let fill = move |kind| match kind {
            Some(Kind::Hello(hello)) => Some(Kind::Hello(proto::Hello { bank: hello.bank ^ bank, ..hello })),
            other => other,
        };
        let message = move |kind| {
            Ok(proto::ReplicateResponse {
                message: Some(proto::PeerMessage { kind: fill(kind), ..Default::default() }),
            })
        };
        let said = tokio_stream::iter((self.says)()?).map(message);
        // The stream stays open for as long as the branch keeps its own end open.
        let rest = inbound.filter_map(|_| None::<Result<proto::ReplicateResponse, Status>>);
        Ok(Response::new(Box::pin(said.chain(rest))))
    }
}

/// Serves a fake branch; returns its address, and how often it was met.
async fn fake(says: Says, answers: Answers) -> (String, Arc<Semaphore>) {
    let met = Arc::new(Semaphore::new(0));
    let service = ReplicationServiceServer::new(Fake { says, answers, met: met.clone() });
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap().to_string();
    // It ends with the test's runtime.
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    (address, met)
}

async fn met_again(met: &Semaphore, times: u32) {
    soon("another try", met.acquire_many(times)).await.expect("it is open").forget();
}

/// A hello of branch `id` and of the right bank, or of another.
fn hello(branch: u32, other_bank: bool) -> Option<Kind> {
    Some(Kind::Hello(proto::Hello { branch, bank: u64::from(other_bank), life: 0, heard: 0, rival: None }))
}

#[tokio::test]
async fn peer_that_misbehaves_when_dialled_is_dialled_again_and_told_of_once() {
    let lies: [(Says, &str); 8] = [
        (|| Err(Status::internal("out of order")), "out of order"),
        (|| Ok(vec![hello(HONEST, true)]), "branch 3 is of another bank than branch 2"),
        (|| Ok(vec![hello(1, false)]), "branch 1 answers there"),
        (|| Ok(vec![hello(77, false)]), "branches 77 and 2 are not linked"),
        (|| Ok(vec![None]), "field kind: is missing"),
        (|| Ok(vec![update_of(9)]), "is not the hello that every link begins with"),
        (|| Ok(vec![hello(HONEST, false), update_of(9)]), "origin 9 is no branch of this bank"),
        (|| Ok(vec![hello(HONEST, false), greeting_of_too_much()]), "own page up to 99"),
    ];
    for (says, cause) in lies {
        let (address, met) = fake(says, || Ok(0)).await;
        let mut bed = Bed::that_dials(Propagation::Stream, address).await;
        let before = bed.state().await;
        met_again(&met, 4).await;
        assert_eq!(bed.state().await, before, "{cause}");
        // It was dialled four times, so it was given up three times at least.
        let lines = log_lines();
        assert!(matches!(&lines[..], [(log::Level::Warn, line)] if line.contains(cause)), "{cause}: {lines:?}");
        bed.goes_on().await;
        bed.close().await;
    }
}

fn update_of(origin: u32) -> Option<Kind> {
    Some(update(1, [delta(origin, 0, 1, &[(0, 1, 5, 0)])]))
}

fn greeting_of_too_much() -> Option<Kind> {
    Some(Kind::Greeting(proto::Greeting { version: version(&[(SERVED, 99)]) }))
}

#[tokio::test]
async fn peer_that_answers_calls_falsely_is_called_again_and_told_of_once() {
    let lies: [(Answers, &str); 3] = [
        (|| Ok(u64::MAX), "own page up to 18446744073709551615"),
        (|| Err(Status::internal("out of order")), "out of order"),
        (|| Err(Status::invalid_argument("so much ".repeat(500))), "so much"),
    ];
    for (answers, cause) in lies {
        let (address, met) = fake(|| Ok(Vec::new()), answers).await;
        let mut bed = Bed::that_dials(Propagation::Unary, address).await;
        met_again(&met, 4).await;
        let lines = log_lines();
        assert!(matches!(&lines[..], [(log::Level::Warn, line)] if line.contains(cause)), "{cause}: {lines:?}");
        bed.goes_on().await;
        bed.close().await;
    }
}

/// It takes what it is told and denies it, at once and for ever.
#[tokio::test]
async fn peer_that_denies_every_call_is_not_called_as_fast_as_the_wire() {
    let (address, met) = fake(|| Ok(Vec::new()), || Ok(0)).await;
    let mut bed = Bed::that_dials(Propagation::Unary, address).await;
    for _ in 0..5 {
        bed.goes_on().await;
    }
    // Nothing happens any more but repairs, a second or more apart; a loop makes these in no time.
    let many = tokio::time::timeout(Duration::from_millis(700), met.acquire_many(100)).await;
    assert!(many.is_err(), "it is called without end");
    assert_eq!(log_lines(), []);
    bed.close().await;
}
