//! Two processes serve one branch: nothing that either acknowledged is lost, the earlier one ends, and everybody who
//! runs them is told.

use std::time::Duration;

use replibank::{
    bank::Served,
    types::{Incarnation, Propagation},
    wire::{
        Hello,
        proto::{self, replication_service_client::ReplicationServiceClient},
    },
};
use tokio_stream::StreamExt;
use tonic::Code;

use super::served::{self, client, deposit, nobody};
use crate::common::branch;

const SOON: Duration = Duration::from_secs(30);

async fn serve(id: u32, listen: &str, peers: &[(u32, &str)], propagation: Propagation) -> Served {
    served::serve(id, listen, peers, 400, propagation).await
}

/// Asks for the status until it is as it must be.
async fn until(served: &Served, is_there: impl Fn(&proto::StatusResponse) -> bool) -> proto::StatusResponse {
    let mut client = client(served).await;
    let asks = async {
        loop {
            let status = client.status(proto::StatusRequest {}).await.expect("it answers").into_inner();
            if is_there(&status) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, asks).await.expect("soon it is so")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_earlier_of_two_processes_hands_over_and_ends_and_all_are_told() {
    for propagation in [Propagation::Stream, Propagation::Unary] {
        let (at_two, at_three) = (nobody(), nobody());
        let peers: &[(u32, &str)] = &[(2, &at_two), (3, &at_three)];
        let earlier = serve(1, "127.0.0.1:0", peers, propagation).await;
        let at_one = earlier.address().to_string();
        let peer = serve(2, &at_two, &[(1, &at_one), (3, &at_three)], propagation).await;
        let other = serve(3, &at_three, &[(1, &at_one), (2, &at_two)], propagation).await;
        if propagation == Propagation::Stream {
            for branch in [&peer, &other] {
                until(branch, |status| status.links[0].connected).await;
            }
        }

        // Customers of the earlier one go on until it takes no more.
        let mut customer = client(&earlier).await;
        let storm = tokio::spawn(async move {
            let mut acknowledged = 0;
            loop {
                match deposit(&mut customer).await {
                    Ok(()) => acknowledged += 1,
                    Err(refused) => return (acknowledged, refused),
                }
            }
        });
        let later = serve(1, "127.0.0.1:0", peers, propagation).await;
        let (acknowledged, refused) = tokio::time::timeout(SOON, storm).await.expect("it is told to stop").unwrap();
        assert!(matches!(refused.code(), Code::Unavailable | Code::FailedPrecondition), "{refused}");
        let ended = tokio::time::timeout(SOON, earlier.failed()).await.expect("it ends").to_string();
        assert!(ended.contains("another process"), "{ended}");

        deposit(&mut client(&later).await).await.expect("the later one serves");
        let shown = async |branch: &Served| {
            let is_told = |status: &proto::StatusResponse| !status.claims.is_empty();
            let status = until(branch, |status| status.balances[0].balance > 400 && is_told(status)).await;
            assert_eq!(status.claims.iter().map(|claim| claim.branch).collect::<Vec<_>>(), [1]);
            assert!(status.claims[0].incarnation < until(&later, |_| true).await.incarnation);
        };
        for branch in [&peer, &other, &later] {
            shown(branch).await;
        }
        // Whoever calls branch 1 calls where the earlier process was.
        let has_all: &[&Served] =
            if propagation == Propagation::Stream { &[&peer, &other, &later] } else { &[&peer, &other] };
        for branch in has_all {
            until(branch, |status| status.balances[0].balance == 400 + acknowledged + 1).await;
        }
        // Once one process has the branch for itself again, that is over.
        later.close().await;
        drop(later);
        let alone = serve(1, "127.0.0.1:0", peers, propagation).await;
        if propagation == Propagation::Unary {
            deposit(&mut client(&alone).await).await.expect("it serves");
        }
        for branch in [&peer, &other] {
            until(branch, |status| status.claims.is_empty()).await;
        }
        assert!(until(&alone, |_| true).await.claims.is_empty());
    }
}

/// It reaches no peer, so it can hand nothing over: what it took now, only it would have.
#[tokio::test]
async fn a_process_that_hears_of_a_later_one_takes_no_more_requests() {
    let served = serve(2, "127.0.0.1:0", &[(1, "127.0.0.1:1")], Propagation::Stream).await;
    let mut customer = client(&served).await;
    deposit(&mut customer).await.expect("it serves");
    let proto::StatusResponse { bank, incarnation, .. } = until(&served, |_| true).await;
    let heard = Incarnation(incarnation + 1);
    let hello = Hello { branch: branch(1), bank, life: Incarnation(0), heard, rival: None };
    let hello = proto::ReplicateRequest { message: Some(proto::PeerMessage::hello(hello)) };
    let mut peer = ReplicationServiceClient::connect(format!("http://{}", served.address())).await.unwrap();
    let said = tokio_stream::once(hello).chain(tokio_stream::pending());
    let mut heard = peer.replicate(said).await.expect("a peer is welcome").into_inner();
    // Its hello, and a greeting: then it has read ours.
    for _ in 0..2 {
        tokio::time::timeout(SOON, heard.message()).await.expect("soon").expect("an answer").expect("an answer");
    }
    let refused = deposit(&mut customer).await.expect_err("it takes no more");
    assert!(refused.code() == Code::Unavailable && refused.message().contains("another process"), "{refused}");
    assert_eq!(served.failure(), None);
    assert_eq!(served.close().await, 1);
}
