//! A branch on a disk that fails: what it told is there, it tells nothing more, and says why to all who ask.

use std::{collections::BTreeSet, time::Duration};

use replibank::{
    branch::{self, Branch, Data},
    store::Durability,
    topology::Shape,
    types::{AccountId, BranchId, Incarnation, Origin, Propagation},
    wire::proto::{self, bank_service_client::BankServiceClient, replication_service_client::ReplicationServiceClient},
};
use tonic::{Code, Status, Streaming, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::common::{self, disk::Place, origin};

const SOON: Duration = Duration::from_secs(20);

async fn serve(place: &Place, life: u64) -> Branch {
    let branches: BTreeSet<BranchId> = [1, 2].map(common::branch).into();
    let config = branch::Config {
        own: Origin { incarnation: Incarnation(life), ..origin(1) },
        had_lives: false,
        accounts: [(AccountId::DEFAULT, 400)].into(),
        topology: branch::topology(Shape::Mesh, Propagation::Unary, &branches),
        branches,
        propagation: Propagation::Unary,
        propagation_delay: Duration::ZERO,
        recording: None,
    };
    let data = Data { directory: place.path().join("branch"), durability: Durability::Buffered };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    Branch::recover(listener, config, data).await.expect("the branch serves")
}

async fn channel(served: &Branch) -> Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", served.address())).unwrap();
    endpoint.connect().await.expect("it listens")
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// A customer's deposit of 1.
async fn deposit(channel: &Channel) -> Result<(), Status> {
    let request = proto::DepositRequest { amount: 1, ..Default::default() };
    soon("a deposit", BankServiceClient::new(channel.clone()).deposit(request)).await.map(drop)
}

/// A peer's deposit of 10.
async fn propagate(channel: &Channel, sequence: u64) -> Result<(), Status> {
    let operation = proto::PropagatedOperation { origin: 2, sequence, amount: 10, ..Default::default() };
    let request = proto::PropagateDepositRequest { operation: Some(operation), ..Default::default() };
    soon("a call", ReplicationServiceClient::new(channel.clone()).propagate_deposit(request)).await.map(drop)
}

/// Waits until health tells that of both services.
async fn until_serving(channel: &Channel, is_serving: bool) {
    for service in ["replibank.v1.BankService", "replibank.v1.ReplicationService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let watch = HealthClient::new(channel.clone()).watch(request).await;
        let mut told = watch.expect("an answer").into_inner();
        let (serving, not_serving) = (1, 2);
        let wanted = if is_serving { serving } else { not_serving };
        let comes = async { while told.message().await.expect("an answer").expect("an answer").status != wanted {} };
        soon(service, comes).await;
    }
}

async fn balance(served: &Branch) -> i64 {
    served.status().await.expect("it serves").snapshot.balances[&AccountId::DEFAULT]
}

#[tokio::test]
async fn a_branch_whose_disk_fails_tells_nothing_more_and_says_why() {
    // Who is first to meet the failure: a customer, or a peer.
    for is_customer in [true, false] {
        let place = Place::new();
        let served = serve(&place, 1).await;
        let to = channel(&served).await;
        deposit(&to).await.expect("the disk has room");
        propagate(&to, 1).await.expect("the disk has room");
        until_serving(&to, true).await;
        assert_eq!(balance(&served).await, 411);

        served.fuse().expect("it has a disk").blow();
        let first = if is_customer { deposit(&to).await } else { propagate(&to, 2).await };
        let failure = soon("the failure", served.failed()).await.to_string();
        let mut bank = BankServiceClient::new(to.clone());
        let query = soon("a query", bank.query(proto::QueryRequest::default())).await.map(drop);
        let status = soon("the status", bank.status(proto::StatusRequest {})).await.map(drop);
        for told in [first, deposit(&to).await, propagate(&to, 2).await, query, status] {
            let refused = told.expect_err("it is not on disk");
            assert_eq!((refused.code(), refused.message()), (Code::Unavailable, failure.as_str()));
        }
        until_serving(&to, false).await;
        served.close().await;

        let again = serve(&place, 2).await;
        assert_eq!(balance(&again).await, 411);
        again.close().await;
    }
}

/// Who looks meanwhile sees what is on disk, or why there is nothing to see.
#[tokio::test]
async fn a_status_shows_nothing_that_is_not_on_disk() {
    let place = Place::new();
    let served = serve(&place, 1).await;
    let to = channel(&served).await;
    served.fuse().expect("it has a disk").blow();
    let write = tokio::spawn(async move { deposit(&to).await });
    while let Ok(status) = served.status().await {
        assert_eq!(status.snapshot.balances[&AccountId::DEFAULT], 400);
        tokio::task::yield_now().await;
    }
    write.await.unwrap().expect_err("it is not on disk");
    served.close().await;
}

/// The next error of a stream of answers.
async fn error<T>(mut answers: Streaming<T>) -> Status {
    let error = async {
        loop {
            match answers.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended as if all were well"),
                Err(status) => return status,
            }
        }
    };
    soon("the end", error).await
}

#[tokio::test]
async fn who_listens_when_the_disk_fails_is_told_why() {
    let place = Place::new();
    let served = serve(&place, 1).await;
    let to = channel(&served).await;
    let mut bank = BankServiceClient::new(to.clone());
    let mut watches = Vec::new();
    // One looks at every change, and one was to sleep for an hour.
    for interval_us in [0, 3_600_000_000] {
        let mut watch = bank.watch(proto::WatchRequest { interval_us }).await.expect("a watch").into_inner();
        soon("a snapshot", watch.message()).await.expect("it serves").expect("it serves");
        watches.push(watch);
    }
    let stream = bank.execute(tokio_stream::pending()).await.expect("a stream").into_inner();
    served.fuse().expect("it has a disk").blow();
    deposit(&to).await.expect_err("it is not on disk");
    let failure = served.failed().await.to_string();
    let mut errors = vec![error(stream).await];
    for watch in watches {
        errors.push(error(watch).await);
    }
    for told in errors {
        assert_eq!((told.code(), told.message()), (Code::Unavailable, failure.as_str()));
    }
    served.close().await;
}
