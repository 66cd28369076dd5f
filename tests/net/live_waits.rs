//! One customer can neither kill nor block a branch: what may be asked is bounded, what waits goes with its call
//! or stream, and no connection takes all places.

use std::{collections::BTreeSet, time::Duration};

use replibank::{
    branch::{self, Branch},
    replica::MAX_WAITING,
    topology::Shape,
    types::{AccountId, BranchId, Incarnation, Origin, Propagation},
    wire::{
        MAX_OPERATIONS,
        proto::{self, bank_service_client::BankServiceClient, operation::Operation as Kind},
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, transport::Channel};

const SOON: Duration = Duration::from_secs(20);

/// What the second of two branches has after one more operation, which never comes.
const LATER: u64 = 1;

fn served() -> Branch {
    let branches: BTreeSet<BranchId> = [1, 2].map(|id| BranchId::new(id).unwrap()).into();
    let config = branch::Config {
        own: Origin { branch: BranchId::new(1).unwrap(), incarnation: Incarnation(0) },
        had_lives: false,
        accounts: [(AccountId::DEFAULT, 400)].into(),
        topology: branch::topology(Shape::Mesh, Propagation::Stream, &branches),
        branches,
        propagation: Propagation::Stream,
        propagation_delay: Duration::ZERO,
        recording: None,
    };
    Branch::serve(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), config).expect("the branch serves")
}

