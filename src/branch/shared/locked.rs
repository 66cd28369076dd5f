//! The replica behind its lock, and everyone who must hear of what happens in it. The lock is held
//! for one step or one batch of steps, and never across an await.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{Notify, watch};

use super::{fault_table::FaultTable, session::Current, standing::Standing, waiter::Waiter};
use crate::{
    branch::{
        config::Config,
        error::{BranchError, SessionEnd, describe, level},
        peers::complaints::{Complaints, Verdict},
        recording::Recording,
        stop::Stop,
    },
    replica::{Input, Output, Replica, Save},
    types::{Answer, BranchId, Incarnation, Origin, Propagation, Time},
    wire::{self, Hello},
};

pub(super) struct State {
    pub(super) replica: Replica,
    pub(super) waiters: BTreeMap<u64, Waiter>,
    pub(super) last_ticket: u64,
    pub(super) recording: Option<Recording>,
    /// Each peer's session, if there is one; messages of any other are dropped.
    pub(super) sessions: BTreeMap<BranchId, Current>,
    pub(super) last_session: u64,
    /// How far each peer has said to have this branch's page.
    pub(super) shown: BTreeMap<BranchId, u64>,
    /// When the clock task will wake, to ring it only for what is earlier.
    pub(super) alarm_at: Option<Time>,
    /// How many operations the replica had counted when those who watch it were last told.
    pub(super) told_of: u64,
    pub(super) outputs: Vec<Output>,
}

impl State {
    pub(super) fn is_current(&self, peer: BranchId, session: u64) -> bool {
        self.sessions.get(&peer).is_some_and(|current| current.number == session)
    }

    /// Tells an answer to whoever waits for it. They may have gone; the request is decided all the same.
    fn reply(&mut self, ticket: u64, answer: Answer) {
        if let Some(waiter) = self.waiters.remove(&ticket) {
            waiter.tell(ticket, answer);
        }
    }

    pub(super) fn current(&mut self, peer: BranchId, session: u64) -> Option<&mut Current> {
        self.sessions.get_mut(&peer).filter(|current| current.number == session)
    }
}

/// Shared by every task of one branch.
pub(in crate::branch) struct Shared {
    pub(super) own: Origin,
    pub(super) hello: Hello,
    /// Every message to a peer is held back so long, faults or not.
    pub(super) delay: std::time::Duration,
    pub(super) began: Instant,
    pub(super) state: Mutex<State>,
    pub(super) branches: BTreeSet<BranchId>,
    /// The largest message of a peer.
    pub(super) most_bytes: usize,
    pub(super) peers: BTreeSet<BranchId>,
    pub(super) propagation: Propagation,
    pub(super) complaints: Mutex<Complaints>,
    /// Whether the branch began with a recording: without, nothing is measured for one.
    pub(super) is_recorded: bool,
    pub(super) faults: FaultTable,
    /// Rings when a deadline earlier than the clock's alarm has come up.
    pub(in crate::branch) alarm: Notify,
    /// Rings when there is something to save.
    pub(in crate::branch) save: Notify,
    /// Every save up to this number is on disk.
    pub(super) on_disk: watch::Sender<u64>,
    pub(super) changed: watch::Sender<()>,
    /// What a peer has shown to have, or a session, has changed.
    pub(super) shown: watch::Sender<()>,
    pub(super) standing: watch::Sender<Standing>,
    pub(super) stop: watch::Receiver<Stop>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Shared {
    pub(in crate::branch) fn new(
        config: &Config,
        mut replica: Replica,
        mut recording: Option<Recording>,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        let is_recorded = recording.is_some();
        if let Some(recording) = &mut recording {
            replica.keep_news();
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
    pub(in crate::branch) fn hello(&self, peer: BranchId) -> Hello {
        Hello { heard: self.latest_life(peer), rival: self.rival(peer), ..self.hello }
    }

    /// The digest of its bank.
    pub(in crate::branch) fn bank(&self) -> u64 {
        self.hello.bank
    }

    pub(in crate::branch) fn own(&self) -> Origin {
        self.own
    }

    pub(in crate::branch) fn peers(&self) -> &BTreeSet<BranchId> {
        &self.peers
    }

    pub(in crate::branch) fn most_bytes(&self) -> usize {
        self.most_bytes
    }

    /// How this bank's branches tell each other.
    pub(in crate::branch) fn propagation(&self) -> Propagation {
        self.propagation
    }

    /// Hears how the branch is to stop.
    pub(in crate::branch) fn stop(&self) -> watch::Receiver<Stop> {
        self.stop.clone()
    }

    /// Returns when the branch is told to stop, and how.
    pub(in crate::branch) async fn told_to_stop(&self) -> Stop {
        let mut stop = self.stop.clone();
        // An error means that the owner is gone, which says the same.
        stop.wait_for(|&stop| stop != Stop::No).await.map_or(Stop::Gently, |stop| *stop)
    }

    /// Returns when the branch decides nothing any more: it was told to stop, or it has failed.
    pub(in crate::branch) async fn stopped(&self) {
        tokio::select! {
            _ = self.told_to_stop() => {}
            _ = self.failed() => {}
        }
    }

    pub(in crate::branch) fn is_killed(&self) -> bool {
        *self.stop.borrow() == Stop::AtOnce
    }

    /// Why a call that waited gets no answer.
    pub(in crate::branch) fn why_ended(&self) -> BranchError {
        self.check().err().unwrap_or(BranchError::Stopped)
    }

    pub(super) fn now(&self) -> Time {
        Time(self.began.elapsed().as_micros() as u64)
    }

    /// A panic under the lock is the end of the branch, whoever noticed it.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| {
            self.fail(BranchError::Panicked { what: "its replica".to_owned(), message: "see above".to_owned() });
            PoisonError::into_inner(poisoned)
        })
    }

