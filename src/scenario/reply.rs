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

/// The replies so far, in the form that [`super::output`] takes.
///
/// Invariant: entry `i` holds the first replies of customer record `i`, each of the kind that its
/// event asks for, and never more of them than the record has events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded<'a> {
    scenario: &'a Scenario,
    replies: Vec<Vec<Reply>>,
}

impl<'a> Recorded<'a> {
    /// Nothing answered yet.
    pub fn new(scenario: &'a Scenario) -> Self {
        Self { scenario, replies: vec![Vec::new(); scenario.customers.len()] }
    }

    /// Adds the reply to the next event of customer record `record`, counted from 0.
    ///
    /// # Errors
    /// [`RepliesError`] if there is no such record or event, or it asks for another kind of reply.
    /// Nothing is added then.
    pub fn push(&mut self, record: usize, reply: Reply) -> Result<(), RepliesError> {
        let (Some(customer), Some(replies)) = (self.scenario.customers.get(record), self.replies.get_mut(record))
        else {
            return Err(RepliesError::Records { given: record + 1, customers: self.scenario.customers.len() });
        };
        let number = replies.len() + 1;
        match customer.events.get(replies.len()) {
            None => Err(RepliesError::Count { record: record + 1, given: number, events: customer.events.len() }),
            Some(event) if !reply.answers(event.action) => {
                Err(RepliesError::Kind { record: record + 1, event: number, action: event.action, reply })
            }
            Some(_) => {
                replies.push(reply);
                Ok(())
            }
        }
    }

    /// How many events are answered.
    pub fn count(&self) -> usize {
        self.replies.iter().map(Vec::len).sum()
    }

    /// Whether every event is answered.
    pub fn is_complete(&self) -> bool {
        self.count() == self.scenario.event_count()
    }

    /// One list a customer record.
    pub fn replies(&self) -> &[Vec<Reply>] {
        &self.replies
    }

    /// One list a customer record.
    pub fn into_replies(self) -> Vec<Vec<Reply>> {
        self.replies
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

/// Holds replies against the scenario; with `partly`, records may lack replies at their end.
pub(super) fn fit(scenario: &Scenario, replies: &[Vec<Reply>], partly: bool) -> Result<(), RepliesError> {
    if replies.len() != scenario.customers.len() {
        return Err(RepliesError::Records { given: replies.len(), customers: scenario.customers.len() });
    }
    for (index, (customer, given)) in scenario.customers.iter().zip(replies).enumerate() {
        let (record, events) = (index + 1, customer.events.len());
        if given.len() > events || (given.len() < events && !partly) {
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
