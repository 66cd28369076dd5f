//! What can be read of a branch without a request to its replica. A durable branch shows what is on its
//! disk: whoever reads waits until that is true of what they read.

use tokio::sync::watch;

use super::locked::Shared;
use crate::{
    branch::error::BranchError,
    replica::Delta,
    types::{Origin, Version},
    wire::{LinkStatus, Snapshot, Status},
};

impl Shared {
    /// Returns once this save is on disk.
    ///
    /// # Errors
    /// [`BranchError`] if the branch ends before.
    pub(super) async fn settled(&self, number: Option<u64>) -> Result<(), BranchError> {
        let Some(number) = number else { return self.check() };
        let mut on_disk = self.on_disk.subscribe();
        tokio::select! {
            _ = on_disk.wait_for(|&on_disk| on_disk >= number) => Ok(()),
            () = self.stopped() => Err(self.why_ended()),
        }
    }

    pub(in crate::branch) async fn snapshot(&self) -> Result<Snapshot, BranchError> {
        Ok(self.status().await?.snapshot)
    }

    pub(in crate::branch) async fn status(&self) -> Result<Status, BranchError> {
        self.awake().await;
        let (status, unsaved) = {
            let state = self.lock();
            let replica = &state.replica;
            let snapshot =
                Snapshot { branch: self.own.branch, balances: replica.balances().clone(), version: replica.version() };
            let link = |(peer, connected, behind)| LinkStatus { peer, connected, behind };
            let links = replica.links().map(link).collect();
            let claims = self.claims();
            let status = Status { snapshot, origin: self.own, links, bank: self.hello.bank, claims };
            (status, replica.unsaved())
        };
        self.settled(unsaved).await?;
        Ok(status)
    }

    /// What this branch's lives wrote and a peer with that version may lack.
    pub(in crate::branch) async fn written_beyond(&self, version: &[(Origin, u64)]) -> Result<Vec<Delta>, BranchError> {
        let (deltas, unsaved) = {
            let state = self.lock();
            (state.replica.written_beyond(version), state.replica.unsaved())
        };
        self.settled(unsaved).await?;
        Ok(deltas)
    }

    /// Hears of every change from now on; several may be heard as one.
    pub(in crate::branch) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(in crate::branch) async fn reached(&self, version: &Version) -> Result<(), BranchError> {
        let mut changes = self.subscribe();
        loop {
            self.awake().await;
            let unsaved = {
                let state = self.lock();
                state.replica.has_reached(version).then(|| state.replica.unsaved())
            };
            if let Some(unsaved) = unsaved {
                return self.settled(unsaved).await;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = self.stopped() => return Err(self.why_ended()),
            }
        }
    }
}
