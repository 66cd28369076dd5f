//! What the customers of a bank asked and were told, as they saw it, for the checkers. It has an end:
//! from the first event that finds no room on, nothing more is written, and what had no answer by then has
//! none. So what was written is the beginning of the truth, which the checkers judge as rightly as all of it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::CustomerError;
use crate::{
    check::{Event, Invocation, Kind, Outcome},
    types::{Action, Answer, BranchId, ClientId, Refusal, Terms, Time},
};

/// A bounded history that is being written. Shared by a bank's customers.
#[derive(Debug)]
pub struct Journal {
    began: Instant,
    capacity: usize,
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    events: Vec<Event>,
    last_id: u64,
    /// Invocations that have no completion yet.
    pending: u64,
    lost: u64,
}

/// What a journal has so far.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// Whether some customer waits for an answer.
    pub is_waited_for: bool,
    /// How many events found no room.
    pub lost: u64,
}

impl Journal {
    /// One of at most `capacity` events, which counts time from `began`.
    pub fn new(began: Instant, capacity: usize) -> Arc<Self> {
        Arc::new(Self { began, capacity, written: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, written: &mut Written, kind: Kind) -> bool {
        let has_room = written.lost == 0 && written.events.len() < self.capacity;
        if has_room {
            written.events.push(Event { at: self.now(), kind });
        } else {
            written.lost += 1;
        }
        has_room
    }

    /// The time now, as the journal counts it.
    pub fn now(&self) -> Time {
        Time(self.began.elapsed().as_micros() as u64)
    }

    /// A branch is about to come back, with its data or without.
    pub fn restarted(&self, branch: BranchId, kept: bool) {
        self.write(&mut self.lock(), Kind::Restarted { branch, kept });
    }

    /// A fault is about to begin; `what` says which, for people.
    pub fn struck(&self, fault: u64, what: String) {
        self.write(&mut self.lock(), Kind::Struck { fault, what });
    }

    /// A fault is over.
    pub fn lifted(&self, fault: u64) {
        self.write(&mut self.lock(), Kind::Lifted { fault });
    }

    /// What was written so far.
    pub fn excerpt(&self) -> Excerpt {
        let written = self.lock();
        Excerpt { events: written.events.clone(), is_waited_for: written.pending > 0, lost: written.lost }
    }
}

/// One branch's customer, as the journal knows it.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    pub(super) journal: Arc<Journal>,
    pub(super) branch: BranchId,
}

/// Invocations that are under way. What of them has no answer when this is dropped stays without.
pub(super) struct Notes<'a> {
    journal: &'a Journal,
    first_id: u64,
    /// Which have no completion yet.
    open: Vec<bool>,
}

impl Noted {
    /// Writes down requests that are about to be sent; `first_number` is the number of the first, if they
    /// have some.
    pub(super) fn ask(
        &self,
        client: ClientId,
        first_number: Option<u64>,
        actions: &[Action],
        terms: &Terms,
    ) -> Notes<'_> {
        let mut written = self.journal.lock();
        let first_id = written.last_id + 1;
        for (index, &action) in actions.iter().enumerate() {
            written.last_id += 1;
            let request = match action {
                Action::Write(_) => first_number.map(|first| first + index as u64),
                Action::Query { .. } => None,
            };
            let (id, client, branch, concern) = (written.last_id, client.0, self.branch, terms.concern);
            let at_least = terms.at_least.clone();
            let asked = Kind::Invoked(Invocation { id, client, request, branch, action, concern, at_least });
            self.journal.write(&mut written, asked);
        }
        written.pending += actions.len() as u64;
        Notes { journal: &self.journal, first_id, open: vec![true; actions.len()] }
    }
}

impl Notes<'_> {
    /// Request `index` has come to this.
    pub(super) fn done(&mut self, index: usize, outcome: Outcome) {
        if let Some(open) = self.open.get_mut(index)
            && std::mem::take(open)
        {
            let mut written = self.journal.lock();
            written.pending -= 1;
            let id = self.first_id + index as u64;
            self.journal.write(&mut written, Kind::Completed { id, outcome });
        }
    }

    /// A single request has failed.
    pub(super) fn failed(&mut self, error: &CustomerError) {
        let outcome = match error {
            CustomerError::Refused(refusal) => Outcome::Answered(Answer::Refused(*refusal)),
            CustomerError::Behind { .. } => Outcome::Answered(Answer::Refused(Refusal::VersionNotReached)),
            CustomerError::Closed { .. }
            | CustomerError::Deadline { .. }
            | CustomerError::Unreachable { .. }
            | CustomerError::Protocol { .. } => Outcome::Unknown,
        };
        self.done(0, outcome);
    }
}

impl Drop for Notes<'_> {
    fn drop(&mut self) {
        for index in 0..self.open.len() {
            self.done(index, Outcome::Unknown);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use crate::types::AccountId;

    #[test]
    fn what_finds_no_room_ends_the_journal_and_is_counted() {
        let journal = Journal::new(Instant::now(), 3);
        let noted = Noted { journal: journal.clone(), branch: BranchId::new(1).unwrap() };
        let query = [Action::Query { account: AccountId::DEFAULT }];
        let mut first = noted.ask(ClientId(1), None, &query, &Terms::default());
        let second = noted.ask(ClientId(2), None, &query, &Terms::default());
        assert!(journal.excerpt().is_waited_for);
        drop(second);
        first.done(0, Outcome::Unknown);
        drop(first);
        journal.restarted(noted.branch, true);
        let excerpt = journal.excerpt();
        assert_eq!((excerpt.events.len(), excerpt.lost, excerpt.is_waited_for), (3, 2, false));
        assert!(matches!(excerpt.events[2].kind, Kind::Completed { id: 2, outcome: Outcome::Unknown }));
    }
}
