//! The trace as a log that ShiViz draws (Beschastnikh et al., Visualizing distributed system executions,
//! TOSEM 2020): for each event a line with the host and its vector clock, and a line of text.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Event, MessageId, Row, Trace};
use crate::types::BranchId;

/// The regular expression that ShiViz reads this log with. A log that is uploaded as a file begins with
/// it; to paste the log, paste this too, in the field for it.
pub const SHIVIZ_PARSER: &str = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)";

/// How many events of each branch happened before.
type Clock = BTreeMap<BranchId, u64>;

impl Trace {
    /// The trace as a file for ShiViz: its parser, an empty line, then the log. Clocks count this trace's
    /// rows; a message without the row of its sending brings nothing.
    pub fn to_shiviz(&self) -> String {
        let mut text = format!("{SHIVIZ_PARSER}\n\n");
        let mut clocks: BTreeMap<BranchId, Clock> = BTreeMap::new();
        let mut under_way: BTreeMap<MessageId, Clock> = BTreeMap::new();
        for row in &self.rows {
            let clock = clocks.entry(row.branch).or_default();
            *clock.entry(row.branch).or_default() += 1;
            match &row.event {
                Event::Sent(message) => {
                    if let Some(id) = message.id {
                        under_way.insert(id, clock.clone());
                    }
                }
                // It may come twice.
                Event::Received(message) => {
                    for (&branch, &count) in message.id.iter().filter_map(|id| under_way.get(id)).flatten() {
                        let known = clock.entry(branch).or_default();
                        *known = count.max(*known);
                    }
                }
                Event::Deposit(_)
                | Event::Withdraw(_)
                | Event::Query(_)
                | Event::Refused(_)
                | Event::Lost(_)
                | Event::Doubled(_)
                | Event::Joined(_)
                | Event::Recovered(_)
                | Event::LinkUp(_)
                | Event::LinkDown(_)
                | Event::Fault(_) => {}
            }
            let entries: Vec<String> = clock.iter().map(|(id, count)| format!("\"branch-{id}\":{count}")).collect();
            let (host, event) = (row.branch, sentence(row));
            // A text takes everything.
            let _ = writeln!(text, "branch-{host} {{{}}}\n{event}", entries.join(","));
        }
        text
    }
}

/// One line for people.
fn sentence(row: &Row) -> String {
    let what = match &row.event {
        Event::Deposit(write) => format!("deposit {} on account {}: {}", write.amount, write.account, write.balance),
        Event::Withdraw(write) => format!("withdraw {} on account {}: {}", write.amount, write.account, write.balance),
        Event::Query(read) => format!("query account {}: {}", read.account, read.balance),
        Event::Refused(refused) => format!("refused: {}", one_line(&refused.reason)),
        Event::Sent(message) => format!("{} sent to branch {}{}", message.kind, message.peer, load(message.operations)),
        Event::Received(message) => {
            format!("{} received from branch {}{}", message.kind, message.peer, load(message.operations))
        }
        Event::Lost(message) => format!("{} to branch {} lost", message.kind, message.peer),
        Event::Doubled(message) => format!("{} to branch {} doubled", message.kind, message.peer),
        Event::Joined(change) | Event::Recovered(change) => {
            let (name, range) = (row.event.name(), change.range);
            let (origin, from, through) = (range.origin, range.from, range.through);
            format!("{name} {origin}:{from}-{through} on account {}: {}", change.account, change.balance)
        }
        Event::LinkUp(peer) => format!("link to branch {peer} up"),
        Event::LinkDown(peer) => format!("link to branch {peer} down"),
        Event::Fault(fault) => {
            let peer = fault.peer.map(|peer| format!(" (branch {peer})")).unwrap_or_default();
            let reason = fault.reason.as_deref().map(|reason| format!(": {}", one_line(reason))).unwrap_or_default();
            format!("{}{peer}{reason}", row.event.name())
        }
    };
    format!("{} ms {what}", row.at.0 as f64 / 1e3)
}

fn load(operations: u64) -> String {
    match operations {
        0 => String::new(),
        1 => ": 1 operation".to_owned(),
        _ => format!(": {operations} operations"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
