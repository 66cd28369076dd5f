//! The answers that a branch remembers, so that a retried request is answered and never counted twice. What is
//! forgotten is on record: of a client, up to which number; and whether clients as a whole were. A try that may
//! have been forgotten is refused as expired, and never executed.

use std::collections::{BTreeMap, VecDeque};

use super::save::{AnswerChange, Remembered, Saved};
use crate::types::{ClientId, Committed, Duration, Operation, Refusal, RequestId, Time};

/// How many of one client's answers are remembered: as many as one stream of it may have under way.
pub const ANSWERS_PER_CLIENT: usize = 4096;

/// How many clients are remembered at least: each by its last answers, or by how far those were forgotten.
pub const CLIENTS_REMEMBERED: usize = 1_000_000;

/// A client is remembered for longer than any request may wait: 10 minutes, and one more for its way.
pub const CLIENT_REMEMBERED_FOR: Duration = Duration::milliseconds(11 * 60 * 1_000);

/// How much a branch remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    /// The most answers, of all clients together: some 100 bytes each.
    pub answers: usize,
    /// The most clients. When all of them are younger than [`Memory::client_for`], others are refused.
    pub clients: usize,
    /// How long a client is remembered at least.
    pub client_for: Duration,
}

impl Default for Memory {
    /// A million answers, and as many clients.
    fn default() -> Self {
        Self { answers: 1 << 20, clients: 1 << 20, client_for: CLIENT_REMEMBERED_FOR }
    }
}

/// What became of a write that was judged.
pub(super) type Outcome = Result<Committed, Refusal>;

/// What the table says of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Recall {
    /// Never seen.
    New,
    /// Its client is not known, and clients have been forgotten.
    Stranger,
    /// Seen, and this came of it.
    Decided(Outcome),
    /// Seen, with another operation.
    Conflict,
    /// Perhaps seen: what came of it has been forgotten.
    Expired,
}

#[derive(Clone, Debug, Default)]
struct Client {
    /// In the order of their numbers.
    answers: VecDeque<(u64, Operation, Outcome)>,
    /// Answers up to this number may have been forgotten.
    forgotten_through: u64,
    /// When the last answer was remembered.
    last_at: Time,
}

impl Client {
    /// The highest number that is remembered; 0: none is.
    fn newest(&self) -> u64 {
        self.answers.back().map_or(0, |&(number, ..)| number)
    }

    fn find(&self, number: u64) -> Result<usize, usize> {
        self.answers.binary_search_by_key(&number, |&(number, ..)| number)
    }
}

/// The table. The oldest answers go first, one for each that is added.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    memory: Memory,
    clients: BTreeMap<ClientId, Client>,
    /// Every answer, oldest first; some of these have been forgotten for the sake of later ones of their client.
    order: VecDeque<(ClientId, u64)>,
    count: usize,
    /// Clients whose answers are all forgotten, in the order in which they were; some have come back.
    silent: VecDeque<ClientId>,
    forgot_clients: bool,
    last_order: u64,
    /// What has changed since it was last asked for; `None`: nobody will ask.
    changes: Option<Vec<AnswerChange>>,
}

impl Answers {
    pub(super) fn new(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }

    /// Remembers more or less from now on.
    pub(super) fn resize(&mut self, memory: Memory) {
        self.memory = memory;
        while self.count > memory.answers && self.forget_oldest() {}
    }

