//! Unary propagation: a page, or an operation, that a peer tells with a call.

use super::{
    locked::{Shared, others},
    session::Arrived,
};
use crate::{
    record,
    trace::{Message, MessageKind},
    types::{Incarnation, Origin},
    wire::{Propagated, proto},
};

impl Shared {
    /// Takes a unary propagation. The answer says how far the origin's page is known now, and which other process
    /// claims the page's branch, if one does. (Both kinds of call have the same answer.)
    pub(in crate::branch) async fn propagated(
        &self,
        told: Propagated,
        overtaken_by: Option<Incarnation>,
        arrived: Arrived,
    ) -> Result<proto::PropagateDepositResponse, tonic::Status> {
        let Propagated { origin, operation, delta } = told;
        // A repair may tell another origin's page; a sender without a trace does not say who it is.
        let peer = arrived.mark.map_or(origin.branch, |mark| mark.sender);
        let (sequence, latest, unsaved) = {
            let mut state = self.lock();
            let state = &mut *state;
            self.check()?;
            state.record(|recorder, now| {
                let message = match (&delta, operation) {
                    (Some(delta), _) => record::call(peer, delta, arrived.bytes),
                    (None, Some((sequence, _))) => record::plain_call(peer, origin, sequence, arrived.bytes),
                    (None, None) => return,
                };
                recorder.received(now, message, arrived.mark);
            });
            let latest = state.replica.latest_life(origin.branch);
            let sequence = state.replica.propagated(origin, operation, delta, &mut state.outputs);
            self.deliver(state, others);
            (sequence?, latest, state.replica.unsaved())
        };
        self.settled(unsaved).await?;
        let rival = self.meet_caller(origin, latest, overtaken_by).map(|life| life.0);
        let incarnation = Some(self.own().incarnation.0);
        let mut answer = proto::PropagateDepositResponse { sequence, mark: None, incarnation, rival };
        let (kind, bytes) = (MessageKind::Acknowledgement, self.measure(&answer));
        let mark = self.sent(|| Message { peer, kind, id: None, operations: 0, bytes, carries: None });
        answer.mark = mark.map(Into::into);
        Ok(answer)
    }

    /// A call has told this page of a branch whose latest life was that one. Calls do not say who calls, but for one
    /// that hands over since it knows that it is overtaken. Returns the life of the other process, if two claim the
    /// page's branch.
    fn meet_caller(&self, page: Origin, latest: Incarnation, overtaken_by: Option<Incarnation>) -> Option<Incarnation> {
        if page.incarnation > latest {
            self.began(page);
        }
        if let Some(later) = overtaken_by.filter(|&later| page.incarnation < later) {
            self.claimed(page, later.max(latest));
        }
        if page.incarnation < latest { Some(latest) } else { self.rival(page.branch) }
    }
}
