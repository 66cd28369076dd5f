//! The end of a process whose branch another process serves, in a life that began later: it serves nobody any
//! more, and its peers take no links of it. What only it has, it hands over by calls, and then it ends.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::sleep;
use tonic::Status;

use super::{
    BranchError,
    calls::{ask, tell},
    channels::Channels,
    core::Core,
    error::describe,
    link::Backoff,
};
use crate::{replica::Call, types::BranchId};

/// Waits until the branch is overtaken, and then until some peer has all that its lives wrote, or it is told to stop.
pub(super) async fn run(core: Arc<Core>, peers: BTreeMap<BranchId, String>, channels: Arc<Channels>) {
    let life = tokio::select! {
        life = core.overtaken() => life,
        () = core.stopped() => return,
    };
    let mut backoff = Backoff::new();
    loop {
        for (&peer, address) in &peers {
            let handed_over = tokio::select! {
                handed_over = hand_over(&core, peer, address, &channels) => handed_over,
                () = core.stopped() => return,
            };
            match handed_over {
                Ok(()) => {
                    log::warn!("branch {}: branch {peer} has all that this process wrote", core.own().branch);
                    return core.fail(BranchError::Superseded { life });
                }
                Err(status) => {
                    log::info!("branch {}: nothing is handed over to {peer}: {}", core.own().branch, describe(&status));
                }
            }
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            () = core.stopped() => return,
        }
    }
}

async fn hand_over(core: &Core, peer: BranchId, address: &str, channels: &Channels) -> Result<(), Status> {
    core.mended(peer).await;
    let channel = channels.to(address).await?;
    let (has, _) = ask(core, channel.clone()).await?;
    for delta in core.written_beyond(&has).await? {
        let (origin, sequence) = (delta.origin, delta.sequence);
        let call = Call { number: 0, operation: None, delta };
        let (has, ..) = tell(core, peer, channel.clone(), &call).await?;
        if has.iter().all(|&(page, there)| page != origin || there < sequence) {
            return Err(Status::aborted(format!("it does not take page {origin} as far as {sequence}")));
        }
    }
    Ok(())
}
