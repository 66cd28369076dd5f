//! What the tries of each request came to. A request has one name, under which it is decided once: all
//! tries are told the same, and a definite answer is the last word.

use std::collections::BTreeMap;

use super::{Anomaly, AnomalyKind, Event, History, Invocation, Kind, Outcome, lives::Lives};
use crate::types::{Action, Answer, BranchId, Committed, Operation, Refusal, Time};

/// One operation that was asked for, under one name if it has one.
pub(super) struct Fate<'a> {
    pub(super) first: &'a Invocation,
    pub(super) ids: Vec<u64>,
    pub(super) operation: Operation,
    /// The position of the event that first asked for it.
    pub(super) invoked: usize,
    /// Where it was committed, and the position of the event that told it first.
    pub(super) places: Vec<Committed>,
    pub(super) told: usize,
    /// A definite refusal, and another that differs from it.
    refused: Option<Refusal>,
    refused_otherwise: Option<Refusal>,
    /// The position of a refusal that says that the name is that of another operation.
    conflict: Option<usize>,
    /// Whether all that is known of it is such a refusal.
    is_elsewhere: bool,
    /// Whether some answer said that it is committed, somewhere.
    is_certain: bool,
    /// Whether the outcome of some try is unknown.
    is_unknown: bool,
    /// Whether nothing before it has its name.
    is_first: bool,
    /// The next operation of the same name.
    next: Option<usize>,
}

/// What is known of whether an operation happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// It did, in a place that was told.
    Placed,
    /// It did, somewhere.
    Certain,
    /// It may have.
    Open,
    /// It did not.
    Not,
}

/// Every write that was asked for.
pub(super) struct Fates<'a> {
    pub(super) all: Vec<Fate<'a>>,
    /// Invocations that may be told what another try came to: those that ask again, and the first of a name of which
    /// another try named less to wait for.
    pub(super) again: Vec<u64>,
}

impl<'a> Fates<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut outcomes: BTreeMap<u64, (usize, &Outcome)> = BTreeMap::new();
        for (position, Event { kind, .. }) in history.events.iter().enumerate() {
            if let Kind::Completed { id, outcome } = kind {
                outcomes.insert(*id, (position, outcome));
            }
        }
        let mut fates = Self { all: Vec::new(), again: Vec::new() };
        let mut named: BTreeMap<(u64, u64, BranchId), usize> = BTreeMap::new();
        for (position, Event { kind, .. }) in history.events.iter().enumerate() {
            let Kind::Invoked(invocation) = kind else { continue };
            let Action::Write(operation) = invocation.action else { continue };
            let new = fates.all.len();
            let name = invocation.request.map(|number| (invocation.client, number, invocation.branch));
            let first = name.map_or(new, |name| *named.entry(name).or_insert(new));
            let place = fates.find(first, operation);
            if place == new {
                fates.all.push(Fate::new(invocation, operation, position, first == new));
            } else {
                fates.again.push(invocation.id);
                // The first may be told what this one came to, if this one had to wait for less.
                let first = fates.all[place].first;
                if !invocation.at_least.dominates(&first.at_least) {
                    fates.again.push(first.id);
                }
            }
            fates.all[place].take(invocation.id, outcomes.get(&invocation.id).copied());
        }
        fates
    }

    /// The position of an operation among those of a name; after them, if it is not among them.
    fn find(&mut self, first: usize, operation: Operation) -> usize {
        let new = self.all.len();
        let mut place = first;
        while let Some(fate) = self.all.get_mut(place)
            && fate.operation != operation
        {
            place = *fate.next.get_or_insert(new);
        }
        place
    }

    /// The operations of the same name, from the first on.
    fn named_as(&self, first: usize) -> impl Iterator<Item = &Fate<'a>> {
        std::iter::successors(self.all.get(first), |fate| fate.next.and_then(|next| self.all.get(next)))
    }

    /// What cannot be of the answers under one name.
    pub(super) fn judge(&self, history: &History, lives: &Lives) -> Vec<Anomaly> {
        let mut found = Vec::new();
        for (position, fate) in self.all.iter().enumerate() {
            fate.judge(history, lives, &mut found);
            if fate.is_first && (fate.next.is_some() || fate.conflict.is_some()) {
                self.judge_name(position, history, lives, &mut found);
            }
        }
        found
    }

    /// One name is that of one operation.
    fn judge_name(&self, first: usize, history: &History, lives: &Lives, found: &mut Vec<Anomaly>) {
        let (head, done): (_, Vec<&Fate<'_>>) =
            (&self.all[first], self.named_as(first).filter(|fate| fate.is_done()).collect());
        if let [one, other, ..] = done[..]
            && !lives.may_forget_after(head.first.branch, head.invoked)
        {
            let ids = [&one.ids[..], &other.ids].concat();
            found.push(one.anomaly(
                AnomalyKind::CountedTwice,
                at(history, other.told),
                ids,
                "was committed as two operations",
            ));
        }
        for fate in self.named_as(first) {
            let Some(told) = fate.conflict else { continue };
            let is_other = |other: &Fate<'_>| other.operation != fate.operation && !other.is_elsewhere;
            let is_in_conflict = self.named_as(first).any(|other| is_other(other) && other.invoked < told);
            // What has no name is told so where each answer is looked at.
            if fate.first.request.is_some() && !is_in_conflict {
                let why = "was refused for another of its name, and no other could have been done";
                found.push(fate.anomaly(AnomalyKind::Contradiction, at(history, told), fate.ids.clone(), why));
            }
        }
    }
}

