//! A session of a link: the end that its task keeps, and the one that the branch keeps.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use crate::{branch::error::SessionEnd, trace::Mark, types::Time};

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
    /// Since when the bell has been ringing, unheard.
    pub(super) rung_at: Option<Time>,
    pub(super) end: oneshot::Sender<SessionEnd>,
}

impl Current {
    pub(super) fn ring(&mut self, now: Time) {
        self.rung_at.get_or_insert(now);
        self.ready.notify_one();
    }

    /// The same; what kept it unheard until now was no lack of processors.
    pub(super) fn ring_anew(&mut self, now: Time) {
        self.rung_at = None;
        self.ring(now);
    }
}

/// What a trace wants to know of a message that has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::branch) struct Arrived {
    pub(in crate::branch) mark: Option<Mark>,
    pub(in crate::branch) bytes: Option<u64>,
}
