//! Who waits for an answer, and how it is told to them.

use tokio::sync::{mpsc, oneshot};

use super::places::Place;
use crate::types::Answer;

/// An answer that comes later: the request's ticket, its number, and the answer.
pub(in crate::branch) type Late = (u64, u64, Answer);

/// Who waits for an answer that the replica could not give at once.
pub(super) struct Waiter {
    pub(super) to: To,
    /// If the request waits in the replica, and not only for the disk.
    pub(super) _place: Option<Place>,
}

/// How they wait.
pub(super) enum To {
    Call(oneshot::Sender<Answer>),
    Stream { number: u64, answers: mpsc::UnboundedSender<Late> },
}

impl Waiter {
    /// Whoever asked may have gone.
    pub(super) fn tell(self, ticket: u64, answer: Answer) {
        match self.to {
            To::Call(waiter) => drop(waiter.send(answer)),
            To::Stream { number, answers } => drop(answers.send((ticket, number, answer))),
        }
    }
}
