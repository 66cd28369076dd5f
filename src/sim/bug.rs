//! Bugs that banks really have, planted on purpose: each lives here, around the replica, and never
//! inside it. They prove the checkers, and show a learner what goes wrong.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A planted bug.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

impl Bug {
    /// Every bug there is.
    pub const ALL: [Self; 12] = [
        Self::AbsoluteBalance,
        Self::RejudgedWithdrawal,
        Self::RestartWithoutPage,
        Self::AcknowledgementOutlivesData,
        Self::RetryCountsTwice,
        Self::RefusedWithdrawalPropagated,
        Self::LostUpdate,
        Self::DeltaMissesAccount,
        Self::StaleReadServedAsFresh,
        Self::AcknowledgedBeforeSaved,
        Self::TornSave,
        Self::ConcernIgnored,
    ];
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AbsoluteBalance => "absolute-balance",
            Self::RejudgedWithdrawal => "rejudged-withdrawal",
            Self::RestartWithoutPage => "restart-without-page",
            Self::AcknowledgementOutlivesData => "acknowledgement-outlives-data",
            Self::RetryCountsTwice => "retry-counts-twice",
            Self::RefusedWithdrawalPropagated => "refused-withdrawal-propagated",
            Self::LostUpdate => "lost-update",
            Self::DeltaMissesAccount => "delta-misses-account",
            Self::StaleReadServedAsFresh => "stale-read-served-as-fresh",
            Self::AcknowledgedBeforeSaved => "acknowledged-before-saved",
            Self::TornSave => "torn-save",
            Self::ConcernIgnored => "concern-ignored",
        })
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|bug| bug.to_string() == text).ok_or_else(|| {
            let names: Vec<String> = Self::ALL.iter().map(Self::to_string).collect();
            format!("unknown bug {text:?}: give one of {}", names.join(", "))
        })
    }
}
