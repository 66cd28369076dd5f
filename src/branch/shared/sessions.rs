//! Sessions of links: what a peer says is taken, and what the replica has for it is handed out, as long
//! as the session lasts. A link has one session at a time.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::{
    locked::{Shared, State, others},
    session::{Arrived, Current, Session},
};
use crate::{
    branch::error::SessionEnd,
    record,
    replica::{Input, PeerMessage},
    types::{BranchId, Duration, Incarnation, Origin},
};

impl Shared {
    /// Begins a session of the link to `peer`, which is in this life, if it has said so; whatever session there was
    /// has ended.
    ///
    /// # Errors
    /// [`SessionEnd::Cut`] if a fault keeps them apart.
    pub(in crate::branch) fn begin_session(
        &self,
        peer: BranchId,
        life: Option<Incarnation>,
    ) -> Result<Session, SessionEnd> {
        let mut state = self.lock();
        if self.is_cut(peer) {
            return Err(SessionEnd::Cut);
        }
        let state = &mut *state;
        self.end(state, peer, Some(SessionEnd::Replaced));
        state.last_session += 1;
        let number = state.last_session;
        let ready = Arc::new(Notify::new());
        let (end, ended) = oneshot::channel();
        state.sessions.insert(peer, Current { number, ready: ready.clone(), rung_at: None, end });
        state.record(|recorder, now| recorder.link_up(now, peer));
        state.replica.step(self.now(), Input::LinkUp(peer), &mut state.outputs);
        if let Some(incarnation) = life {
            let life = Origin { branch: peer, incarnation };
            state.replica.step(self.now(), Input::Met(life), &mut state.outputs);
        }
        self.deliver(state, others);
        Ok(Session { number, ready, ended })
    }

    /// Whether the link to `peer` has a session.
    pub(in crate::branch) fn has_session(&self, peer: BranchId) -> bool {
        self.lock().sessions.contains_key(&peer)
    }

    /// Ends a session, unless another has begun.
    pub(in crate::branch) fn end_session(&self, peer: BranchId, session: u64) {
        let mut state = self.lock();
        let state = &mut *state;
        if state.is_current(peer, session) {
            self.end(state, peer, None);
            self.deliver(state, others);
        }
    }

    /// Lets the link to `peer` begin again, with what there is to say first.
    pub(in crate::branch) fn greet_again(&self, peer: BranchId) {
        let mut state = self.lock();
        let state = &mut *state;
        self.end(state, peer, Some(SessionEnd::Replaced));
        self.deliver(state, others);
    }

    /// Ends the session of the link to `peer`, if there is one; tells its task, if it does not know.
    pub(super) fn end(&self, state: &mut State, peer: BranchId, why: Option<SessionEnd>) {
        let Some(current) = state.sessions.remove(&peer) else { return };
        // The task may have ended meanwhile.
        let _ = why.map(|why| current.end.send(why));
        state.record(|recorder, now| recorder.link_down(now, peer));
        state.replica.step(self.now(), Input::LinkDown(peer), &mut state.outputs);
        self.tell_shown();
    }

    /// Takes a peer's message; false if the session has ended. One that has not `arrived` is no message,
    /// but what we take for one.
    pub(in crate::branch) fn receive(
        &self,
        peer: BranchId,
        session: u64,
        message: PeerMessage,
        arrived: Option<Arrived>,
    ) -> bool {
        let mut state = self.lock();
        let state = &mut *state;
        if !state.is_current(peer, session) || self.check().is_err() {
            return false;
        }
        if state.note_shown(peer, self.own, &message) {
            self.tell_shown();
        }
        if let Some(Arrived { mark, bytes }) = arrived {
            state.record(|recorder, now| recorder.received(now, record::message(peer, &message, bytes), mark));
        }
        state.replica.step(self.now(), Input::Message { from: peer, message }, &mut state.outputs);
        self.deliver(state, others);
        state.is_current(peer, session)
    }

    /// The session's task has heard its bell. Whether it may give way first: nobody waits for what it has to say.
    pub(in crate::branch) fn heard(&self, peer: BranchId, session: u64) -> bool {
        let mut state = self.lock();
        let is_urgent = state.replica.is_urgent(peer);
        if is_urgent && let Some(current) = state.current(peer, session) {
            current.rung_at = None;
        }
        !is_urgent
    }

    /// It has given way, and now has its turn: until now it has waited for a processor.
    pub(in crate::branch) fn took_turn(&self, peer: BranchId, session: u64) {
        let mut state = self.lock();
        if let Some(rung_at) = state.current(peer, session).and_then(|current| current.rung_at.take()) {
            let now = self.now();
            state.replica.waited(now, peer, Duration(now.0.saturating_sub(rung_at.0)));
        }
    }

    /// The next message for a peer, if the session goes on and there is one.
    pub(in crate::branch) fn poll_send(&self, peer: BranchId, session: u64) -> Option<PeerMessage> {
        let mut state = self.lock();
        if !state.is_current(peer, session) || self.is_paused() {
            return None;
        }
        let message = state.replica.poll_send(self.now(), peer);
        self.arm(&mut state);
        message
    }
}