    /// The table as it was saved; its changes are to be saved too.
    pub(super) fn restore(memory: Memory, saved: &Saved) -> Self {
        let mut answers = Self { forgot_clients: saved.forgot_clients, ..Self::new(memory) };
        for &(client, forgotten_through) in &saved.forgotten {
            answers.clients.entry(client).or_default().forgotten_through = forgotten_through;
        }
        let mut remembered: Vec<&Remembered> = saved.answers.iter().collect();
        remembered.sort_by_key(|answer| answer.order);
        for &Remembered { request, operation, outcome, order } in remembered {
            answers.last_order = order;
            answers.put(request, operation, outcome);
        }
        answers.silent = answers.silent_clients();
        answers.changes = Some(Vec::new());
        answers
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

    pub(super) fn recall(&self, request: RequestId, operation: Operation) -> Recall {
        let Some(client) = self.clients.get(&request.client) else {
            return if self.forgot_clients { Recall::Stranger } else { Recall::New };
        };
        if request.number > client.newest().max(client.forgotten_through) {
            return Recall::New;
        }
        match client.find(request.number) {
            Ok(position) => {
                let (_, earlier, outcome) = client.answers[position];
                if earlier == operation { Recall::Decided(outcome) } else { Recall::Conflict }
            }
            Err(_) if request.number <= client.forgotten_through => Recall::Expired,
            Err(_) => Recall::New,
        }
    }

    /// Whether there is room for what becomes of a request of this client: makes it, if it can.
    ///
    /// # Errors
    /// How many clients are remembered, none of which may be forgotten yet.
    pub(super) fn make_room(&mut self, now: Time, client: ClientId) -> Result<(), usize> {
        while self.clients.len() >= self.memory.clients && !self.clients.contains_key(&client) {
            let Some(&oldest) = self.silent.front() else {
                if !self.forget_oldest() {
                    return Err(self.memory.clients);
                }
                continue;
            };
            let known = self.clients.get(&oldest).filter(|known| known.answers.is_empty());
            if let Some(known) = known {
                if now < known.last_at + self.memory.client_for {
                    return Err(self.memory.clients);
                }
                self.clients.remove(&oldest);
                self.forgot_clients = true;
                self.changed(AnswerChange::ForgetClient(oldest));
            }
            self.silent.pop_front();
        }
        Ok(())
    }

    /// Remembers what came of a new request.
    pub(super) fn remember(&mut self, now: Time, request: RequestId, operation: Operation, outcome: Outcome) {
        self.last_order += 1;
        let order = self.last_order;
        self.changed(AnswerChange::Remember(Remembered { request, operation, outcome, order }));
        let client = self.put(request, operation, outcome);
        client.last_at = now;
        let is_full = client.answers.len() > ANSWERS_PER_CLIENT;
        if let (true, Some(&(number, ..))) = (is_full, client.answers.front()) {
            self.forget(RequestId { number, ..request });
        }
        while self.count > self.memory.answers && self.forget_oldest() {}
    }

    fn put(&mut self, request: RequestId, operation: Operation, outcome: Outcome) -> &mut Client {
        self.count += 1;
        self.order.push_back((request.client, request.number));
        if self.order.len() > 2 * self.count + ANSWERS_PER_CLIENT {
            let clients = &self.clients;
            let is_known =
                |client: ClientId, number| clients.get(&client).is_some_and(|client| client.find(number).is_ok());
            self.order.retain(|&(client, number)| {
                (client, number) == (request.client, request.number) || is_known(client, number)
            });
        }
        let client = self.clients.entry(request.client).or_default();
        let answer = (request.number, operation, outcome);
        if request.number > client.newest() {
            client.answers.push_back(answer);
        } else {
            let position = client.answers.partition_point(|&(number, ..)| number < request.number);
            client.answers.insert(position, answer);
        }
        client
    }

    /// Forgets the oldest answer; false if there is none.
    fn forget_oldest(&mut self) -> bool {
        while let Some((client, number)) = self.order.pop_front() {
            if self.forget(RequestId { client, number }) {
                return true;
            }
        }
        false
    }

    /// Each client whose answers are all forgotten, once; whoever asked for something longest ago comes first.
    fn silent_clients(&self) -> VecDeque<ClientId> {
        let silent = self.clients.iter().filter(|(_, known)| known.answers.is_empty());
        let mut silent: Vec<(Time, ClientId)> = silent.map(|(&id, known)| (known.last_at, id)).collect();
        silent.sort_unstable();
        silent.into_iter().map(|(_, id)| id).collect()
    }

    /// Checks what must hold in every state.
    pub(super) fn invariants(&self) -> Result<(), String> {
        let (queued, silent) = (self.order.len(), self.silent.len());
        if queued > 2 * self.count + ANSWERS_PER_CLIENT + 1 || silent > 2 * self.clients.len() + ANSWERS_PER_CLIENT {
            return Err(format!(
                "{queued} answers and {silent} clients are queued, of {} and {}",
                self.count,
                self.clients.len()
            ));
        }
        Ok(())
    }

    /// Forgets an answer, and with it what its client asked for before; whether it was there.
    fn forget(&mut self, request: RequestId) -> bool {
        let Some(client) = self.clients.get_mut(&request.client) else { return false };
        let Ok(position) = client.find(request.number) else { return false };
        client.answers.remove(position);
        client.forgotten_through = request.number.max(client.forgotten_through);
        if client.answers.is_empty() {
            self.silent.push_back(request.client);
            if self.silent.len() > 2 * self.clients.len() + ANSWERS_PER_CLIENT {
                self.silent = self.silent_clients();
            }
        }
        self.count -= 1;
        self.changed(AnswerChange::ForgetRequest(request));
        true
    }
}
