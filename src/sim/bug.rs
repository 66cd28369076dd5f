//! Bugs that banks really have, planted on purpose: each lives here, around the replica, and never
//! inside it. They prove the checkers, and show a learner what goes wrong.

use crate::types::words;

/// A planted bug.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bug {
    /// A branch tells its balance, and the receiver takes it for its own, instead of what changed.
    AbsoluteBalance,
    /// A branch judges a withdrawal again that another branch has accepted, and drops it.
    RejudgedWithdrawal,
    /// A branch comes back under its old name, having lost its page.
    RestartWithoutPage,
    /// A branch that has lost its data tells its peers what it had before.
    AcknowledgementOutlivesData,
    /// A request's name is ignored: a retry counts again.
    RetryCountsTwice,
    /// A withdrawal is refused at its branch, and propagated all the same.
    RefusedWithdrawalPropagated,
    /// A write that comes right after news from a peer puts back the balance from before the news.
    LostUpdate,
    /// An update leaves out one of the accounts that changed.
    DeltaMissesAccount,
    /// A query does not wait for the version that it names.
    StaleReadServedAsFresh,
    /// A write is acknowledged before it is on disk.
    AcknowledgedBeforeSaved,
    /// Half of the last save is on disk after a crash: the pages without the table of requests.
    TornSave,
    /// A write is answered as if every replica had it, when only its own branch has it.
    ConcernIgnored,
}

words!(
    Bug, "bug":
    AbsoluteBalance = "absolute-balance",
    RejudgedWithdrawal = "rejudged-withdrawal",
    RestartWithoutPage = "restart-without-page",
    AcknowledgementOutlivesData = "acknowledgement-outlives-data",
    RetryCountsTwice = "retry-counts-twice",
    RefusedWithdrawalPropagated = "refused-withdrawal-propagated",
    LostUpdate = "lost-update",
    DeltaMissesAccount = "delta-misses-account",
    StaleReadServedAsFresh = "stale-read-served-as-fresh",
    AcknowledgedBeforeSaved = "acknowledged-before-saved",
    TornSave = "torn-save",
    ConcernIgnored = "concern-ignored",
);
