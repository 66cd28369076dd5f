//! The replica behind its lock, and everyone who must hear of what happens in it. The lock is held
//! for one step or one batch of steps, and never across an await.

mod ask;
mod faults;
mod flush;
mod places;
mod read;
mod recorded;
mod session;
mod standing;

pub(super) use ask::{Asked, Late};
pub(super) use places::Caller;
pub(super) use session::{Arrived, Session};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{Notify, watch};

use super::{
    config::Config,
    error::{BranchError, SessionEnd, describe, level},
    peers::complaints::{Complaints, Verdict},
    recording::Recording,
    stop::Stop,
};
use ask::{Waiter, reply};
use faults::FaultTable;
use session::Current;
use standing::Standing;

use crate::{
    replica::{Input, Output, Replica, Save},
    types::{Answer, BranchId, Incarnation, Origin, Propagation, Time},
    wire::{self, Hello},
};

struct State {
    replica: Replica,
    waiters: BTreeMap<u64, Waiter>,
    last_ticket: u64,
    recording: Option<Recording>,
    /// Each peer's session, if there is one; messages of any other are dropped.
    sessions: BTreeMap<BranchId, Current>,
    last_session: u64,
    /// How far each peer has said to have this branch's page.
    shown: BTreeMap<BranchId, u64>,
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

/// Shared by every task of one branch.
pub(super) struct Shared {
    own: Origin,
    hello: Hello,
    /// Every message to a peer is held back so long, faults or not.
    delay: std::time::Duration,
    began: Instant,
    state: Mutex<State>,
    branches: BTreeSet<BranchId>,
    /// The largest message of a peer.
    most_bytes: usize,
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
    /// Every save up to this number is on disk.
    on_disk: watch::Sender<u64>,
    changed: watch::Sender<()>,
    /// What a peer has shown to have, or a session, has changed.
    shown: watch::Sender<()>,
    standing: watch::Sender<Standing>,
    stop: watch::Receiver<Stop>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Shared {
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
            hello: Hello {
                branch: config.own.branch,
                bank: config.bank_digest(),
                life: config.own.incarnation,
                heard: Incarnation(0),
                rival: None,
            },
            delay: config.propagation_delay,
            began: Instant::now(),
            branches: config.branches.clone(),
            most_bytes: wire::most_bytes(config.accounts.len()),
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
                shown: BTreeMap::new(),
                alarm_at: None,
                told_of: 0,
                outputs: Vec::new(),
            }),
            alarm: Notify::new(),
            save: Notify::new(),
            on_disk: watch::Sender::default(),
            changed: watch::Sender::default(),
            shown: watch::Sender::default(),
            standing: watch::Sender::default(),
            stop,
        }
    }

    /// What it says first to a peer.
    pub(super) fn hello(&self, peer: BranchId) -> Hello {
        Hello { heard: self.latest_life(peer), rival: self.rival(peer), ..self.hello }
    }

    /// The digest of its bank.
    pub(super) fn bank(&self) -> u64 {
        self.hello.bank
    }

    pub(super) fn own(&self) -> Origin {
        self.own
    }

    pub(super) fn peers(&self) -> &BTreeSet<BranchId> {
        &self.peers
    }

    pub(super) fn most_bytes(&self) -> usize {
        self.most_bytes
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

    /// Returns when the branch decides nothing any more: it was told to stop, or it has failed.
    pub(super) async fn stopped(&self) {
        tokio::select! {
            _ = self.told_to_stop() => {}
            _ = self.failed() => {}
        }
    }

    pub(super) fn is_killed(&self) -> bool {
        *self.stop.borrow() == Stop::AtOnce
    }

    /// Why a call that waited gets no answer.
    pub(super) fn why_ended(&self) -> BranchError {
        self.check().err().unwrap_or(BranchError::Stopped)
    }

    fn now(&self) -> Time {
        Time(self.began.elapsed().as_micros() as u64)
    }

    /// A panic under the lock is the end of the branch, whoever noticed it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            self.fail(BranchError::Panicked { what: "its replica".to_owned(), message: "see above".to_owned() });
            PoisonError::into_inner(poisoned)
        })
    }

    #[cfg(test)]
    pub(super) fn panic_under_the_lock(&self) {
        let _state = self.lock();
        panic!("on purpose");
    }

    /// Acts on what steps have changed. Whose answers `mine` gives back, they are sent to.
    fn deliver(&self, state: &mut State, mut mine: impl FnMut(u64, Answer) -> Option<Answer>) {
        state.record_news();
        if let Some(later) = state.replica.superseded() {
            self.overtaken_by(later.incarnation);
        }
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
        self.on_disk.send_replace(number);
    }

    /// How many saves are on disk.
    pub(super) fn saves(&self) -> u64 {
        *self.on_disk.borrow()
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

/// None of the answers is the caller's own.
fn others(_ticket: u64, answer: Answer) -> Option<Answer> {
    Some(answer)
}
