//! Writes an output file as the course's graders read it, byte for byte what Python's
//! `json.dumps(value, indent=1)` gives.

use std::fmt;

use super::{
    model::{Event, Scenario},
    reply::{RepliesError, Reply, fit},
};
use crate::types::words;

/// How a query's reply is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OutputForm {
    /// `{"interface": "query", "balance": 500}`
    #[default]
    Current,
    /// `{"interface": "query", "result": "success", "money": 500}`
    Old,
}

/// The output file: one entry a customer record in file order, one reply an event.
///
/// # Errors
/// [`RepliesError`] unless `replies` answers every event of the scenario with the right kind of reply.
pub fn output(scenario: &Scenario, replies: &[Vec<Reply>], form: OutputForm) -> Result<String, RepliesError> {
    fit(scenario, replies)?;
    Ok(write(scenario, replies, form))
}

fn write(scenario: &Scenario, replies: &[Vec<Reply>], form: OutputForm) -> String {
    let entries = scenario
        .customers
        .iter()
        .zip(replies)
        .filter(|(customer, replies)| !replies.is_empty() || customer.events.is_empty())
        .map(|(customer, replies)| {
            let replies = customer.events.iter().zip(replies).map(|(event, &reply)| {
                let lines: Vec<String> =
                    fields(event, reply, form).iter().map(|(key, value)| format!("    \"{key}\": {value}")).collect();
                format!("   {{\n{}\n   }}", lines.join(",\n"))
            });
            let recv = array(replies, "  ");
            format!(" {{\n  \"id\": {},\n  \"recv\": {recv}\n }}", customer.id)
        });
    array(entries, "")
}

/// Items are indented already; `indent` is the closing bracket's.
fn array(items: impl Iterator<Item = String>, indent: &str) -> String {
    let mut text = String::from("[");
    for (index, item) in items.enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&item);
    }
    if text.len() > 1 {
        text.push('\n');
        text.push_str(indent);
    }
    text.push(']');
    text
}

/// A value of a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Text(&'static str),
    Number(i64),
}

/// One reply's keys and values, in their order.
pub(super) fn fields(event: &Event, reply: Reply, form: OutputForm) -> Vec<(&'static str, Scalar)> {
    let interface = ("interface", Scalar::Text(event.action.interface()));
    let success = ("result", Scalar::Text("success"));
    match (reply, form) {
        (Reply::Success, OutputForm::Current | OutputForm::Old) => vec![interface, success],
        (Reply::Fail, OutputForm::Current | OutputForm::Old) => vec![interface, ("result", Scalar::Text("fail"))],
        (Reply::Balance(balance), OutputForm::Current) => vec![interface, ("balance", Scalar::Number(balance))],
        (Reply::Balance(balance), OutputForm::Old) => vec![interface, success, ("money", Scalar::Number(balance))],
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Number(number) => number.fmt(f),
        }
    }
}

words!(OutputForm, "output form": Current = "current", Old = "old");
