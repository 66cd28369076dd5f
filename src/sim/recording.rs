//! What of a simulation goes into its trace. Without one, nobody has a recorder, and nothing is made.

use super::{
    event::Parcel,
    node::Node,
    place::{BranchIndex, NodeIndex, Side},
    world::World,
};
use crate::{
    record::{self, Recorder},
    replica::PeerMessage,
    trace::{FaultKind, Header, Mark, Message, MessageId, Source, Trace},
    types::{BranchId, Time},
};

impl World<'_> {
    /// Lets a branch's recorder write, if it has one.
    pub(super) fn record(&mut self, node: NodeIndex, write: impl FnOnce(&mut Recorder, Time)) {
        let now = self.now;
        if let Some(recorder) = &mut self.nodes[node].recorder {
            write(recorder, now);
        }
    }

    pub(super) fn record_fault(&mut self, node: NodeIndex, kind: FaultKind, reason: impl FnOnce() -> Option<String>) {
        self.record(node, |recorder, now| recorder.fault(now, kind, None, reason()));
    }

    /// What a step has changed and told.
    pub(super) fn record_news(&mut self, node: NodeIndex) {
        let now = self.now;
        if let Node { recorder: Some(recorder), replica: Some(replica), .. } = &mut self.nodes[node] {
            recorder.stepped(now, replica.news());
        }
    }

    /// A replica begins, with what its disk had.
    pub(super) fn record_recovered(&mut self, node: NodeIndex) {
        let now = self.now;
        if let Node { recorder: Some(recorder), replica: Some(replica), .. } = &mut self.nodes[node] {
            replica.keep_news();
            recorder.recovered(now, replica.news());
        }
    }

    /// The process that is left of a branch writes its trace from now on.
    pub(super) fn hand_over_recorder(&mut self, from: NodeIndex, branch: BranchIndex) {
        let Some(&to) = self.seats[branch].first() else { return };
        if let Some(recorder) = self.nodes[from].recorder.take() {
            if self.nodes[to].recorder.is_none() {
                self.nodes[to].recorder = Some(recorder.next_life());
                self.record_fault(to, FaultKind::Restarted, || Some("as the later of two processes".to_owned()));
                self.record_recovered(to);
            }
            self.nodes[from].recorder = Some(recorder);
        }
    }

    pub(super) fn record_sent(&mut self, node: NodeIndex, peer: BranchId, message: &PeerMessage) -> Option<Mark> {
        let now = self.now;
        let recorder = self.nodes[node].recorder.as_mut()?;
        Some(recorder.sent(now, record::message(peer, message, None)))
    }

    pub(super) fn record_received(
        &mut self,
        node: NodeIndex,
        peer: BranchId,
        message: &PeerMessage,
        mark: Option<Mark>,
    ) {
        self.record(node, |recorder, now| recorder.received(now, record::message(peer, message, None), mark));
    }

    /// A message that `node` had sent goes nowhere.
    pub(super) fn record_lost(
        &mut self,
        node: NodeIndex,
        peer: BranchId,
        message: &PeerMessage,
        id: Option<MessageId>,
    ) {
        self.record(node, |recorder, now| recorder.lost(now, named(peer, message, id)));
    }

    /// A message goes out twice.
    pub(super) fn record_doubled(
        &mut self,
        node: NodeIndex,
        peer: BranchId,
        message: &PeerMessage,
        id: Option<MessageId>,
    ) {
        self.record(node, |recorder, now| recorder.doubled(now, named(peer, message, id)));
    }

    /// A message was under way when its session ended.
    pub(super) fn record_undelivered(&mut self, parcel: &Parcel) {
        let edge = &self.edges[parcel.edge];
        let (from, to) = (edge.node(parcel.to.other()), edge.node(parcel.to));
        let peer = self.nodes[to].branch;
        self.record_lost(from, peer, &parcel.message, parcel.mark.map(|mark| mark.id));
    }

    /// Everything that was written.
    pub(super) fn trace(&self) -> Trace {
        let branch = |node: NodeIndex| self.nodes[node].branch;
        let header = Header {
            branches: self.nodes.iter().take(self.seats.len()).map(|node| node.branch).collect(),
            accounts: self.history.accounts.clone(),
            links: self
                .edges
                .iter()
                .map(|edge| (branch(edge.branch(Side::Low)), branch(edge.branch(Side::High))))
                .collect(),
            lost: 0,
            source: Source::Simulation,
            before: Default::default(),
        };
        Trace::gather(header, self.nodes.iter().filter_map(|node| node.recorder.as_ref()).map(Recorder::buffer))
    }
}

/// A message that was sent before, under the name that it was given then.
fn named(peer: BranchId, message: &PeerMessage, id: Option<MessageId>) -> Message {
    Message { id, ..record::message(peer, message, None) }
}
