//! What a customer may ask for.

use super::{AccountId, Amount, Duration, Incarnation, Version, words};

/// How many replicas must have a write before it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Concern {
    /// The branch that took the request.
    #[default]
    Local,
    /// More than half of the bank's branches.
    Majority,
    /// Every branch of the bank.
    All,
}

impl Concern {
    /// The number of replicas, of a bank of `branches`.
    pub fn replicas(self, branches: usize) -> usize {
        match self {
            Self::Local => 1,
            Self::Majority => branches / 2 + 1,
            Self::All => branches,
        }
    }
}

words!(Concern, "concern": Local = "local", Majority = "majority", All = "all");

/// Which way money goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OperationKind {
    /// Into the account.
    Deposit,
    /// Out of the account.
    Withdraw,
}

/// A write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Operation {
    /// Which way.
    pub kind: OperationKind,
    /// Which account.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
}

/// What one request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Read an account's balance.
    Query {
        /// Which account.
        account: AccountId,
    },
    /// Move money.
    Write(Operation),
}

/// What a customer says of earlier tries of a request. A branch that came back without its data cannot
/// know whether it has executed what it does not remember.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tried {
    /// This is the first.
    #[default]
    Never,
    /// All were made in this life of the branch.
    In(Incarnation),
    /// Some may have been made in another life of the branch.
    Sometime,
}

/// The conditions under which a request is to be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// How many replicas must have a write. Queries ignore it.
    pub concern: Concern,
    /// What the replica must have seen before it decides.
    pub at_least: Version,
    /// How long the branch may wait for `at_least`, and for `concern`: no longer than [`Terms::MAX_WAIT`].
    /// Default: ten seconds.
    pub wait: Duration,
    /// What the customer knows of earlier tries. Queries ignore it.
    pub tried: Tried,
}

impl Terms {
    /// How long a branch waits when the request does not say.
    pub const DEFAULT_WAIT: Duration = Duration::milliseconds(10_000);

    /// The longest that a branch waits, whatever the request says.
    pub const MAX_WAIT: Duration = Duration::milliseconds(10 * 60 * 1_000);
}

impl Default for Terms {
    fn default() -> Self {
        Self { concern: Concern::Local, at_least: Version::EMPTY, wait: Self::DEFAULT_WAIT, tried: Tried::Never }
    }
}
