//! Sessions of links: what a peer says is taken, and what the replica has for it is handed out, as long
//! as the session lasts. A link has one session at a time.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::{Core, State};
use crate::{
    branch::error::SessionEnd,
    replica::{Input, PeerMessage},
    trace::{Kind, Message},
    types::BranchId,
};

/// A session of a link, as the task that keeps it has it. Each has its own bell: an earlier session
/// of the same link that has not noticed its end must not take this one's.
pub(in crate::branch) struct Session {
    /// Unlike any other of this branch.
    pub(in crate::branch) number: u64,
    /// Rings when there may be something to send.
    pub(in crate::branch) ready: Arc<Notify>,
    /// Resolves when the branch itself ends the session.
    pub(in crate::branch) ended: oneshot::Receiver<SessionEnd>,
}

/// The other end of a [`Session`].
pub(super) struct Current {
    pub(super) number: u64,
    pub(super) ready: Arc<Notify>,
    end: oneshot::Sender<SessionEnd>,
}

impl Core {
    /// Begins a session of the link to `peer`; whatever session there was has ended.
    pub(in crate::branch) fn begin_session(&self, peer: BranchId) -> Session {
        let mut state = self.lock();
        let state = &mut *state;
        self.end(state, peer, Some(SessionEnd::Replaced));
        state.last_session += 1;
        let number = state.last_session;
        let ready = Arc::new(Notify::new());
        let (end, ended) = oneshot::channel();
        state.sessions.insert(peer, Current { number, ready: ready.clone(), end });
        self.record(state, || Kind::LinkUp(peer));
        state.replica.step(self.now(), Input::LinkUp(peer), &mut state.outputs);
        self.deliver(state, None);
        Session { number, ready, ended }
    }

    /// Ends a session, unless another has begun.
    pub(in crate::branch) fn end_session(&self, peer: BranchId, session: u64) {
        let mut state = self.lock();
        let state = &mut *state;
        if state.is_current(peer, session) {
            self.end(state, peer, None);
            self.deliver(state, None);
        }
    }

    /// Ends the session of the link to `peer`, if there is one; tells its task, if it does not know.
    pub(super) fn end(&self, state: &mut State, peer: BranchId, why: Option<SessionEnd>) {
        let Some(current) = state.sessions.remove(&peer) else { return };
        // The task may have ended meanwhile.
        let _ = why.map(|why| current.end.send(why));
        self.record(state, || Kind::LinkDown(peer));
        state.replica.step(self.now(), Input::LinkDown(peer), &mut state.outputs);
    }

    /// Takes a peer's message; false if the session has ended.
    pub(in crate::branch) fn receive(&self, peer: BranchId, session: u64, message: PeerMessage) -> bool {
        let mut state = self.lock();
        let state = &mut *state;
        if !state.is_current(peer, session) {
            return false;
        }
        self.record(state, || Kind::Received { peer, message: summary(&message) });
        state.replica.step(self.now(), Input::Message { from: peer, message }, &mut state.outputs);
        self.deliver(state, None);
        self.arm(state);
        state.is_current(peer, session)
    }

    /// The next message for a peer, if the session goes on and there is one.
    pub(in crate::branch) fn poll_send(&self, peer: BranchId, session: u64) -> Option<PeerMessage> {
        let mut state = self.lock();
        if !state.is_current(peer, session) {
            return None;
        }
        let message = state.replica.poll_send(self.now(), peer);
        if let Some(message) = &message {
            self.record(&mut state, || Kind::Sent { peer, message: summary(message) });
        }
        self.arm(&mut state);
        message
    }
}

/// A peer's message as a trace tells it.
fn summary(message: &PeerMessage) -> Message {
    match message {
        PeerMessage::Greeting { .. } => Message::Greeting,
        PeerMessage::Update(update) => Message::Update { pages: update.deltas.len() },
        PeerMessage::Call(call) => Message::Call { sequence: call.operation.map(|(sequence, _)| sequence) },
        PeerMessage::Acknowledgement { number, .. } => Message::Acknowledgement { number: *number },
    }
}