async fn client(served: &Branch) -> BankServiceClient<Channel> {
    BankServiceClient::connect(format!("http://{}", served.address())).await.expect("it listens")
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// Returns once so many requests wait.
async fn waiting(served: &Branch, count: usize) {
    let waits = async {
        while served.waiting() != count {
            tokio::task::yield_now().await;
        }
    };
    soon(&format!("that {count} requests wait"), waits).await;
}

fn version(branch: u32) -> Option<proto::Version> {
    Some(proto::Version { entries: vec![proto::VersionEntry { branch, incarnation: 0, sequence: LATER }] })
}

fn deposit(number: u64) -> proto::Operation {
    proto::Operation { number, operation: Some(Kind::Deposit(proto::DepositOperation { account: 0, amount: 1 })) }
}

fn batch(count: u64) -> proto::ExecuteRequest {
    proto::ExecuteRequest { client: 9, operations: (1..=count).map(deposit).collect(), ..Default::default() }
}

/// One stream, on which this has been said.
async fn execute(
    client: &mut BankServiceClient<Channel>,
    request: proto::ExecuteRequest,
) -> (mpsc::Sender<proto::ExecuteRequest>, Streaming<proto::ExecuteResponse>) {
    let (sender, receiver) = mpsc::channel(64);
    sender.send(request).await.unwrap();
    let responses = soon("the stream", client.execute(ReceiverStream::new(receiver))).await.expect("a stream");
    (sender, responses.into_inner())
}

async fn refused(client: &mut BankServiceClient<Channel>, request: proto::ExecuteRequest) -> Status {
    let (_sender, mut responses) = execute(client, request).await;
    soon("the refusal", responses.message()).await.expect_err("it is refused")
}

async fn balance(client: &mut BankServiceClient<Channel>) -> i64 {
    let answer = soon("an answer", client.query(proto::QueryRequest::default())).await.expect("an answer").into_inner();
    match answer.outcome {
        Some(proto::query_response::Outcome::Queried(queried)) => queried.balance,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_takes_its_request_with_it() {
    let served = served();
    let mut client = client(&served).await;
    let mut other = client.clone();
    let asked = proto::DepositRequest { amount: 1, at_least: version(2), wait_us: u64::MAX, ..Default::default() };
    let call = tokio::spawn(async move { other.deposit(asked).await });
    waiting(&served, 1).await;
    call.abort();
    waiting(&served, 0).await;
    assert_eq!(balance(&mut client).await, 400);
    served.close().await;
}

#[tokio::test]
async fn a_stream_that_breaks_takes_its_requests_with_it() {
    let served = served();
    let mut client = client(&served).await;
    // A stream of which 1,024 wait is not read any more: it does not hear of its end, and is only dropped.
    for count in [300, 1024] {
        let asked = proto::ExecuteRequest { at_least: version(2), ..batch(count) };
        let (sender, responses) = execute(&mut client, asked).await;
        waiting(&served, count as usize).await;
        drop((sender, responses));
        waiting(&served, 0).await;
        assert_eq!(balance(&mut client).await, 400);
    }
    served.close().await;
}

#[tokio::test]
async fn no_connection_takes_all_places() {
    let served = served();
    let (mut greedy, mut modest) = (client(&served).await, client(&served).await);
    let share = MAX_WAITING / 8;
    // Each stream is read until 1,024 of it wait.
    let mut streams = Vec::new();
    for stream in 0..share / 1024 {
        let asked = proto::ExecuteRequest { client: 100 + stream as u64, at_least: version(2), ..batch(1024) };
        streams.push(execute(&mut greedy, asked).await);
    }
    waiting(&served, share).await;
    let asked = proto::QueryRequest { at_least: version(2), wait_us: 60_000_000, ..Default::default() };
    let answer = soon("a refusal", greedy.query(asked.clone())).await.expect("an answer").into_inner();
    let Some(proto::query_response::Outcome::Refusal(refusal)) = answer.outcome else { panic!("{answer:?}") };
    assert_eq!((refusal.code(), refusal.requested), (proto::RefusalCode::Overloaded, share as u64));
    // What need not wait is answered, and others may wait.
    assert_eq!(balance(&mut greedy).await, 400);
    let other = tokio::spawn(async move { modest.query(asked).await });
    waiting(&served, share + 1).await;
    // Places that are free again are taken again.
    drop(streams);
    waiting(&served, 1).await;
    let again = execute(&mut greedy, proto::ExecuteRequest { at_least: version(2), ..batch(1) }).await;
    waiting(&served, 2).await;
    drop(again);
    other.abort();
    waiting(&served, 0).await;
    served.close().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_and_nothing_else_happens() {
    let served = served();
    let mut client = client(&served).await;
    let named = |client, number| Some(proto::RequestId { client, number });
    let deposits = [
        (named(0, 1), None, "request.client"),
        (named(9, 0), None, "request.number"),
        (named(0, 0), None, "request.client"),
        (named(9, 1), version(3), "names branch 3"),
    ];
    for (request, at_least, said) in deposits {
        let asked = proto::DepositRequest { amount: 1, request, at_least: at_least.clone(), ..Default::default() };
        let status = soon("the refusal", client.deposit(asked)).await.expect_err("it is refused");
        assert!(status.code() == Code::InvalidArgument && status.message().contains(said), "{status:?}");
        let asked = proto::WithdrawRequest { amount: 1, request, at_least, ..Default::default() };
        let status = soon("the refusal", client.withdraw(asked)).await.expect_err("it is refused");
        assert!(status.code() == Code::InvalidArgument && status.message().contains(said), "{status:?}");
    }
    let entry = |incarnation| proto::VersionEntry { branch: 2, incarnation, sequence: 1 };
    let long = proto::Version { entries: (0..20_000).map(entry).collect() };
    let streams = [
        (proto::ExecuteRequest { client: 0, ..batch(1) }, "client: is 0"),
        (proto::ExecuteRequest { operations: vec![deposit(0)], ..batch(1) }, "operations.number: is 0"),
        (batch(MAX_OPERATIONS as u64 + 1), "at most 4096"),
        (proto::ExecuteRequest { at_least: version(3), ..batch(1) }, "names branch 3"),
        (proto::ExecuteRequest { at_least: Some(long), ..batch(1) }, "20000 entries"),
    ];
    for (request, said) in streams {
        let status = refused(&mut client, request).await;
        assert!(status.code() == Code::InvalidArgument && status.message().contains(said), "{status:?}");
    }
    assert_eq!((balance(&mut client).await, served.waiting()), (400, 0));
    // As many as a message may have, in one.
    let (_sender, mut responses) = execute(&mut client, batch(MAX_OPERATIONS as u64)).await;
    let mut answered = 0;
    while answered < MAX_OPERATIONS {
        let response = soon("the answers", responses.message()).await.expect("answers").expect("answers");
        answered += response.answers.len();
    }
    assert_eq!(balance(&mut client).await, 400 + MAX_OPERATIONS as i64);
    served.close().await;
}
