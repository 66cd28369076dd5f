//! Histories in, verdicts out. A checker knows what customers asked and were told and nothing else,
//! so it judges any bank: a live one, a simulated one, or another program's.
//!
//! What is checked, and what a correct bank promises:
//! - *divergence*: branches that have settled have the same balances and versions.
//! - *conservation*: a settled balance is the opening balance and every acknowledged write, and those
//!   writes of unknown outcome that happened to count.
//! - *lost write*: a settled version has every acknowledged write; but for writes that only branches
//!   had which came back without their data.
//! - *counted twice*: one request has one place; one place has one request.
//! - *impossible read*: every balance that was told, by a query, by a write's answer or by a refusal
//!   for lack of funds, is the sum of a prefix of each branch's operations: of the prefix that its
//!   version names, if one was told; otherwise of any prefix from what the branch must have seen to
//!   what had been asked for.
//! - *stale read*, *went back*: a branch shows what a request named, and never less than it had shown.
//! - *overdraft*: a balance below zero. Not a broken promise: branches judge a withdrawal by what they
//!   see, and concurrent ones can overdraw together.
//!
//! The checks are sound: where the history leaves something open, every possibility is allowed. What
//! they cannot see:
//! - *divergence*, *conservation*, *lost write*: nothing, if the history has no final states; a lost
//!   write that nobody was told is done, or that only branches had which lost their data.
//! - *counted twice*: a second place that no customer was told; it shows as an impossible read instead.
//! - *impossible read*: in which order a read without a version saw the operations of several branches;
//!   which of several open writes of one branch took a place that nobody was told (any of them may
//!   have); and, where more than a thousand balances are possible, anything between the least and the
//!   greatest of them.
//! - *stale read*, *went back*: without a version in the answer, only what its balance gives away.
//! - *overdraft*: one that no customer was told of, and that was over before the end.
//!
//! Jepsen's counter checker bounds reads in the same way, for increments only
//! (<https://jepsen-io.github.io/jepsen/jepsen.checker.html>). A history of a million operations is
//! judged in seconds: a read that lies within what an earlier one has proven possible is done with that.

mod floor;
mod history;
mod judge;
mod lines;
mod prefixes;
mod reads;
mod sums;
mod verdict;
mod writes;

pub use history::{Event, History, Invocation, Kind, Outcome};
pub use judge::check;
pub use lines::HistoryError;
pub use verdict::{Anomaly, AnomalyKind, Verdict};
