//! How the tasks of a branch are told to end.

/// How a branch is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    No,
    Gently,
    /// As if its process were killed.
    AtOnce,
}
