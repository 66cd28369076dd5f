//! How a bank, or a branch alone, ends gently: it takes no more requests, tells its peers what it has decided, for
//! a bounded time, and says how much of that nobody else has.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    branch::Branch,
    types::{BranchId, Version},
};

/// How long links may take to tell what is left.
pub(super) const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Says of a branch that ends what is only there.
pub(super) fn report(branch: BranchId, unshared: u64, is_kept: bool) {
    if unshared > 0 {
        let (operations, they_are) = if unshared == 1 {
            ("1 operation".to_owned(), "it is")
        } else {
            (format!("{unshared} operations"), "they are")
        };
        let kept = if is_kept { "in its data directory" } else { "lost" };
        log::warn!("branch {branch} ends with {operations} that no other branch is known to have: {they_are} {kept}");
    }
}

/// Lets the branches of one process tell each other what they have decided. Of each, how many operations no other
/// has, if there are any.
pub(super) async fn flush(branches: &BTreeMap<BranchId, Arc<Branch>>) -> BTreeMap<BranchId, u64> {
    branches.values().for_each(|branch| branch.end_requests());
    // What is not told by then is counted.
    let _ = timeout(FLUSH_WITHIN, tell_all(branches)).await;
    let versions: BTreeMap<BranchId, Version> = branches.iter().map(|(&id, branch)| (id, branch.version())).collect();
    let unshared = branches.iter().filter(|_| branches.len() > 1).map(|(&id, branch)| {
        let (own, written) = branch.written();
        let others = versions.iter().filter(|&(&other, _)| other != id);
        let most = others.map(|(_, version)| version.sequence(own)).max().unwrap_or(0);
        (id, written.saturating_sub(most))
    });
    unshared.filter(|&(_, count)| count > 0).collect()
}

/// Returns when each has told those that it is linked to, and that hear of it in time.
async fn tell_all(branches: &BTreeMap<BranchId, Arc<Branch>>) {
    for (&id, branch) in branches {
        let own: Version = [branch.written()].into_iter().collect();
        if own.is_empty() || branch.failure().is_some() {
            continue;
        }
        for peer in branch.hearers(FLUSH_WITHIN) {
            // One that is paused hears nothing.
            let Some(other) = branches.get(&peer).filter(|other| other.hearers(FLUSH_WITHIN).contains(&id)) else {
                continue;
            };
            tokio::select! {
                // If it ends before, it has nothing more to hear.
                _ = other.reached(&own) => {}
                () = branch.unheard_by(peer, FLUSH_WITHIN) => {}
            }
        }
    }
}
