//! Requests that wait: for the replica to reach a version, or for enough replicas to have a write.
//! Each waits under the very event it needs, so that an event costs what it wakes.

use std::{
    collections::BTreeMap,
    ops::{Bound, RangeInclusive},
};

use super::input::Request;
use crate::types::{Committed, Concern, Origin, Time};

/// How many requests may wait at one branch.
pub const MAX_WAITING: usize = 1 << 16;

/// A write that is committed here and waits for receipts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct WaitingWrite {
    pub(super) ticket: u64,
    pub(super) concern: Concern,
    pub(super) committed: Committed,
    /// The own operation that replicas must have, so that they have the write: itself, or, of an earlier life, the first.
    pub(super) through: u64,
    pub(super) deadline: Time,
}

/// What a deadline ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expired {
    Request(Request),
    Write(WaitingWrite),
}

/// Where a waiting thing stands, to find it by its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Request(Origin, u64),
    Write(usize, u64),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    /// By the origin and the sequence that it lacks, then by ticket.
    requests: BTreeMap<(Origin, u64, u64), Request>,
    /// By the number of replicas needed and the own sequence, then by ticket.
    writes: BTreeMap<(usize, u64, u64), WaitingWrite>,
    deadlines: BTreeMap<(Time, u64), Place>,
    /// Each ticket's deadline.
    tickets: BTreeMap<u64, Time>,
}

impl Waits {
    pub(super) fn count(&self) -> usize {
        self.deadlines.len()
    }

    /// Whether some request waits for a version.
    pub(super) fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    fn park(&mut self, deadline: Time, ticket: u64, place: Place) {
        self.deadlines.insert((deadline, ticket), place);
        self.tickets.insert(ticket, deadline);
    }

    fn leave(&mut self, deadline: Time, ticket: u64) -> Option<Place> {
        self.tickets.remove(&ticket);
        self.deadlines.remove(&(deadline, ticket))
    }

    /// Takes out whatever waits under this ticket.
    pub(super) fn take(&mut self, ticket: u64) -> Option<Expired> {
        let deadline = *self.tickets.get(&ticket)?;
        match self.leave(deadline, ticket)? {
            Place::Request(origin, sequence) => self.requests.remove(&(origin, sequence, ticket)).map(Expired::Request),
            Place::Write(needed, sequence) => self.writes.remove(&(needed, sequence, ticket)).map(Expired::Write),
        }
    }

    /// Parks a request until `origin` has reached `sequence`.
    pub(super) fn park_request(&mut self, origin: Origin, sequence: u64, request: Request) {
        self.park(request.deadline, request.ticket, Place::Request(origin, sequence));
        self.requests.insert((origin, sequence, request.ticket), request);
    }

    /// Takes out the requests that waited for `origin` to reach at most `sequence`.
    pub(super) fn take_requests(&mut self, origin: Origin, sequence: u64) -> Vec<Request> {
        self.take_range(&((origin, 0, 0)..=(origin, sequence, u64::MAX)))
    }

    /// The origins that some request waits for.
    pub(super) fn origins(&self) -> Vec<Origin> {
        let mut origins: Vec<Origin> = Vec::new();
        let after = |last: Option<&Origin>| match last {
            Some(&last) => Bound::Excluded((last, u64::MAX, u64::MAX)),
            None => Bound::Unbounded,
        };
        while let Some((&(origin, ..), _)) = self.requests.range((after(origins.last()), Bound::Unbounded)).next() {
            origins.push(origin);
        }
        origins
    }

    /// Takes out the requests that wait for more than `sequence` of `origin`.
    pub(super) fn take_requests_beyond(&mut self, origin: Origin, sequence: u64) -> Vec<Request> {
        let range = (origin, sequence.saturating_add(1), 0)..=(origin, u64::MAX, u64::MAX);
        self.take_range(&range)
    }

    fn take_range(&mut self, range: &RangeInclusive<(Origin, u64, u64)>) -> Vec<Request> {
        let keys: Vec<_> = self.requests.range(range.clone()).map(|(&key, _)| key).collect();
        let taken: Vec<Request> = keys.iter().filter_map(|key| self.requests.remove(key)).collect();
        for request in &taken {
            self.leave(request.deadline, request.ticket);
        }
        taken
    }

    /// Parks a committed write until `needed` replicas have it.
    pub(super) fn park_write(&mut self, needed: usize, write: WaitingWrite) {
        self.park(write.deadline, write.ticket, Place::Write(needed, write.through));
        self.writes.insert((needed, write.through, write.ticket), write);
    }

    /// The writes of earlier lives that wait.
    pub(super) fn writes_before(&self, own: Origin) -> Vec<WaitingWrite> {
        let first = |needed| self.writes.range((needed, 0, 0)..=(needed, 1, u64::MAX)).map(|(_, &write)| write);
        let needs = self.needs().into_iter();
        needs.flat_map(first).filter(|write| write.committed.origin != own).collect()
    }

    /// The numbers of replicas that some write waits for.
    pub(super) fn needs(&self) -> Vec<usize> {
        let mut needs: Vec<usize> = Vec::new();
        while let Some((&(needed, ..), _)) = self.writes.range((needs.last().map_or(0, |last| last + 1), 0, 0)..).next()
        {
            needs.push(needed);
        }
        needs
    }

    /// Takes out the writes up to `sequence` that waited for `needed` replicas.
    pub(super) fn take_writes(&mut self, needed: usize, sequence: u64) -> Vec<WaitingWrite> {
        let range = (needed, 0, 0)..=(needed, sequence, u64::MAX);
        let keys: Vec<_> = self.writes.range(range).map(|(&key, _)| key).collect();
        let taken: Vec<WaitingWrite> = keys.iter().filter_map(|key| self.writes.remove(key)).collect();
        for write in &taken {
            self.leave(write.deadline, write.ticket);
        }
        taken
    }

    /// Takes out what has waited long enough, earliest deadline first.
    pub(super) fn expire(&mut self, now: Time) -> Vec<Expired> {
        let due: Vec<u64> = self.deadlines.range(..=(now, u64::MAX)).map(|(&(_, ticket), _)| ticket).collect();
        due.into_iter().filter_map(|ticket| self.take(ticket)).collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first_key_value().map(|(&(deadline, _), _)| deadline)
    }

    pub(super) fn has(&self, ticket: u64) -> bool {
        self.tickets.contains_key(&ticket)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.tickets.len()
    }

    pub(super) fn invariants(&self) -> Result<(), String> {
        let count = self.requests.len() + self.writes.len();
        if [self.deadlines.len(), self.tickets.len()] == [count; 2] {
            Ok(())
        } else {
            Err("some waiting request has no deadline, or some deadline no request".to_owned())
        }
    }
}
