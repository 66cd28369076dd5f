//! A branch whose peers are of another bank takes no writes: nobody else would ever have them.

use std::time::Duration;

use replibank::{bank::Served, types::Propagation};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::served::{channel, client, deposit, nobody, serve};

const SOON: Duration = Duration::from_secs(20);

/// Deposits until that is refused, or is not.
async fn deposit_until(served: &Served, is_refused: bool) -> Result<(), Status> {
    let tries = async {
        loop {
            let deposited = deposit(&mut client(served).await).await;
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
        let port = nobody();
        let one = serve(1, "127.0.0.1:0", &[(2, &port)], 400, propagation).await;
        deposit(&mut client(&one).await).await.expect("it is alone, and may be");
        assert!(is_serving(&one).await);

        let address = one.address().to_string();
        let stranger = serve(2, &port, &[(1, &address)], 500, propagation).await;
        let refused = deposit_until(&one, true).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let said = "no writes are taken until a peer accepts this branch: branch 2 refuses it: ";
        assert!(refused.message().starts_with(said) && refused.message().contains("another bank"), "{refused:?}");
        assert!(!is_serving(&one).await);
        if propagation == Propagation::Stream {
            deposit_until(&stranger, true).await.unwrap_err();
        }
        stranger.close().await;

        let peer = serve(2, &port, &[(1, &address)], 400, propagation).await;
        deposit_until(&one, false).await.expect("it is accepted");
        deposit_until(&peer, false).await.expect("it is accepted");
        assert!(is_serving(&one).await);
        one.close().await;
        peer.close().await;
    }
}
