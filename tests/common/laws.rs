//! What must hold of every trace, whoever wrote it.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at some events only")]

use std::collections::BTreeMap;

use replibank::{
    trace::{Event, FaultKind, MessageId, Row, Trace, Versions},
    types::{AccountId, BranchId},
};

/// How much of what a trace has; so that a test sees that it tested something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub received: usize,
    pub lost: usize,
    pub doubled: usize,
    pub joined: usize,
    pub recovered: usize,
}

/// Holds a whole trace against its laws.
pub fn hold(trace: &Trace) -> Seen {
    assert_eq!(trace.header().lost, 0, "rows are missing");
    assert!(trace.rows().is_sorted_by_key(|row| row.at), "rows are in the order of time");
    clocks_grow(trace.rows());
    versions_and_balances_follow(trace);
    messages_pair(trace.rows())
}

fn clocks_grow(rows: &[Row]) {
    let mut clocks: BTreeMap<BranchId, u64> = BTreeMap::new();
    for row in rows {
        let clock = clocks.entry(row.branch).or_default();
        assert!(row.clock >= *clock + u64::from(row.ticks) && row.ticks > 0, "{row:?} comes after clock {clock}");
        *clock = row.clock;
    }
}

fn messages_pair(rows: &[Row]) -> Seen {
    let mut seen = Seen::default();
    let mut sent: BTreeMap<MessageId, &Row> = BTreeMap::new();
    let mut arrivals: BTreeMap<MessageId, usize> = BTreeMap::new();
    let mut doubled: BTreeMap<MessageId, usize> = BTreeMap::new();
    for row in rows {
        match &row.event {
            Event::Sent(message) => {
                let id = message.id.expect("a message that is sent has a name");
                assert_eq!(u64::from(row.ticks), message.operations.max(1), "{row:?}");
                assert!(sent.insert(id, row).is_none(), "{id:?} is sent twice");
            }
            Event::Received(message) => {
                let before = sent[&message.id.expect("its sender keeps a trace")];
                let Event::Sent(said) = &before.event else { unreachable!() };
                assert_eq!((before.branch, said.peer), (message.peer, row.branch), "{before:?} arrives as {row:?}");
                assert_eq!((said.kind, said.operations, said.bytes), (message.kind, message.operations, message.bytes));
                assert_eq!(said.carries, message.carries);
                assert!(before.at <= row.at);
                assert!(row.clock - u64::from(row.ticks) >= before.clock, "{row:?} is not after all of {before:?}");
                *arrivals.entry(message.id.unwrap()).or_default() += 1;
                seen.received += 1;
            }
            Event::Lost(message) | Event::Doubled(message) => {
                let id = message.id.expect("it was sent");
                assert_eq!(sent[&id].branch, row.branch);
                if matches!(row.event, Event::Doubled(_)) {
                    seen.doubled += 1;
                    *doubled.entry(id).or_default() += 1;
                } else {
                    seen.lost += 1;
                    *arrivals.entry(id).or_default() += 1;
                }
            }
            Event::Joined(change) => {
                seen.joined += 1;
                let id = change.message.expect("a message brought it");
                assert_eq!(rows_peer(sent[&id]), Some(row.branch));
            }
            Event::Recovered(_) => seen.recovered += 1,
            _ => {}
        }
    }
    for (id, count) in arrivals {
        let most = 1 + doubled.get(&id).copied().unwrap_or(0);
        assert!(count <= most, "{id:?} arrives or is lost {count} times of {most}");
    }
    seen
}

fn rows_peer(row: &Row) -> Option<BranchId> {
    match &row.event {
        Event::Sent(message) => Some(message.peer),
        _ => None,
    }
}

/// Each row's `known` is the size of the version that the rows so far add up to, and its balance is the
/// one that follows from the last.
fn versions_and_balances_follow(trace: &Trace) {
    let mut versions = Versions::default();
    let mut balances: BTreeMap<(BranchId, AccountId), i64> = BTreeMap::new();
    let mut pages: Vec<(&Row, u64)> = Vec::new();
    for row in trace.rows() {
        let before = versions.of(row.branch);
        versions.take(row);
        let (account, change, balance, known) = match &row.event {
            Event::Deposit(write) => (write.account, write.amount as i64, write.balance, write.known),
            Event::Withdraw(write) => (write.account, -(write.amount as i64), write.balance, write.known),
            Event::Query(read) => (read.account, 0, read.balance, read.known),
            Event::Joined(change) | Event::Recovered(change) => {
                let known = before.sequence(change.range.origin);
                // The further accounts of a page come with the same range.
                let again = pages.iter().any(|(row_of, clock)| {
                    row_of.branch == row.branch && *clock + 1 == row.clock && same_page(row_of, row)
                });
                assert!(known + 1 == change.range.from || again, "{row:?} at a branch that knows {known}");
                pages.retain(|(row_of, _)| row_of.branch != row.branch);
                pages.push((row, row.clock));
                (change.account, change.amount, change.balance, change.known)
            }
            Event::Fault(fault) if fault.kind == FaultKind::Restarted => {
                balances.retain(|(branch, _), _| *branch != row.branch);
                continue;
            }
            _ => continue,
        };
        let opening = trace.header().accounts[&account];
        let seen = balances.entry((row.branch, account)).or_insert(opening);
        *seen += change;
        assert_eq!(*seen, balance, "{row:?}");
        let size: u64 = versions.of(row.branch).iter().map(|(_, sequence)| sequence).sum();
        assert_eq!(size, known, "{row:?}");
    }
}

fn same_page(one: &Row, other: &Row) -> bool {
    match (&one.event, &other.event) {
        (Event::Joined(one), Event::Joined(other)) | (Event::Recovered(one), Event::Recovered(other)) => {
            one.range == other.range
        }
        _ => false,
    }
}
