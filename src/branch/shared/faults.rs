//! What faults do to a branch: see [`Faults`]. While there are none, all of this is one flag that is
//! looked at.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tonic::Status;

use super::{
    locked::{Shared, others},
    session::Arrived,
};
use crate::{
    branch::{error::SessionEnd, faults::Faults},
    trace::{FaultKind, Mark, Message, MessageKind},
    types::{BranchId, Propagation},
};

impl Shared {
    /// Lets these faults befall the branch from now on, and no others. What is cut carries nothing more
    /// when this returns.
    pub(in crate::branch) fn befall(&self, faults: Faults) {
        let mut state = self.lock();
        let state = &mut *state;
        let cut: Vec<BranchId> =
            self.peers.iter().copied().filter(|&peer| faults.cuts(peer, self.needs_both_ways())).collect();
        self.faults.has_any.store(!faults.is_none(), Ordering::Release);
        for (kind, peer, reason) in changes(&self.faults.current.borrow(), &faults) {
            state.record(|recorder, now| recorder.fault(now, kind, peer, reason));
        }
        self.faults.current.send_replace(faults);
        for peer in cut {
            self.end(state, peer, Some(SessionEnd::Cut));
        }
        // Who was paused or delayed may have something to send now.
        let now = self.now();
        state.sessions.values_mut().for_each(|session| session.ring_anew(now));
        self.deliver(state, others);
    }

    fn needs_both_ways(&self) -> bool {
        self.propagation == Propagation::Stream
    }

    fn has_faults(&self) -> bool {
        self.faults.has_any.load(Ordering::Acquire)
    }

    pub(in crate::branch) fn is_paused(&self) -> bool {
        self.has_faults() && self.faults.current.borrow().paused
    }

    /// Returns at once unless the branch is paused, and then when it goes on or stops.
    pub(in crate::branch) async fn awake(&self) {
        if !self.is_paused() {
            return;
        }
        let mut faults = self.faults.current.subscribe();
        tokio::select! {
            _ = faults.wait_for(|faults| !faults.paused) => {}
            () = self.stopped() => {}
        }
    }

    /// Whether no session with this peer can be.
    pub(in crate::branch) fn is_cut(&self, peer: BranchId) -> bool {
        self.has_faults() && self.faults.current.borrow().cuts(peer, self.needs_both_ways())
    }

    /// Returns when a session with this peer can be, or the branch stops.
    pub(in crate::branch) async fn mended(&self, peer: BranchId) {
        if !self.is_cut(peer) {
            return;
        }
        let mut faults = self.faults.current.subscribe();
        tokio::select! {
            _ = faults.wait_for(|faults| !faults.cuts(peer, self.needs_both_ways())) => {}
            () = self.stopped() => {}
        }
    }

    /// Hears of every change of the faults from now on.
    pub(in crate::branch) fn changing_faults(&self) -> watch::Receiver<Faults> {
        self.faults.current.subscribe()
    }

    /// How long a message to this peer is held back.
    pub(in crate::branch) fn delay_to(&self, peer: BranchId) -> Duration {
        if self.has_faults() { self.delay + self.faults.current.borrow().wire(peer).to.delay } else { self.delay }
    }

    /// How long the answer to a call to this peer is held back.
    fn delay_from(&self, peer: BranchId) -> Duration {
        if self.has_faults() { self.faults.current.borrow().wire(peer).from.delay } else { Duration::ZERO }
    }

    /// Returns when a call to this peer may leave.
    pub(in crate::branch) async fn hold_back_to(&self, peer: BranchId) {
        self.hold_back(|| self.delay_to(peer)).await;
    }

    /// Returns when the answer to a call to this peer may be heard.
    pub(in crate::branch) async fn hold_back_from(&self, peer: BranchId) {
        self.hold_back(|| self.delay_from(peer)).await;
    }

