//! The answers that a branch remembers, so that a retried request is answered and never counted
//! twice. Bounded in both directions. Of a client that is remembered, what is forgotten is refused as
//! expired, not executed again. A client that is forgotten is a new client: a retry that comes after
//! requests of [`CLIENTS_REMEMBERED`] other clients is executed again, for nothing tells it from a
//! first try.

use std::collections::{BTreeMap, VecDeque};

use super::{AnswerChange, Remembered};
use crate::types::{ClientId, Committed, Operation, Refusal, RequestId};

/// How many of one client's answers are remembered: as many as one stream of it may have under way.
pub const ANSWERS_PER_CLIENT: usize = 4096;

/// How many clients are remembered at least; up to twice as many are.
pub const CLIENTS_REMEMBERED: usize = 8192;

/// What became of a write that was judged.
pub(super) type Outcome = Result<Committed, Refusal>;

/// What the table says of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Recall {
    /// Never seen.
    New,
    /// Seen, and this came of it.
    Decided(Outcome),
    /// Seen, with another operation.
    Conflict,
    /// Perhaps seen: the client has made too many requests since.
    Expired,
}

#[derive(Clone, Debug, Default)]
struct Client {
    /// In the order of their numbers.
    answers: VecDeque<(u64, Operation, Outcome)>,
    /// Answers up to this number may have been forgotten.
    forgotten_through: u64,
}

impl Client {
    /// The highest number that is remembered; 0: none is.
    fn newest(&self) -> u64 {
        self.answers.back().map_or(0, |&(number, ..)| number)
    }
}

/// Two generations of clients: when the young one is full, the old one is forgotten and the young
/// one grows old. A client that is seen again becomes young again.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    young: BTreeMap<ClientId, Client>,
    old: BTreeMap<ClientId, Client>,
    /// What has changed since it was last asked for; `None`: nobody will ask.
    changes: Option<Vec<AnswerChange>>,
}

impl Answers {
    /// The table as it was saved; its changes are to be saved too.
    pub(super) fn restore(saved: &[Remembered]) -> Self {
        let mut answers = Self::default();
        for &Remembered { request, operation, outcome } in saved {
            answers.remember(request, operation, outcome);
            let client = answers.client(request.client);
            if let (ANSWERS_PER_CLIENT, Some((first, ..))) = (client.answers.len(), client.answers.front()) {
                // There may have been earlier ones.
                client.forgotten_through = first.saturating_sub(1);
            }
        }
        Self { changes: Some(Vec::new()), ..answers }
    }

    pub(super) fn has_changes(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| !changes.is_empty())
    }

    pub(super) fn take_changes(&mut self) -> Vec<AnswerChange> {
        self.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn changed(&mut self, change: AnswerChange) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    pub(super) fn recall(&mut self, request: RequestId, operation: Operation) -> Recall {
        let client = self.client(request.client);
        if request.number > client.newest().max(client.forgotten_through) {
            return Recall::New;
        }
        match client.answers.binary_search_by_key(&request.number, |&(number, ..)| number) {
            Ok(position) => {
                let (_, earlier, outcome) = client.answers[position];
                if earlier == operation { Recall::Decided(outcome) } else { Recall::Conflict }
            }
            Err(_) if request.number <= client.forgotten_through => Recall::Expired,
            Err(_) => Recall::New,
        }
    }

    /// Remembers what came of a new request.
    pub(super) fn remember(&mut self, request: RequestId, operation: Operation, outcome: Outcome) {
        let client = self.client(request.client);
        let answer = (request.number, operation, outcome);
        if request.number > client.newest() {
            client.answers.push_back(answer);
        } else {
            let position = client.answers.partition_point(|&(number, ..)| number < request.number);
            client.answers.insert(position, answer);
        }
        let full = client.answers.len() > ANSWERS_PER_CLIENT;
        let forgotten = if full { client.answers.pop_front() } else { None };
        if let Some((number, ..)) = forgotten {
            client.forgotten_through = number;
        }
        self.changed(AnswerChange::Remember(Remembered { request, operation, outcome }));
        if let Some((number, ..)) = forgotten {
            self.changed(AnswerChange::ForgetRequest(RequestId { number, ..request }));
        }
    }

    fn client(&mut self, id: ClientId) -> &mut Client {
        if self.young.len() >= CLIENTS_REMEMBERED && !self.young.contains_key(&id) {
            // Taken out before the old ones are forgotten, or it might be one of them.
            let client = self.old.remove(&id).unwrap_or_default();
            let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            forgotten.into_keys().for_each(|client| self.changed(AnswerChange::ForgetClient(client)));
            self.young.insert(id, client);
        }
        self.young.entry(id).or_insert_with(|| self.old.remove(&id).unwrap_or_default())
    }
}
