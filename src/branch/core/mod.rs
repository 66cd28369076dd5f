//! The replica behind its lock, and everyone who must hear of what happens in it. The lock is held
//! for one step or one batch of steps, and never across an await.

mod faults;
mod read;
mod recorded;
mod session;

pub(super) use session::{Arrived, Session};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{
    BranchError, Config, Recording, Stop,
    complaints::{Complaints, Verdict},
    error::{SessionEnd, describe, level},
};
use faults::FaultTable;
use session::Current;

use crate::{
    replica::{Input, Output, Replica, Request, Save},
    store::StoreError,
    types::{Action, Answer, BranchId, Incarnation, Origin, Propagation, RequestId, Terms, Time},
    wire::Hello,
};

/// Who waits for an answer that the replica could not give at once.
enum Waiter {
    Call(oneshot::Sender<Answer>),
    Stream { number: u64, answers: mpsc::UnboundedSender<(u64, Answer)> },
}

struct State {
    replica: Replica,
    waiters: BTreeMap<u64, Waiter>,
    last_ticket: u64,
    recording: Option<Recording>,
    /// Each peer's session, if there is one; messages of any other are dropped.
    sessions: BTreeMap<BranchId, Current>,
    last_session: u64,
    /// When the clock task will wake, to ring it only for what is earlier.
    alarm_at: Option<Time>,
    /// How many operations the replica had counted when those who watch it were last told.
    told_of: u64,
    outputs: Vec<Output>,
}

impl State {
    fn is_current(&self, peer: BranchId, session: u64) -> bool {
        self.sessions.get(&peer).is_some_and(|current| current.number == session)
    }

    fn current(&mut self, peer: BranchId, session: u64) -> Option<&mut Current> {
        self.sessions.get_mut(&peer).filter(|current| current.number == session)
    }
}

/// How far the branch's disk is.
#[derive(Debug, Default)]
struct OnDisk {
    /// Every save up to this number is there.
    number: u64,
    /// It has failed, and with it the branch.
    failure: Option<StoreError>,
}

/// Shared by every task of one branch.
pub(super) struct Core {
    own: Origin,
    hello: Hello,
    /// Every message to a peer is held back so long, faults or not.
    delay: std::time::Duration,
    began: Instant,
    state: Mutex<State>,
    peers: BTreeSet<BranchId>,
    propagation: Propagation,
    complaints: Mutex<Complaints>,
    /// Whether the branch began with a recording: without, nothing is measured for one.
    is_recorded: bool,
    faults: FaultTable,
    /// Rings when a deadline earlier than the clock's alarm has come up.
    pub(super) alarm: Notify,
    /// Rings when there is something to save.
    pub(super) save: Notify,
    on_disk: watch::Sender<OnDisk>,
    changed: watch::Sender<()>,
    stop: watch::Receiver<Stop>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("own", &self.own).finish_non_exhaustive()
    }
}

/// A request on its way in: its name, and what it asks for.
pub(super) struct Asked {
    pub(super) id: Option<RequestId>,
    pub(super) action: Action,
    pub(super) terms: Terms,
    pub(super) include_version: bool,
}

impl Core {
    pub(super) fn new(
        config: &Config,
        mut replica: Replica,
        mut recording: Option<Recording>,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        let is_recorded = recording.is_some();
        if let Some(recording) = &mut recording {
            replica.watch();
            recording.write(|recorder, now| recorder.recovered(now, replica.news()));
        }
        Self {
            own: config.own,
            hello: Hello { branch: config.own.branch, bank: config.bank_digest(), life: config.own.incarnation },
            delay: config.propagation_delay,
            began: Instant::now(),
            peers: replica.links().map(|(peer, ..)| peer).collect(),
            propagation: config.propagation,
            complaints: Mutex::default(),
            is_recorded,
            faults: FaultTable::default(),
            state: Mutex::new(State {
                replica,
                waiters: BTreeMap::new(),
                recording,
                last_ticket: 0,
                sessions: BTreeMap::new(),
                last_session: 0,
                alarm_at: None,
                told_of: 0,
                outputs: Vec::new(),
            }),
            alarm: Notify::new(),
            save: Notify::new(),
            on_disk: watch::Sender::default(),
            changed: watch::channel(()).0,
            stop,
        }
    }

    pub(super) fn hello(&self) -> Hello {
        self.hello
    }

    pub(super) fn own(&self) -> Origin {
        self.own
    }

    pub(super) fn peers(&self) -> &BTreeSet<BranchId> {
        &self.peers
    }