    #[cfg(test)]
    pub(in crate::branch) fn panic_under_the_lock(&self) {
        let _state = self.lock();
        panic!("on purpose");
    }

    /// Acts on what steps have changed. Whose answers `mine` gives back, they are sent to.
    pub(super) fn deliver(&self, state: &mut State, mut mine: impl FnMut(u64, Answer) -> Option<Answer>) {
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
                            state.reply(ticket, answer);
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
    pub(super) fn arm(&self, state: &mut State) {
        let due = state.replica.next_deadline();
        if due.is_some_and(|due| state.alarm_at.is_none_or(|at| due < at)) {
            state.alarm_at = due;
            self.alarm.notify_one();
        }
    }

    /// Acts on what is due; returns how long until the next deadline, if there is one.
    pub(in crate::branch) fn tick(&self) -> Option<std::time::Duration> {
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
    pub(in crate::branch) fn poll_save(&self) -> Option<Save> {
        self.lock().replica.poll_save()
    }

    /// A save is on disk: what waited for it may be told.
    pub(in crate::branch) fn saved(&self, number: u64) {
        let mut state = self.lock();
        let state = &mut *state;
        state.replica.step(self.now(), Input::Saved(number), &mut state.outputs);
        self.deliver(state, others);
        self.on_disk.send_replace(number);
    }

    /// How many saves are on disk.
    pub(in crate::branch) fn saves(&self) -> u64 {
        *self.on_disk.borrow()
    }

    /// The latest life of a branch that was heard of.
    pub(in crate::branch) fn latest_life(&self, branch: BranchId) -> Incarnation {
        self.lock().replica.latest_life(branch)
    }

    /// Whether this peer is one that the branch is linked to.
    pub(in crate::branch) fn is_linked(&self, peer: BranchId) -> bool {
        self.peers.contains(&peer)
    }

    /// Logs how something of a peer ended, unless that was said a moment ago.
    pub(in crate::branch) fn complain(&self, what: &str, status: &tonic::Status) {
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
pub(super) fn others(_ticket: u64, answer: Answer) -> Option<Answer> {
    Some(answer)
}
