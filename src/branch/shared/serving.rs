//! What makes a branch stop to serve, or go on, and who hears of it.

use super::{
    locked::Shared,
    standing::{Rival, Standing, Verdict},
};
use crate::{
    branch::error::BranchError,
    types::{BranchId, Incarnation, Origin},
};

impl Shared {
    /// # Errors
    /// Why it has failed, if it has.
    pub(in crate::branch) fn check(&self) -> Result<(), BranchError> {
        self.standing.borrow().failure.clone().map_or(Ok(()), Err)
    }

    /// # Errors
    /// Why it takes no request of this kind.
    pub(in crate::branch) fn check_customer(&self, is_write: bool) -> Result<(), BranchError> {
        self.standing.borrow().check_customer(is_write)
    }

    /// Hears of every change of its standing from now on.
    pub(in crate::branch) fn changing_standing(&self) -> tokio::sync::watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The branch cannot go on: this ends it. The first reason is told.
    pub(in crate::branch) fn fail(&self, failure: BranchError) {
        self.standing.send_if_modified(|standing| {
            let is_first = standing.failure.is_none();
            if is_first {
                log::error!("branch {} stops: {failure}", self.own.branch);
                standing.failure = Some(failure);
            }
            is_first
        });
    }

    /// Returns when it has failed.
    pub(in crate::branch) async fn failed(&self) -> BranchError {
        let mut standing = self.standing.subscribe();
        let failed = standing.wait_for(|standing| standing.failure.is_some()).await;
        match failed.ok().and_then(|standing| standing.failure.clone()) {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// A life of this branch was heard of. If it is a later one, this process serves nobody any more; what only it
    /// has, it still hands over.
    pub(in crate::branch) fn overtaken_by(&self, life: Incarnation) {
        if life <= self.own.incarnation {
            return;
        }
        self.standing.send_if_modified(|standing| {
            let is_news = standing.overtaken_by.is_none();
            standing.overtaken_by.get_or_insert(life);
            standing.rivals.insert(self.own.branch, Rival { life, against: life });
            if is_news {
                log::error!("branch {}: {}", self.own.branch, BranchError::Superseded { life });
            }
            is_news
        });
    }

    /// The later life of the branch that was heard of.
    pub(in crate::branch) fn later_life(&self) -> Option<Incarnation> {
        self.standing.borrow().overtaken_by
    }

    /// Returns when a later life of the branch was heard of.
    pub(in crate::branch) async fn overtaken(&self) -> Incarnation {
        let mut standing = self.standing.subscribe();
        let overtaken = standing.wait_for(|standing| standing.overtaken_by.is_some()).await;
        match overtaken.ok().and_then(|standing| standing.overtaken_by) {
            Some(life) => life,
            None => std::future::pending().await,
        }
    }

    /// A process of an earlier life of a branch, of this one or of a peer, is there beside that of a later life: two
    /// processes claim it. Returns whether that is news.
    pub(in crate::branch) fn claimed(&self, by: Origin, against: Incarnation) -> bool {
        self.standing.send_if_modified(|standing| {
            let is_news = !standing.rivals.contains_key(&by.branch);
            if is_news {
                log::error!(
                    "branch {}: two processes claim branch {}; the earlier one, of life {}, was told to stop",
                    self.own.branch,
                    by.branch,
                    by.incarnation.0
                );
                standing.rivals.insert(by.branch, Rival { life: by.incarnation, against });
            }
            is_news
        })
    }

    /// A branch has begun a life: what its processes before claimed is over, until one is heard again.
    pub(in crate::branch) fn began(&self, life: Origin) {
        self.standing.send_if_modified(|standing| {
            let is_later = |rival: &Rival| rival.against < life.incarnation;
            standing.rivals.get(&life.branch).is_some_and(is_later) && standing.rivals.remove(&life.branch).is_some()
        });
    }

    /// The other process of a peer, if one has claimed to be that.
    pub(in crate::branch) fn rival(&self, peer: BranchId) -> Option<Incarnation> {
        self.standing.borrow().rivals.get(&peer).map(|rival| rival.life)
    }

    /// All other processes that claim a branch.
    pub(in crate::branch) fn claims(&self) -> Vec<Origin> {
        let origin = |(&branch, rival): (&BranchId, &Rival)| Origin { branch, incarnation: rival.life };
        self.standing.borrow().rivals.iter().map(origin).collect()
    }

    /// From now on it takes no requests.
    pub(in crate::branch) fn end_requests(&self) {
        self.standing.send_if_modified(|standing| !std::mem::replace(&mut standing.is_ending, true));
    }

    /// A peer has taken it for one of its bank.
    pub(in crate::branch) fn accepted_by(&self, peer: BranchId) {
        if self.standing.borrow().verdicts.get(&peer) != Some(&Verdict::Accepted) {
            self.hear(peer, Verdict::Accepted);
        }
    }

    /// A peer refuses it.
    pub(in crate::branch) fn refused_by(&self, peer: BranchId, reason: String) {
        self.hear(peer, Verdict::Refused { reason });
    }

    fn hear(&self, peer: BranchId, verdict: Verdict) {
        self.standing.send_if_modified(|standing| {
            let before = standing.check_peers();
            let is_news = standing.verdicts.insert(peer, verdict.clone()) != Some(verdict);
            match (before, standing.check_peers()) {
                (Ok(()), Err(refused)) => log::warn!("branch {}: {refused}", self.own.branch),
                (Err(_), Ok(())) => {
                    log::warn!("branch {}: branch {peer} accepts it: it takes writes again", self.own.branch);
                }
                (Ok(()), Ok(())) | (Err(_), Err(_)) => {}
            }
            is_news
        });
    }
}
