//! What a branch that is about to end has still to tell, and who else has its operations.

use std::time::Duration;

use super::locked::{Shared, State};
use crate::{
    replica::PeerMessage,
    types::{BranchId, Origin, Version},
};

impl State {
    /// A peer says something: how far it has `own` page, perhaps.
    pub(super) fn note_shown(&mut self, peer: BranchId, own: Origin, message: &PeerMessage) -> bool {
        let shown = match message {
            PeerMessage::Greeting { version } => Some(version.sequence(own)),
            PeerMessage::Acknowledgement { number, version } => {
                let told = version.iter().find(|&&(origin, _)| origin == own).map(|&(_, sequence)| sequence);
                // The answer to a greeting speaks of every page.
                told.or((*number == 0).then_some(0))
            }
            PeerMessage::Update(_) | PeerMessage::Call(_) => None,
        };
        shown.is_some_and(|sequence| self.shown.insert(peer, sequence) != Some(sequence))
    }
}

impl Shared {
    /// What it has seen.
    pub(in crate::branch) fn version(&self) -> Version {
        self.lock().replica.version()
    }

    /// How many operations are on its own page.
    pub(in crate::branch) fn written(&self) -> u64 {
        self.version().sequence(self.own)
    }

    /// The peers that it has a session with, and that hear of something within this time.
    pub(in crate::branch) fn hearers(&self, within: Duration) -> Vec<BranchId> {
        if self.is_paused() {
            return Vec::new();
        }
        let peers: Vec<BranchId> = self.lock().sessions.keys().copied().collect();
        peers.into_iter().filter(|&peer| self.delay_to(peer) <= within).collect()
    }

    /// Returns when this peer has no session any more, or can hear of nothing within this time.
    pub(in crate::branch) async fn unheard_by(&self, peer: BranchId, within: Duration) {
        let mut shown = self.shown.subscribe();
        while self.hearers(within).contains(&peer) {
            // The sender is our own.
            let _ = shown.changed().await;
        }
    }

    /// Returns when every such peer has said that it has all of the own page.
    pub(in crate::branch) async fn flushed(&self, within: Duration) {
        let mut shown = self.shown.subscribe();
        loop {
            let (hearers, written) = (self.hearers(within), self.written());
            let has_all = |peer: &BranchId| self.lock().shown.get(peer).is_some_and(|&shown| shown >= written);
            if written == 0 || hearers.iter().all(has_all) {
                return;
            }
            let _ = shown.changed().await;
        }
    }

    /// How many of its operations no peer has said to have.
    pub(in crate::branch) fn unshared(&self) -> u64 {
        let written = self.written();
        let most = self.lock().shown.values().copied().max().unwrap_or(0);
        written.saturating_sub(most)
    }

    /// What peers have shown, or a session, has changed.
    pub(super) fn tell_shown(&self) {
        if self.shown.receiver_count() > 0 {
            self.shown.send_replace(());
        }
    }
}
