//! A branch whose peers are of another bank takes no writes: nobody else would ever have them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]
#![cfg(feature = "net")]

use std::time::Duration;

use replibank::{
    bank::{BranchConfig, Served},
    topology::Shape,
    types::{AccountId, BranchId, Propagation},
    wire::proto::{self, bank_service_client::BankServiceClient},
};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const SOON: Duration = Duration::from_secs(20);

fn branch(id: u32) -> BranchId {
    BranchId::new(id).unwrap()
}

async fn serve(id: u32, listen: &str, peer: (u32, &str), opening: i64, propagation: Propagation) -> Served {
    let config = BranchConfig {
        id: branch(id),
        listen: listen.to_owned(),
        peers: [(branch(peer.0), Some(peer.1.to_owned()))].into(),
        accounts: [(AccountId::DEFAULT, opening)].into(),
        shape: Shape::Mesh,
        propagation,
        propagation_delay: Duration::ZERO,
        data: None,
    };
    Served::start(config).await.expect("it serves")
}

async fn channel(served: &Served) -> Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", served.address())).unwrap();
    endpoint.connect().await.expect("it listens")
}

async fn deposit(served: &Served) -> Result<(), Status> {
    let request = proto::DepositRequest { amount: 1, ..Default::default() };
    BankServiceClient::new(channel(served).await).deposit(request).await.map(drop)
}

/// Deposits until that is refused, or is not.
async fn deposit_until(served: &Served, is_refused: bool) -> Result<(), Status> {
    let tries = async {
        loop {
            let deposited = deposit(served).await;
            if deposited.is_err() == is_refused {
                return deposited;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, tries).await.expect("it hears of its peer")
}

async fn is_serving(served: &Served) -> bool {
    let request = HealthCheckRequest { service: "replibank.v1.BankService".to_owned() };
    let status = HealthClient::new(channel(served).await).check(request).await.expect("an answer").into_inner().status;
    status == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branch_of_another_bank_takes_no_writes_until_a_peer_accepts_it() {
    for propagation in [Propagation::Stream, Propagation::Unary] {
        // Nobody listens there yet: unreachable peers are no refusal.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let one = serve(1, "127.0.0.1:0", (2, &port), 400, propagation).await;
        deposit(&one).await.expect("it is alone, and may be");
        assert!(is_serving(&one).await);

        let address = one.address().to_string();
        let stranger = serve(2, &port, (1, &address), 500, propagation).await;
        let refused = deposit_until(&one, true).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let said = "no writes are taken until a peer accepts this branch: branch 2 refuses it: ";
        assert!(refused.message().starts_with(said) && refused.message().contains("another bank"), "{refused:?}");
        assert!(!is_serving(&one).await);
        if propagation == Propagation::Stream {
            deposit_until(&stranger, true).await.unwrap_err();
        }
        stranger.close().await;

        let peer = serve(2, &port, (1, &address), 400, propagation).await;
        deposit_until(&one, false).await.expect("it is accepted");
        deposit_until(&peer, false).await.expect("it is accepted");
        assert!(is_serving(&one).await);
        one.close().await;
        peer.close().await;
    }
}
