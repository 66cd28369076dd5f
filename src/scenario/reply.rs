//! The replies of a run, gathered while it goes on, and held against what was asked.

use std::fmt;

use super::model::{Action, Scenario};

/// What a customer hears of one event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reply {
    /// To a query.
    Balance(i64),
    /// To a deposit or withdrawal that was done.
    Success,
    /// To a deposit or withdrawal that was not: no money moved anywhere.
    Fail,
}

impl Reply {
    /// Whether it can answer `action` at all.
    fn answers(self, action: Action) -> bool {
        match self {
            Self::Balance(_) => action == Action::Query,
            Self::Success | Self::Fail => action != Action::Query,
        }
    }
}

/// Replies that are not those of the scenario they are held against. A fault of the caller's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepliesError {
    /// Not one list a customer record.
    Records {
        /// Lists given.
        given: usize,
        /// Customer records of the scenario.
        customers: usize,
    },
    /// Not one reply an event.
    Count {
        /// The customer record, counted from 1 among customers.
        record: usize,
        /// Replies given.
        given: usize,
        /// Events of the record.
        events: usize,
    },
    /// A balance for a deposit or withdrawal, or a result for a query.
    Kind {
        /// The customer record, counted from 1 among customers.
        record: usize,
        /// The event, counted from 1.
        event: usize,
        /// What the event asks for.
        action: Action,
        /// What was given.
        reply: Reply,
    },
}

/// Holds replies against the scenario.
pub(super) fn fit(scenario: &Scenario, replies: &[Vec<Reply>]) -> Result<(), RepliesError> {
    if replies.len() != scenario.customers.len() {
        return Err(RepliesError::Records { given: replies.len(), customers: scenario.customers.len() });
    }
    for (index, (customer, given)) in scenario.customers.iter().zip(replies).enumerate() {
        let (record, events) = (index + 1, customer.events.len());
        if given.len() != events {
            return Err(RepliesError::Count { record, given: given.len(), events });
        }
        for (index, (event, &reply)) in customer.events.iter().zip(given).enumerate() {
            if !reply.answers(event.action) {
                return Err(RepliesError::Kind { record, event: index + 1, action: event.action, reply });
            }
        }
    }
    Ok(())
}

impl fmt::Display for RepliesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records { given, customers } => {
                write!(f, "replies of {given} customer records given: the scenario has {customers}")
            }
            Self::Count { record, given, events } => {
                write!(f, "{given} replies given for customer record {record}: it has {events} events")
            }
            Self::Kind { record, event, action, reply } => {
                let given = match reply {
                    Reply::Balance(_) => "a balance",
                    Reply::Success | Reply::Fail => "a result",
                };
                let right = if *action == Action::Query { "a balance" } else { "a result" };
                let interface = action.interface();
                write!(
                    f,
                    "{given} given for event {event} of customer record {record}: \
                     it is a {interface}, so {right} is right"
                )
            }
        }
    }
}

impl std::error::Error for RepliesError {}
