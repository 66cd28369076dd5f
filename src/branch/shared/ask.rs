//! Customers' requests on their way to the replica, and their answers on the way back. A request that must wait
//! belongs to its call or stream, and goes with it.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, oneshot};

use super::{
    locked::{Shared, State, others},
    places::{Caller, MAX_PLACES, Place},
    waiter::{Late, To, Waiter},
};
use crate::{
    branch::error::BranchError,
    replica::{Input, Request},
    types::{Action, Answer, Concern, Duration, RequestId, Terms, Time, Version},
    wire::WireError,
};

/// A request on its way in: its name, and what it asks for.
pub(in crate::branch) struct Asked {
    pub(in crate::branch) id: Option<RequestId>,
    pub(in crate::branch) action: Action,
    pub(in crate::branch) terms: Terms,
    pub(in crate::branch) include_version: bool,
}

/// Takes a call's request back if the call is dropped before it is answered.
struct Waiting<'a> {
    shared: &'a Shared,
    ticket: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.give_up([ticket]);
        }
    }
}

impl Shared {
    /// Whether a version can be waited for.
    ///
    /// # Errors
    /// [`WireError`] if it names a branch that the bank does not have.
    pub(in crate::branch) fn judge_version(&self, version: &Version) -> Result<(), WireError> {
        match version.iter().find(|(origin, _)| !self.branches.contains(&origin.branch)) {
            None => Ok(()),
            Some((origin, _)) => Err(WireError::new(
                "at_least",
                format!("names branch {}, which this bank does not have: name its branches only", origin.branch),
            )),
        }
    }

    /// Decides one request; waits if it must wait.
    pub(in crate::branch) async fn ask(&self, asked: Asked, caller: &Caller) -> Result<Answer, BranchError> {
        let (pending, mut waiting) = {
            let mut state = self.lock();
            let state = &mut *state;
            self.check_customer(matches!(asked.action, Action::Write(_)))?;
            let (ticket, place) = request(state, self.now(), asked, caller);
            let mut found = None;
            self.deliver(state, |to, answer| {
                if to == ticket {
                    found = Some(answer);
                    return None;
                }
                Some(answer)
            });
            if let Some(answer) = found {
                return Ok(answer);
            }
            let (sender, receiver) = oneshot::channel();
            state.waiters.insert(ticket, Waiter { to: To::Call(sender), _place: place });
            (receiver, Waiting { shared: self, ticket: Some(ticket) })
        };
        tokio::select! {
            answer = pending => {
                waiting.ticket = None;
                answer.map_err(|_| self.why_ended())
            }
            () = self.stopped() => Err(self.why_ended()),
        }
    }

    /// Decides a batch under one lock, at one time. What is decided at once goes to `answered`; the
    /// others come later, through `late`, and their tickets are added to `waiting`.
    ///
    /// # Errors
    /// As for [`Shared::ask`]; then none of the batch was decided.
    pub(in crate::branch) fn ask_all(
        &self,
        batch: impl Iterator<Item = (u64, Asked)>,
        has_writes: bool,
        caller: &Caller,
        mut answered: impl FnMut(u64, Answer),
        late: &mpsc::UnboundedSender<Late>,
        waiting: &mut BTreeSet<u64>,
    ) -> Result<(), BranchError> {
        let mut state = self.lock();
        let state = &mut *state;
        self.check_customer(has_writes)?;
        let now = self.now();
        let first = state.last_ticket + 1;
        let wait = |number, _place| Waiter { to: To::Stream { number, answers: late.clone() }, _place };
        // By their tickets, which follow each other; `None` once answered, or known to wait.
        let mut numbers = Vec::with_capacity(batch.size_hint().1.unwrap_or(0));
        for (number, asked) in batch {
            let (ticket, place) = request(state, now, asked, caller);
            let waits = place.is_some();
            if waits {
                state.waiters.insert(ticket, wait(number, place));
                waiting.insert(ticket);
            }
            numbers.push((!waits).then_some(number));
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
        for (ticket, number) in (first..).zip(numbers) {
            if let Some(number) = number {
                state.waiters.insert(ticket, wait(number, None));
                waiting.insert(ticket);
            }
        }
        Ok(())
    }

    /// How many requests wait in the replica.
    pub(in crate::branch) fn waiting(&self) -> usize {
        self.lock().replica.waiting()
    }

    /// Nobody waits for these any more.
    pub(in crate::branch) fn give_up(&self, tickets: impl IntoIterator<Item = u64>) {
        let mut state = self.lock();
        let state = &mut *state;
        for ticket in tickets {
            // What waits for the disk alone is decided, and goes its way.
            if state.waiters.remove(&ticket).is_some() && state.replica.is_waiting(ticket) {
                state.record(|recorder, _| recorder.gave_up(ticket));
                state.replica.step(self.now(), Input::GaveUp(ticket), &mut state.outputs);
            }
        }
        self.deliver(state, others);
    }
}

/// Hands a request to the replica; returns its ticket, and its place if it waits.
fn request(state: &mut State, now: Time, asked: Asked, caller: &Caller) -> (u64, Option<Place>) {
    state.last_ticket += 1;
    let ticket = state.last_ticket;
    let Asked { id, action, terms, include_version } = asked;
    let may_wait = terms.concern != Concern::Local || !terms.at_least.is_empty();
    let deadline = deadline(now, terms.wait);
    let request = Request { ticket, id, action, terms, include_version, deadline };
    state.record(|recorder, now| recorder.asked(now, &request));
    let input = if may_wait && !caller.has_place() {
        Input::RequestAtOnce { request, limit: MAX_PLACES }
    } else {
        Input::Request(request)
    };
    state.replica.step(now, input, &mut state.outputs);
    state.record_news();
    let place = (may_wait && state.replica.is_waiting(ticket)).then(|| caller.take_place());
    (ticket, place)
}

/// Nobody waits for ever.
fn deadline(now: Time, wait: Duration) -> Time {
    now + wait.min(Terms::MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_waits_longer_than_ten_minutes() {
        assert_eq!(deadline(Time(5), Duration(7)), Time(12));
        assert_eq!(deadline(Time(5), Duration::MAX), Time(600_000_005));
    }
}