fn at(history: &History, position: usize) -> Time {
    history.events.get(position).map_or(Time(0), |event| event.at)
}

impl<'a> Fate<'a> {
    fn new(first: &'a Invocation, operation: Operation, invoked: usize, is_first: bool) -> Self {
        Self {
            first,
            ids: Vec::new(),
            operation,
            invoked,
            places: Vec::new(),
            told: invoked,
            refused: None,
            refused_otherwise: None,
            conflict: None,
            is_elsewhere: true,
            is_certain: false,
            is_unknown: false,
            is_first,
            next: None,
        }
    }

    fn take(&mut self, id: u64, completed: Option<(usize, &Outcome)>) {
        self.ids.push(id);
        let Some((position, Outcome::Answered(answer))) = completed else {
            (self.is_unknown, self.is_elsewhere) = (true, false);
            return;
        };
        match answer {
            Answer::Committed(committed) => {
                if self.places.is_empty() || position < self.told {
                    self.told = position;
                }
                self.places.push(*committed);
            }
            Answer::Refused(Refusal::RequestConflict { .. }) => {
                self.conflict = Some(self.conflict.map_or(position, |known| known.min(position)));
                return;
            }
            Answer::Refused(Refusal::ConcernNotReached { .. }) => self.is_certain = true,
            Answer::Refused(refusal) if refusal.is_definite() => match self.refused {
                Some(known) if known != *refusal => self.refused_otherwise = Some(*refusal),
                Some(_) => {}
                None => self.refused = Some(*refusal),
            },
            // An answer of the wrong kind says nothing of the write.
            Answer::Refused(_) | Answer::Queried(_) => self.is_unknown = true,
        }
        self.is_elsewhere = false;
    }

    fn is_done(&self) -> bool {
        self.is_certain || !self.places.is_empty()
    }

    /// Whether it happened. What a branch has forgotten it may do again, or say the like of.
    pub(super) fn known(&self, lives: &Lives) -> Known {
        let is_refused = self.refused.is_some() || self.conflict.is_some();
        let has_last_word = || is_refused && !lives.may_forget_after(self.first.branch, self.invoked);
        if !self.places.is_empty() {
            Known::Placed
        } else if self.is_certain {
            Known::Certain
        } else if self.is_unknown && !has_last_word() {
            Known::Open
        } else {
            Known::Not
        }
    }

    /// The answers to its tries, held against each other.
    fn judge(&self, history: &History, lives: &Lives, found: &mut Vec<Anomaly>) {
        if self.ids.len() == 1 {
            return;
        }
        let forgets = || lives.may_forget_after(self.first.branch, self.invoked);
        let mut accuse =
            |kind, why: &str| found.push(self.anomaly(kind, at(history, self.told), self.ids.clone(), why));
        if let Some(first) = self.places.first() {
            let is_same = |other: &Committed| (other.origin, other.sequence) == (first.origin, first.sequence);
            if let Some(other) = self.places.iter().find(|other| !is_same(other)) {
                // A later life may do again what the one before took with it; but not if both are there at the end,
                // unless a second process of some branch hid the first.
                let is_hidden = || lives.is_any_doubled() || !both_are_left(history, first, other);
                let is_taken_along = first.origin != other.origin && forgets() && is_hidden();
                if !lives.is_doubled(self.first.branch) && !is_taken_along {
                    let (one, two) = (first.sequence, other.sequence);
                    let why = format!(
                        "was committed twice: as operation {one} of branch {} and as operation {two} of branch {}",
                        first.origin, other.origin
                    );
                    accuse(AnomalyKind::CountedTwice, &why);
                }
            } else if let Some(other) = self.places.iter().find(|other| other.balance != first.balance) {
                let why = format!("was told two balances for one place: {} and {}", first.balance, other.balance);
                accuse(AnomalyKind::Contradiction, &why);
            }
        }
        if self.is_done() && (self.refused.is_some() || self.conflict.is_some()) && !forgets() {
            accuse(AnomalyKind::RefusedYetDone, "was told that nothing was done, and that it is committed");
        }
        if let (Some(one), Some(other)) = (self.refused, self.refused_otherwise)
            && !forgets()
        {
            accuse(AnomalyKind::Contradiction, &format!("was refused in two ways: {one}; {other}"));
        }
    }

    fn anomaly(&self, kind: AnomalyKind, at: Time, witnesses: Vec<u64>, why: &str) -> Anomaly {
        let (branch, account) = (Some(self.first.branch), Some(self.operation.account));
        let story = format!("one request of customer {} {why}", self.first.client);
        Anomaly { kind, at, branch, account, witnesses, story }
    }
}

/// Whether a settled branch has both places.
fn both_are_left(history: &History, one: &Committed, other: &Committed) -> bool {
    history.events.iter().any(|event| match &event.kind {
        Kind::Final { version: Some(version), .. } => {
            [one, other].iter().all(|place| version.sequence(place.origin) >= place.sequence)
        }
        Kind::Final { .. }
        | Kind::Invoked(_)
        | Kind::Completed { .. }
        | Kind::Restarted { .. }
        | Kind::Doubled { .. }
        | Kind::Struck { .. }
        | Kind::Lifted { .. } => false,
    })
}
