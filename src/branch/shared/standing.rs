//! Whether a branch serves, and if not, why: its disk has failed or a task of it has panicked, it is about to
//! end, or its peers refuse it.

use std::collections::BTreeMap;

use crate::{
    branch::error::BranchError,
    types::{BranchId, Incarnation},
};

/// What its customers and peers, and whoever runs it, must know of a branch.
#[derive(Clone, Debug, Default)]
pub(in crate::branch) struct Standing {
    /// It has failed, and decides nothing any more.
    pub(super) failure: Option<BranchError>,
    /// It takes no more requests.
    pub(super) is_ending: bool,
    /// Another process serves it, in this life.
    pub(super) overtaken_by: Option<Incarnation>,
    /// The other processes that claim this branch, or a peer's.
    pub(super) rivals: BTreeMap<BranchId, Rival>,
    /// Each peer's last word on whether this is a branch of its bank; of those that did not answer yet, none.
    pub(super) verdicts: BTreeMap<BranchId, Verdict>,
}

/// Another process of a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rival {
    pub(super) life: Incarnation,
    /// The latest life of the branch when it was heard of.
    pub(super) against: Incarnation,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Accepted,
    Refused { reason: String },
}

impl Standing {
    /// # Errors
    /// Why it takes no requests, or no writes.
    pub(super) fn check_customer(&self, is_write: bool) -> Result<(), BranchError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if let Some(life) = self.overtaken_by {
            return Err(BranchError::Superseded { life });
        }
        if self.is_ending {
            return Err(BranchError::Stopped);
        }
        if is_write { self.check_peers() } else { Ok(()) }
    }

    /// # Errors
    /// [`BranchError::Refused`] if some peer refuses the branch, and none that has answered accepts it.
    pub(super) fn check_peers(&self) -> Result<(), BranchError> {
        let mut refused = Ok(());
        for (&peer, verdict) in &self.verdicts {
            match verdict {
                Verdict::Accepted => return Ok(()),
                Verdict::Refused { reason } => {
                    refused = refused.and_then(|()| Err(BranchError::Refused { peer, reason: reason.clone() }));
                }
            }
        }
        refused
    }

    /// Whether customers are served with all that they may ask.
    pub(in crate::branch) fn serves_customers(&self) -> bool {
        self.check_customer(true).is_ok()
    }

    /// Whether peers are.
    pub(in crate::branch) fn serves_peers(&self) -> bool {
        self.failure.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_that_accepts_is_enough_and_silence_is_no_refusal() {
        let branch = |id| BranchId::new(id).unwrap();
        let mut standing = Standing::default();
        assert!(standing.serves_customers());
        standing.verdicts.insert(branch(2), Verdict::Refused { reason: "another bank".to_owned() });
        assert!(!standing.serves_customers() && standing.check_customer(false).is_ok() && standing.serves_peers());
        let said = standing.check_customer(true).unwrap_err().to_string();
        assert!(said.contains("branch 2") && said.contains("another bank"), "{said}");
        standing.verdicts.insert(branch(3), Verdict::Accepted);
        assert!(standing.serves_customers());
    }
}
