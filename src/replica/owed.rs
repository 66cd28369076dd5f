//! The acknowledgements that a link owes its peer. One that the peer does not wait for leaves with whatever
//! else is sent, or a little later: of several updates then only the last is answered.

use super::{ledger::Ledger, message::PeerMessage};
use crate::types::{Duration, MAX_ORIGINS, Origin, Time};

/// How long the peer may be left without an answer that it does not wait for.
const WITHIN: Duration = Duration::milliseconds(200);

#[derive(Clone, Debug, Default)]
pub(super) struct Owed {
    owes_version: bool,
    /// Of updates up to this number, with these origins' pages: some perhaps without any page here, some
    /// perhaps named twice. No more than [`MAX_ORIGINS`] have one.
    update: Option<(u64, Vec<Origin>)>,
    is_due: bool,
    due_at: Option<Time>,
}

impl Owed {
    /// The answer to a greeting.
    pub(super) fn version(&mut self) {
        self.owes_version = true;
    }

    /// The answer to an update, at once or within a while.
    pub(super) fn update(
        &mut self,
        now: Time,
        number: u64,
        origins: impl IntoIterator<Item = Origin>,
        is_urgent: bool,
    ) {
        let (owed, owed_origins) = self.update.get_or_insert_default();
        *owed = number.max(*owed);
        owed_origins.extend(origins);
        if owed_origins.len() > MAX_ORIGINS {
            owed_origins.sort_unstable();
            owed_origins.dedup();
            owed_origins.truncate(MAX_ORIGINS);
        }
        if is_urgent {
            self.hurry();
        } else if !self.is_due {
            self.due_at.get_or_insert(now + WITHIN);
        }
    }

    /// Something else leaves anyway.
    pub(super) fn hurry(&mut self) {
        self.is_due = true;
        self.due_at = None;
    }

    /// Whether the peer waits for an answer.
    pub(super) fn is_due(&self) -> bool {
        self.owes_version || self.is_due
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.due_at
    }

    /// Whether something has become due.
    pub(super) fn tick(&mut self, now: Time) -> bool {
        let is_due = self.due_at.is_some_and(|at| at <= now);
        if is_due {
            self.hurry();
        }
        is_due
    }

    /// The session is over.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn poll(&mut self, ledger: &Ledger) -> Option<PeerMessage> {
        if std::mem::take(&mut self.owes_version) {
            return Some(PeerMessage::Acknowledgement { number: 0, version: ledger.version().iter().collect() });
        }
        if !std::mem::take(&mut self.is_due) {
            return None;
        }
        let (number, mut origins) = self.update.take()?;
        origins.sort_unstable();
        origins.dedup();
        let version = origins.into_iter().map(|origin| (origin, ledger.sequence(origin)));
        Some(PeerMessage::Acknowledgement { number, version: version.collect() })
    }
}
