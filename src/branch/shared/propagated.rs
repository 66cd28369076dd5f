//! Unary propagation: a page, or an operation, that a peer tells with a call.

use super::{
    locked::{Shared, others},
    session::Arrived,
};
use crate::{
    record,
    trace::{Message, MessageKind},
    wire::{Propagated, proto},
};

impl Shared {
    /// Takes a unary propagation. The answer says how far the origin's page is known now, and which other process
    /// claims the page's branch, if one does. (Both kinds of call have the same answer.)
    pub(in crate::branch) async fn propagated(
        &self,
        told: Propagated,
        rival: Option<u64>,
        arrived: Arrived,
    ) -> Result<proto::PropagateDepositResponse, tonic::Status> {
        let Propagated { origin, operation, delta } = told;
        // A repair may tell another origin's page; a sender without a trace does not say who it is.
        let peer = arrived.mark.map_or(origin.branch, |mark| mark.sender);
        let (sequence, unsaved) = {
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
            let sequence = state.replica.propagated(origin, operation, delta, &mut state.outputs);
            self.deliver(state, others);
            (sequence?, state.replica.unsaved())
        };
        self.settled(unsaved).await?;
        let incarnation = Some(self.own().incarnation.0);
        let mut answer = proto::PropagateDepositResponse { sequence, mark: None, incarnation, rival };
        let (kind, bytes) = (MessageKind::Acknowledgement, self.measure(&answer));
        let mark = self.sent(|| Message { peer, kind, id: None, operations: 0, bytes, carries: None });
        answer.mark = mark.map(Into::into);
        Ok(answer)
    }
}