    async fn hold_back(&self, delay: impl Fn() -> Duration) {
        if !delay().is_zero() {
            let (began, mut faults) = (Instant::now(), self.faults.current.subscribe());
            // Until the faults change, the sender of which is our own.
            while timeout_at(began + delay(), faults.changed()).await.is_ok() {}
        }
        self.awake().await;
    }

    /// Lets a customer's request pass, or the answer to one.
    ///
    /// # Errors
    /// UNAVAILABLE for what a fault loses: a customer tries again, as it does when nothing comes.
    pub(in crate::branch) fn pass_of_customers(&self) -> Result<(), Status> {
        if self.has_faults() && fastrand::f64() < self.faults.current.borrow().customer_loss {
            return Err(Status::unavailable("a fault on purpose has lost a customer's request or its answer"));
        }
        Ok(())
    }

    /// Whether something that the branch says to this peer is lost.
    pub(in crate::branch) fn loses(&self, peer: BranchId) -> bool {
        self.has_faults() && self.faults.current.borrow().wire(peer).to.loses()
    }

    /// The same, of a message that the branch has just sent, as its trace tells it.
    pub(in crate::branch) fn loses_sent(
        &self,
        peer: BranchId,
        mark: Option<Mark>,
        message: impl FnOnce() -> Message,
    ) -> bool {
        let loses = self.loses(peer);
        if let Some(Mark { id, .. }) = mark.filter(|_| loses) {
            self.lock().record(|recorder, now| recorder.lost(now, Message { id: Some(id), ..message() }));
        }
        loses
    }

    /// Whether the answer to a call is lost that has arrived. It has a row here, since whoever sent it
    /// does not know.
    pub(in crate::branch) fn loses_answer(&self, peer: BranchId, arrived: Option<Arrived>) -> bool {
        let loses = self.has_faults() && self.faults.current.borrow().wire(peer).from.loses();
        if let Some(Arrived { mark: Some(Mark { id, .. }), bytes }) = arrived.filter(|_| loses) {
            let kind = MessageKind::Acknowledgement;
            let message = Message { peer, kind, id: Some(id), operations: 0, bytes, carries: None };
            self.lock().record(|recorder, now| recorder.lost(now, message));
        }
        loses
    }
}

/// What a trace tells of a change of faults: (what, with which peer, details).
fn changes(before: &Faults, after: &Faults) -> Vec<(FaultKind, Option<BranchId>, Option<String>)> {
    let mut changes = Vec::new();
    let mut tell = |changed: bool, is_on: bool, on: FaultKind, off: FaultKind, peer, reason: String| {
        if changed {
            changes.push((if is_on { on } else { off }, peer, is_on.then_some(reason).filter(|text| !text.is_empty())));
        }
    };
    let paused = after.paused;
    tell(before.paused != paused, paused, FaultKind::Paused, FaultKind::Resumed, None, String::new());
    let peers: BTreeSet<BranchId> = before.wires.keys().chain(after.wires.keys()).copied().collect();
    for peer in peers {
        let (old, new) = (before.wire(peer).to, after.wire(peer).to);
        let peer = Some(peer);
        tell(old.cut != new.cut, new.cut, FaultKind::Cut, FaultKind::Mended, peer, String::new());
        let slow = format!("{} later", seconds(new.delay));
        tell(old.delay != new.delay, !new.delay.is_zero(), FaultKind::Slowed, FaultKind::Unslowed, peer, slow);
        let (dropping, delivering) = (FaultKind::Dropping, FaultKind::Delivering);
        tell(old.loss != new.loss, new.loss > 0.0, dropping, delivering, peer, percent(new.loss, "messages"));
    }
    let (old, new) = (before.customer_loss, after.customer_loss);
    let of_customers = percent(new, "customers' requests and answers");
    tell(old != new, new > 0.0, FaultKind::Dropping, FaultKind::Delivering, None, of_customers);
    changes
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

fn percent(share: f64, of: &str) -> String {
    format!("{}% of {of}", (share * 1e4).round() / 1e2)
}
