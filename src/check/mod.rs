//! Histories in, verdicts out. A checker knows what customers asked and were told and nothing else,
//! so it judges any bank: a live one, a simulated one, or another program's.
//!
//! What is checked, and what a correct bank promises:
//! - *divergence*: branches that have settled have the same balances and versions.
//! - *conservation*: a settled balance is the opening balance and every acknowledged write, and those
//!   writes of unknown outcome that happened to count; and a settled branch has every account.
//! - *lost write*: a settled version has every acknowledged write; but for writes that only branches
//!   had which came back without their data.
//! - *counted twice*: one request has one place and is one operation; one place has one request.
//! - *refused, yet done*: a request of which a branch said that nothing was done is not done, whatever
//!   its other tries are told; and counts nowhere.
//! - *misplaced*: a write is on a page of its branch, of a life that has not ended.
//! - *contradiction*: an answer fits what was asked: a refusal its action, its amount, its name and what
//!   was there, a concern the number of branches; a withdrawal leaves no less than nothing; and all tries
//!   of one request are told the same.
//! - *out of bounds*: opening balances and the totals of a page are within what a bank can hold.
//! - *impossible read*: every balance that was told, by a query, by a write's answer or by a refusal
//!   for lack of funds, is the sum of a prefix of each branch's operations: of the prefix that its
//!   version names, if one was told; otherwise of any prefix from what the branch must have seen to
//!   what had been asked for. The branch must have seen what it wrote, what it showed (by a version, or
//!   by a balance, as far as every explanation of that shows it), and what a concern of every branch
//!   was reached for. The bank has the account. And no version, and no write's place, tells of more
//!   operations of a page than there could be: a write of unknown outcome counts once, in one life.
//! - *stale read*, *went back*: a branch shows what a request named, and never less than it had shown.
//! - *overdraft*: a balance below zero. Not a broken promise: branches judge a withdrawal by what they
//!   see, and concurrent ones can overdraw together. (One branch alone cannot: that is impossible.)
//!
//! The checks are sound: where the history leaves something open, every possibility is allowed. A branch
//! that comes back begins another life or goes on with the last; without its data, or with an older copy
//! (`kept` is false for both), it may show less, answer a request of before once more, and lack what
//! only it had. A branch whose lives overlap was run more than once at the same time: it is held to
//! nothing that it has shown, and a request may count in each. What the checks cannot see:
//! - all of them: anything, if no operation was answered. That is no verdict: nothing was examined.
//! - *divergence*, *conservation*, *lost write*: nothing, if the history has no final states; a lost
//!   write that nobody was told is done, or that only branches had which lost their data.
//! - *counted twice*: a second place that no customer was told; it shows as an impossible read instead.
//!   Whether a request that has no number was asked twice.
//! - *refused, yet done*: a request that is done after its branch came back without its data. If nobody
//!   was told that it is done, it shows as an impossible read, or in conservation.
//! - *misplaced*: a life that went on after its branch came back with its data, if no later one is known;
//!   one that two processes of a branch share.
//! - *contradiction*: whether a branch that is overloaded, or has forgotten a request, says so rightly;
//!   how much of a page's total a refusal may name; and what a history leaves out: the version that was
//!   named, if none is told, and the concern, if it is told as local.
//! - *impossible read*: in which order a read without a version saw the operations of several branches;
//!   which of several open writes of one branch took a place that nobody was told (any of them may
//!   have); where more than a thousand balances are possible, anything between the least and the
//!   greatest of them; and what a balance shows of the pages, where more than four pages or more than 64
//!   balances are possible.
//! - *stale read*, *went back*: without a version in the answer, only what its balance gives away.
//! - *overdraft*: one that no customer was told of, and that was over before the end; whether several
//!   branches did withdraw at once, if several withdrew.
//! - *out of bounds*: totals of writes whose place nobody was told.
//!
//! Faults that a history tells of judge nothing: they say under what it came about, and a verdict says
//! how many operations were answered meanwhile.
//!
//! Jepsen's counter checker bounds reads in the same way, for increments only
//! (<https://jepsen-io.github.io/jepsen/jepsen.checker.html>). A history of a million operations is
//! judged in seconds: a read that lies within what an earlier one has proven possible is done with that.

mod answers;
mod floor;
mod form;
mod history;
mod judge;
mod lines;
mod lives;
mod names;
mod placed;
mod prefixes;
mod reads;
mod settled;
mod sums;
mod verdict;
mod writes;

pub use history::{Event, History, Invocation, Kind, Outcome};
pub use judge::check;
pub use lines::HistoryError;
pub use verdict::{Anomaly, AnomalyKind, Verdict};
