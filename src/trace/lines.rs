//! Traces as JSON lines, one event each.

use serde::Serialize;

use super::{Event, Kind, Message, Trace};
use crate::types::Answer;

/// One event, with what its kind has to say.
#[derive(Serialize, Default)]
struct Line<'a> {
    at: u64,
    branch: u32,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Trace {
    /// The events as JSON lines, oldest first. Every line has `at` (microseconds since the run began),
    /// `branch` and `event`; messages have `peer`, `message` and `number`; answers have what they say.
    pub fn to_jsonl(&self) -> String {
        let mut text = String::new();
        for event in self.events() {
            // Nothing here has a form that JSON lacks.
            text.push_str(&serde_json::to_string(&line(event)).unwrap_or_default());
            text.push('\n');
        }
        text
    }
}

fn line(event: &Event) -> Line<'static> {
    let base = Line { at: event.at.0, branch: event.branch.value(), ..Line::default() };
    match &event.kind {
        Kind::Answered(Answer::Queried(queried)) => Line { event: "queried", balance: Some(queried.balance), ..base },
        Kind::Answered(Answer::Committed(committed)) => Line {
            event: "committed",
            balance: Some(committed.balance),
            origin: Some(committed.origin.to_string()),
            sequence: Some(committed.sequence),
            ..base
        },
        Kind::Answered(Answer::Refused(refusal)) => {
            Line { event: "refused", reason: Some(refusal.to_string()), ..base }
        }
        Kind::Sent { peer, message } => told(base, "sent", peer.value(), *message),
        Kind::Received { peer, message } => told(base, "received", peer.value(), *message),
        Kind::LinkUp(peer) => Line { event: "link-up", peer: Some(peer.value()), ..base },
        Kind::LinkDown(peer) => Line { event: "link-down", peer: Some(peer.value()), ..base },
        Kind::Crashed => Line { event: "crashed", ..base },
        Kind::Restarted { kept: true } => Line { event: "restarted", ..base },
        Kind::Restarted { kept: false } => Line { event: "restarted-without-data", ..base },
        Kind::Paused => Line { event: "paused", ..base },
        Kind::Resumed => Line { event: "resumed", ..base },
        Kind::Cut(peer) => Line { event: "cut", peer: Some(peer.value()), ..base },
        Kind::Mended(peer) => Line { event: "mended", peer: Some(peer.value()), ..base },
    }
}

fn told(base: Line<'static>, event: &'static str, peer: u32, message: Message) -> Line<'static> {
    let (message, number) = match message {
        Message::Greeting => ("greeting", None),
        Message::Update { pages } => ("update", Some(pages as u64)),
        Message::Call { sequence } => ("call", sequence),
        Message::Acknowledgement { number } => ("acknowledgement", Some(number)),
    };
    Line { event, peer: Some(peer), message: Some(message), number, ..base }
}