    /// How this bank's branches tell each other.
    pub(super) fn propagation(&self) -> Propagation {
        self.propagation
    }

    /// Hears how the branch is to stop.
    pub(super) fn stop(&self) -> watch::Receiver<Stop> {
        self.stop.clone()
    }

    /// Returns when the branch is told to stop, and how.
    pub(super) async fn told_to_stop(&self) -> Stop {
        let mut stop = self.stop.clone();
        // An error means that the owner is gone, which says the same.
        stop.wait_for(|&stop| stop != Stop::No).await.map_or(Stop::Gently, |stop| *stop)
    }

    /// Returns when the branch decides nothing any more: it was told to stop, or its disk has failed.
    pub(super) async fn stopped(&self) {
        tokio::select! {
            _ = self.told_to_stop() => {}
            _ = self.failed() => {}
        }
    }

    /// Returns when the disk has failed.
    pub(super) async fn failed(&self) -> StoreError {
        let mut on_disk = self.on_disk.subscribe();
        let failed = on_disk.wait_for(|on_disk| on_disk.failure.is_some()).await;
        match failed.ok().and_then(|on_disk| on_disk.failure.clone()) {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    pub(super) fn is_killed(&self) -> bool {
        *self.stop.borrow() == Stop::AtOnce
    }

    /// Why a call that waited gets no answer.
    pub(super) fn why_ended(&self) -> BranchError {
        self.check().err().unwrap_or(BranchError::Stopped)
    }

    /// # Errors
    /// [`BranchError::Store`] if the disk has failed.
    pub(super) fn check(&self) -> Result<(), BranchError> {
        self.on_disk.borrow().failure.clone().map_or(Ok(()), |failure| Err(BranchError::Store(failure)))
    }

    fn now(&self) -> Time {
        Time(self.began.elapsed().as_micros() as u64)
    }

    /// A panic elsewhere has already been reported; a step is all or nothing where it matters.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides one request; waits if it must wait.
    pub(super) async fn ask(&self, asked: Asked) -> Result<Answer, BranchError> {
        self.check()?;
        let pending = {
            let mut state = self.lock();
            let state = &mut *state;
            let ticket = request(state, self.now(), asked);
            let mut found = None;
            self.deliver(state, |to, answer| {
                if to == ticket {
                    found = Some(answer);
                    return None;
                }
                Some(answer)
            });
            match found {
                Some(answer) => return Ok(answer),
                None => {
                    let (sender, receiver) = oneshot::channel();
                    state.waiters.insert(ticket, Waiter::Call(sender));
                    receiver
                }
            }
        };
        tokio::select! {
            answer = pending => answer.map_err(|_| self.why_ended()),
            () = self.stopped() => Err(self.why_ended()),
        }
    }

    /// Decides a batch under one lock, at one time. What is decided at once goes to `answered`; the
    /// others come later, through `late`. Returns how many those are.
    pub(super) fn ask_all(
        &self,
        batch: impl Iterator<Item = (u64, Asked)>,
        mut answered: impl FnMut(u64, Answer),
        late: &mpsc::UnboundedSender<(u64, Answer)>,
    ) -> usize {
        let mut state = self.lock();
        let state = &mut *state;
        let now = self.now();
        let first = state.last_ticket + 1;
        // By their tickets, which follow each other; `None` once answered.
        let mut numbers = Vec::with_capacity(batch.size_hint().1.unwrap_or(0));
        for (number, asked) in batch {
            request(state, now, asked);
            numbers.push(Some(number));
        }
        self.deliver(state, |ticket, answer| {
            let asked = ticket.checked_sub(first).and_then(|index| numbers.get_mut(usize::try_from(index).ok()?));
            match asked.and_then(Option::take) {
                Some(number) => {
                    answered(number, answer);
                    None
                }
                None => Some(answer),
            }
        });
        let mut waiting = 0;
        for (ticket, number) in (first..).zip(numbers) {
            if let Some(number) = number {
                state.waiters.insert(ticket, Waiter::Stream { number, answers: late.clone() });
                waiting += 1;
            }
        }
        waiting
    }

    /// Acts on what steps have changed. Whose answers `mine` gives back, they are sent to.
    fn deliver(&self, state: &mut State, mut mine: impl FnMut(u64, Answer) -> Option<Answer>) {
        state.record_news();
        let mut outputs = std::mem::take(&mut state.outputs);
        while !outputs.is_empty() {
            for output in outputs.drain(..) {
                match output {
                    Output::Reply { ticket, answer } => {
                        state.record(|recorder, now| recorder.answered(now, ticket, &answer));
                        if let Some(answer) = mine(ticket, answer) {
                            reply(state, ticket, answer);
                        }
                    }
                    Output::Ready(peer) => {
                        if let Some(session) = state.sessions.get_mut(&peer) {
                            session.ring(self.now());
                        }
                    }
                    Output::Save => self.save.notify_one(),
                    Output::Faulty { from, fault } => self.end(state, from, Some(SessionEnd::Faulty(fault))),
                }
            }
            // A session that ends has outputs of its own.
            std::mem::swap(&mut outputs, &mut state.outputs);
        }
        state.outputs = outputs;
        // Not a matter of outputs: a page may come when no link and no customer waits for it.
        let operations = state.replica.operations();
        if std::mem::replace(&mut state.told_of, operations) != operations && self.changed.receiver_count() > 0 {
            self.changed.send_replace(());
        }
        self.arm(state);
    }

    /// Rings the clock task if something is due before it wakes.
    fn arm(&self, state: &mut State) {
        let due = state.replica.next_deadline();
        if due.is_some_and(|due| state.alarm_at.is_none_or(|at| due < at)) {
            state.alarm_at = due;
            self.alarm.notify_one();
        }
    }

    /// Acts on what is due; returns how long until the next deadline, if there is one.
    pub(super) fn tick(&self) -> Option<std::time::Duration> {
        let mut state = self.lock();
        let now = self.now();
        if state.replica.next_deadline().is_some_and(|due| due <= now) {
            let state = &mut *state;
            state.replica.step(now, Input::Tick, &mut state.outputs);
            self.deliver(state, others);
        }
        state.alarm_at = state.replica.next_deadline();
        state.alarm_at.map(|due| std::time::Duration::from_micros(due.0.saturating_sub(now.0)))
    }

    /// What is to be saved next, if there is anything.
    pub(super) fn poll_save(&self) -> Option<Save> {
        self.lock().replica.poll_save()
    }

    /// A save is on disk: what waited for it may be told.
    pub(super) fn saved(&self, number: u64) {
        let mut state = self.lock();
        let state = &mut *state;
        state.replica.step(self.now(), Input::Saved(number), &mut state.outputs);
        self.deliver(state, others);
        self.on_disk.send_modify(|on_disk| on_disk.number = number);
    }

    /// How many saves are on disk.
    pub(super) fn saves(&self) -> u64 {
        self.on_disk.borrow().number
    }

    /// A save is not on disk, or may not be: this ends the branch.
    pub(super) fn fail(&self, failure: StoreError) {
        self.on_disk.send_modify(|on_disk| on_disk.failure = Some(failure));
    }

    /// The latest life of a branch that was heard of.
    pub(super) fn latest_life(&self, branch: BranchId) -> Incarnation {
        self.lock().replica.latest_life(branch)
    }

    /// Whether this peer is one that the branch is linked to.
    pub(super) fn is_linked(&self, peer: BranchId) -> bool {
        self.peers.contains(&peer)
    }

    /// Logs how something of a peer ended, unless that was said a moment ago.
    pub(super) fn complain(&self, what: &str, status: &tonic::Status) {
        let complaint = format!("branch {}: {what}: {}", self.own.branch, describe(status));
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Verdict::Say { unsaid } = complaints.judge(Instant::now(), &complaint) {
            if unsaid > 0 {
                log::warn!("branch {}: {unsaid} more refusals were not logged", self.own.branch);
            }
            log::log!(level(status), "{complaint}");
        }
    }
}

/// Hands a request to the replica; returns its ticket.
fn request(state: &mut State, now: Time, asked: Asked) -> u64 {
    state.last_ticket += 1;
    let Asked { id, action, terms, include_version } = asked;
    let deadline = now + terms.wait;
    let request = Request { ticket: state.last_ticket, id, action, terms, include_version, deadline };
    state.record(|recorder, now| recorder.asked(now, &request));
    state.replica.step(now, Input::Request(request), &mut state.outputs);
    state.record_news();
    state.last_ticket
}

/// None of the answers is the caller's own.
fn others(_ticket: u64, answer: Answer) -> Option<Answer> {
    Some(answer)
}

fn reply(state: &mut State, ticket: u64, answer: Answer) {
    // Whoever asked may have gone; the request is decided all the same.
    match state.waiters.remove(&ticket) {
        Some(Waiter::Call(waiter)) => drop(waiter.send(answer)),
        Some(Waiter::Stream { number, answers }) => drop(answers.send((number, answer))),
        None => {}
    }
}
