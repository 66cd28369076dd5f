//! What only the inside of a branch can show: what becomes of it when a part of it panics.

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc, time::Duration};

use super::{config::Config, handle::Branch, panics};
use crate::{
    topology::{Shape, Topology},
    types::{AccountId, BranchId, Incarnation, Origin, Propagation},
    wire::proto::{self, bank_service_client::BankServiceClient},
};

fn config(count: u32, links: &dyn Fn(&BTreeSet<BranchId>) -> Topology) -> Config {
    let branches: BTreeSet<BranchId> = (1..=count).filter_map(BranchId::new).collect();
    Config {
        own: Origin { branch: BranchId::new(1).unwrap(), incarnation: Incarnation(0) },
        had_lives: false,
        topology: Arc::new(links(&branches)),
        branches,
        accounts: [(AccountId::DEFAULT, 400)].into(),
        propagation: Propagation::Stream,
        propagation_delay: Duration::ZERO,
        recording: None,
    }
}

#[test]
fn banks_of_as_many_other_links_have_other_digests() {
    // A ring in id order, and one of the same branches in another.
    let ring = config(5, &|branches| Topology::new(Shape::Ring, branches)).bank_digest();
    let other = config(5, &|branches| Topology::ring([1, 3, 5, 2, 4], branches)).bank_digest();
    assert_ne!(ring, other);
}

#[tokio::test]
async fn a_panic_in_any_task_ends_the_branch_loudly() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let branch = Branch::serve(listener, config(2, &|branches| Topology::new(Shape::Mesh, branches))).unwrap();
    let address = format!("http://{}", branch.address());
    let mut bank = BankServiceClient::connect(address.clone()).await.unwrap();
    let later = proto::Version { entries: vec![proto::VersionEntry { branch: 2, incarnation: 0, sequence: 1 }] };
    let waits = proto::QueryRequest { at_least: Some(later), ..Default::default() };
    let mut other = bank.clone();
    let waiting = tokio::spawn(async move { other.query(waits).await });
    while branch.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    let mut health = tonic_health::pb::health_client::HealthClient::new(
        tonic::transport::Endpoint::from_shared(address).unwrap().connect().await.unwrap(),
    );
    let service = "replibank.v1.BankService".to_owned();
    let mut told = health.watch(tonic_health::pb::HealthCheckRequest { service }).await.unwrap().into_inner();
    let (serving, not_serving) = (1, 2);
    while told.message().await.unwrap().unwrap().status != serving {}

    branch.tasks.lock().await.spawn(panics::task(
        branch.shared.clone(),
        "a link",
        Box::pin(async { panic!("on purpose") }),
    ));
    let failure = branch.failed().await;
    assert_eq!(failure.to_string(), "a panic in a link, a bug of replibank: on purpose");
    assert_eq!(branch.failure(), Some(failure.clone()));
    for refused in [waiting.await.unwrap().unwrap_err(), bank.query(proto::QueryRequest::default()).await.unwrap_err()]
    {
        assert_eq!((refused.code(), refused.message()), (tonic::Code::Unavailable, failure.to_string().as_str()));
    }
    while told.message().await.unwrap().unwrap().status != not_serving {}
    branch.close().await;
}

#[tokio::test]
async fn a_panic_under_the_lock_is_the_end_too() {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let branch = Branch::serve(listener, config(1, &|branches| Topology::new(Shape::Mesh, branches))).unwrap();
    let broken = panics::guard(&branch.shared, "its replica", || branch.shared.panic_under_the_lock());
    assert_eq!(broken, branch.failure().map_or(Ok(()), Err));
    let mut bank = BankServiceClient::connect(format!("http://{}", branch.address())).await.unwrap();
    let deposit = proto::DepositRequest { amount: 1, ..Default::default() };
    let refused = bank.deposit(deposit).await.unwrap_err();
    assert!(refused.message().contains("a panic in its replica"), "{refused:?}");
    branch.close().await;
}
