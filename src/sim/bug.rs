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

    /// What goes wrong, in one sentence.
    pub fn story(self) -> &'static str {
        match self {
            Self::AbsoluteBalance => {
                "a branch tells its balance, and whoever hears it takes it for its own: concurrent writes vanish"
            }
            Self::RejudgedWithdrawal => {
                "a branch judges again a withdrawal that another branch has paid out, and drops it"
            }
            Self::RestartWithoutPage => {
                "a branch comes back under its old name without its page, and counts from 1 again"
            }
            Self::AcknowledgementOutlivesData => {
                "a branch has lost its data, but says that it has what it had: nobody sends it again"
            }
            Self::RetryCountsTwice => "a customer who gets no answer tries again, and the deposit counts twice",
            Self::RefusedWithdrawalPropagated => {
                "a withdrawal is refused where it was asked for, and taken off the balance everywhere else"
            }
            Self::LostUpdate => "a write reads the balance, a peer's update arrives, and the write puts its sum back",
            Self::DeltaMissesAccount => "an update says that it is complete, but leaves out an account",
            Self::StaleReadServedAsFresh => "a query names what it must see, and is answered without it",
            Self::AcknowledgedBeforeSaved => "a deposit is acknowledged, and the power goes before it is on disk",
            Self::TornSave => "half of a save is on disk after a crash: the money, but not that it was asked for",
            Self::ConcernIgnored => "a write is said to be everywhere when it is at its own branch only",
        }
    }
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
            format!("unknown bug {text:?}: {} are right", names.join(", "))
        })
    }
}
