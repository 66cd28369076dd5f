//! The end of a process whose branch another process serves, in a life that began later: it serves nobody any
//! more, and its peers take no links of it. What only it has, it hands over by calls, and then it ends.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::sleep};
use tonic::Status;

use super::{
    calls::{ask, nothing, tell},
    link::Backoff,
};
use crate::{
    branch::{
        connection::channels::Channels,
        error::{BranchError, describe},
        shared::Shared,
    },
    replica::Call,
    types::BranchId,
};

/// How long the end may wait for those peers that need not hear of it.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// Waits until the branch is overtaken, and then until some peer has all that its lives wrote, or it is told to stop.
pub(in crate::branch) async fn run(shared: Arc<Shared>, peers: BTreeMap<BranchId, String>, channels: Arc<Channels>) {
    let life = tokio::select! {
        life = shared.overtaken() => life,
        () = shared.stopped() => return,
    };
    let mut backoff = Backoff::new();
    loop {
        for (&peer, address) in &peers {
            let handed_over = tokio::select! {
                handed_over = hand_over(&shared, peer, address, &channels) => handed_over,
                () = shared.stopped() => return,
            };
            match handed_over {
                Ok(()) => {
                    log::warn!("branch {}: branch {peer} has all that this process wrote", shared.own().branch);
                    tokio::select! {
                        _ = tell_others(&shared, peer, &peers, &channels).join_all() => {}
                        () = sleep(TELL_WITHIN) => {}
                        () = shared.stopped() => {}
                    }
                    return shared.fail(BranchError::Superseded { life });
                }
                Err(status) => {
                    log::info!(
                        "branch {}: nothing is handed over to {peer}: {}",
                        shared.own().branch,
                        describe(&status)
                    );
                }
            }
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = shared.stopped() => return,
        }
    }
}

/// The others hear the same, each by itself: one that is silent keeps none from it.
fn tell_others(
    shared: &Arc<Shared>,
    told: BranchId,
    peers: &BTreeMap<BranchId, String>,
    channels: &Arc<Channels>,
) -> JoinSet<()> {
    let others = peers.clone().into_iter().filter(|&(peer, _)| peer != told);
    let tell = |(peer, address): (BranchId, String)| {
        let (shared, channels) = (shared.clone(), channels.clone());
        async move {
            if let Err(status) = hand_over(&shared, peer, &address, &channels).await {
                let (own, why) = (shared.own().branch, describe(&status));
                log::info!("branch {own}: {peer} is not told that two processes claim it: {why}");
            }
        }
    };
    others.map(tell).collect()
}

async fn hand_over(shared: &Shared, peer: BranchId, address: &str, channels: &Channels) -> Result<(), Status> {
    shared.mended(peer).await;
    let channel = channels.to(address).await?;
    let (has, _) = ask(shared, channel.clone()).await?;
    let deltas = shared.written_beyond(&has).await?;
    let calls = deltas.into_iter().map(|delta| Call { number: 0, operation: None, delta });
    // Also where there is nothing to hand over, the peer hears that two processes claim the branch.
    for call in std::iter::once(nothing(shared)).chain(calls) {
        let (origin, sequence) = (call.delta.origin, call.delta.sequence);
        let (has, ..) = tell(shared, peer, channel.clone(), &call).await?;
        if has.iter().all(|&(page, there)| page != origin || there < sequence) {
            return Err(Status::aborted(format!("it does not take page {origin} as far as {sequence}")));
        }
    }
    Ok(())
}
