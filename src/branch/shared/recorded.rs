//! The branch's part of a trace. Without a recording, each of these is one comparison.

use super::{
    locked::{Shared, State},
    session::Arrived,
};
use crate::{
    branch::recording::{Part, Recording},
    record::Recorder,
    trace::{Mark, Message, MessageKind, Row},
    types::{Answer, BranchId, Refusal, RequestId, Time},
};

impl State {
    /// Lets the recorder write, if there is one.
    pub(super) fn record(&mut self, write: impl FnOnce(&mut Recorder, Time)) {
        if let Some(recording) = &mut self.recording {
            recording.write(write);
        }
    }

    /// What the last step has changed and told.
    pub(super) fn record_news(&mut self) {
        if let Some(recording) = &mut self.recording {
            let replica = &mut self.replica;
            recording.write(|recorder, now| recorder.stepped(now, replica.news()));
        }
    }
}

impl Shared {
    /// How long a message is, if somebody wants to know.
    pub(in crate::branch) fn measure(&self, message: &impl prost::Message) -> Option<u64> {
        self.is_recorded.then(|| message.encoded_len() as u64)
    }

    /// A message is about to leave: returns what is to travel with it.
    pub(in crate::branch) fn sent(&self, message: impl FnOnce() -> Message) -> Option<Mark> {
        if !self.is_recorded {
            return None;
        }
        let mut mark = None;
        self.lock().record(|recorder, now| mark = Some(recorder.sent(now, message())));
        mark
    }

    /// An acknowledgement has come that is none for the replica.
    pub(in crate::branch) fn acknowledged(&self, peer: BranchId, arrived: Arrived) {
        if self.is_recorded {
            let (kind, bytes) = (MessageKind::Acknowledgement, arrived.bytes);
            let message = Message { peer, kind, id: None, operations: 0, bytes, carries: None };
            self.lock().record(|recorder, now| recorder.received(now, message, arrived.mark));
        }
    }

    /// A request that cannot even be asked.
    pub(in crate::branch) fn refused(&self, id: Option<RequestId>, refusal: Refusal) -> Answer {
        if self.is_recorded {
            let reason = refusal.to_string();
            self.lock().record(|recorder, now| recorder.refused(now, None, id, Some(0), reason));
        }
        Answer::Refused(refusal)
    }

    pub(in crate::branch) fn rows(&self, until: Time) -> (Vec<Row>, u64) {
        self.lock().recording.as_ref().map(|recording| recording.rows(until)).unwrap_or_default()
    }

    pub(in crate::branch) fn part(&self, until: Time, from: usize, count: usize) -> Option<Part> {
        self.lock().recording.as_ref().map(|recording| recording.part(until, from, count))
    }

    pub(in crate::branch) fn take_recording(&self) -> Option<Recording> {
        self.lock().recording.take()
    }
}
