//! What a branch answers.

use super::{Origin, Refusal, Version};

/// A write that its branch has committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// Whose page holds the write.
    pub origin: Origin,
    /// The write's place on that page.
    pub sequence: u64,
    /// The account's balance at that branch, right after the write.
    pub balance: i64,
}

impl Committed {
    /// The version that holds this write: ask another branch for it to read your write there.
    pub fn version(&self) -> Version {
        Version::from_iter([(self.origin, self.sequence)])
    }
}

/// A balance that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Queried {
    /// As the branch's replica saw it.
    pub balance: i64,
    /// The replica's version at that moment, if it was asked for.
    pub version: Option<Version>,
}

/// The answer to one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// To a query.
    Queried(Queried),
    /// To a deposit or withdrawal.
    Committed(Committed),
    /// To any request.
    Refused(Refusal),
}
