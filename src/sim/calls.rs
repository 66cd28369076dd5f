//! Unary propagation as the server does it: each branch calls its peers, one call at a time to each, without
//! sessions. The replica's greeting is answered by what the peer's status says, and an operation's call by how
//! far the peer has the page. See `branch/peers/calls.rs`, which this follows.

use super::{
    call::{CallEnd, Caller, Calling, Known, Owed, Said},
    event::Event,
    place::NodeIndex,
    world::World,
};
use crate::{
    replica::{Call, Delta, Input, PeerMessage},
    types::{BranchId, Incarnation, Origin},
};

/// How long a call may take, or four times as long as messages usually take, there and back.
const CALL_WITHIN_US: u64 = 5_000_000;
const CALL_WITHIN_TRIPS: u64 = 8;

/// The wait after a call that failed: it doubles, up to this.
const BACKOFF_US: (u64, u64) = (20_000, 2_000_000);

impl World<'_> {
    /// A process begins to call its peers.
    pub(super) fn begin_calls(&mut self, node: NodeIndex) {
        if self.plan.calls.is_none() {
            return;
        }
        let Some(replica) = &self.nodes[node].replica else { return };
        // In the first life of a whole bank, there is nothing that one could have missed.
        let is_first = replica.own().incarnation == Incarnation(0);
        let known = if is_first { Known::Nothing } else { Known::TellThatWeAreBack };
        let peers: Vec<BranchId> = self.nodes[node].links.keys().copied().collect();
        for &peer in &peers {
            let caller = Caller { known, is_up: false, peer_life: None, is_under_way: false, number: 0, failures: 0 };
            self.nodes[node].callers.insert(peer, caller);
        }
        for peer in peers {
            self.call_again(node, self.nodes[node].life, peer);
        }
    }

    pub(super) fn call_again(&mut self, node: NodeIndex, life: u64, peer: BranchId) {
        if self.nodes[node].life != life {
            return;
        }
        let Some(caller) = self.nodes[node].callers.get_mut(&peer) else { return };
        (caller.is_up, caller.peer_life) = (true, None);
        self.record(node, |recorder, now| recorder.link_up(now, peer));
        self.step(node, Input::LinkUp(peer));
    }

    /// Says the next thing that a process has to say to a peer, unless something is under way.
    pub(super) fn call(&mut self, node: NodeIndex, peer: BranchId) {
        let now = self.now;
        let known = match self.nodes[node].callers.get(&peer) {
            Some(caller) if caller.is_up && !caller.is_under_way => caller.known,
            Some(_) | None => return,
        };
        while let Some(message) = self.nodes[node].replica.as_mut().and_then(|replica| replica.poll_send(now, peer)) {
            match message {
                PeerMessage::Greeting { .. } => {
                    return match known {
                        Known::Nothing => self.greeted(node, peer, Vec::new()),
                        Known::TellThatWeAreBack => self.say(node, peer, Said::WhoAreYou),
                        Known::Ask => self.say(node, peer, Said::WhatDoYouHave),
                    };
                }
                PeerMessage::Call(call) => return self.say(node, peer, Said::Tell(call)),
                // Calls have no other half, so the replica owes nothing, and updates are for streams.
                PeerMessage::Update(_) | PeerMessage::Acknowledgement { .. } => {}
            }
        }
        self.arm(node);
    }

    /// The greeting is answered: the peer has this, as far as we know.
    fn greeted(&mut self, node: NodeIndex, peer: BranchId, version: Vec<(Origin, u64)>) {
        if let Some(caller) = self.nodes[node].callers.get_mut(&peer) {
            caller.known = Known::Ask;
            self.acknowledge(node, peer, 0, version);
        }
    }

    fn acknowledge(&mut self, node: NodeIndex, peer: BranchId, number: u64, version: Vec<(Origin, u64)>) {
        let message = PeerMessage::Acknowledgement { number, version };
        self.step(node, Input::Message { from: peer, message });
    }

    fn say(&mut self, node: NodeIndex, peer: BranchId, said: Said) {
        let life = self.nodes[node].life;
        let Some(caller) = self.nodes[node].callers.get_mut(&peer) else { return };
        caller.is_under_way = true;
        caller.number += 1;
        let to = match &said {
            Said::WhoAreYou => None,
            Said::IAmBack(_) | Said::WhatDoYouHave => Some(0),
            Said::Tell(call) => Some(call.number),
        };
        let back = CallEnd { node, life, peer, number: caller.number, answer: None, by: None, to };
        self.counts.calls += 1;
        let within = CALL_WITHIN_US.max(CALL_WITHIN_TRIPS.saturating_mul(self.plan.network.latency.usual()));
        self.after(within, Event::CallEnded(Box::new(back.clone())));
        if self.loses_call(node, peer, true) {
            self.counts.lost += 1;
            return;
        }
        match self.any_process(peer.value() as usize - 1) {
            Some(to) => {
                let arrives = self.transit(node, to);
                let calling = Calling { from: node, to, to_life: self.nodes[to].life, said, back };
                self.is_under_way_until(arrives);
                self.foresee(arrives, Event::Call(Box::new(calling)));
            }
            // Nobody listens there, which is told at once.
            None => self.foresee(self.now.0, Event::CallEnded(Box::new(back))),
        }
    }

    /// Whether the network loses a call, or (`false`) its answer.
    fn loses_call(&mut self, caller: NodeIndex, peer: BranchId, is_call: bool) -> bool {
        let Some(&(edge, side)) = self.nodes[caller].links.get(&peer) else { return true };
        let to = if is_call { side.other() } else { side };
        let lost = |world: &mut Self, share: f64| share > 0.0 && world.rng.f64() < share;
        self.edges[edge].blocked(to)
            || !self.healed && (lost(self, self.plan.network.loss) || lost(self, self.extra_loss))
    }

    pub(super) fn called(&mut self, calling: Calling) {
        let Calling { from, to, to_life, said, back } = calling;
        if self.nodes[to].life != to_life || self.nodes[to].replica.is_none() {
            // The connection breaks.
            let arrives = self.transit(to, from);
            return self.foresee(arrives, Event::CallEnded(Box::new(back)));
        }
        let (caller, peer) = (self.nodes[from].branch, self.nodes[to].branch);
        let plain =
            |branch: BranchId| self.plan.calls.as_ref().is_some_and(|calls| calls.plain.contains(&branch.value()));
        let answer = match said {
            Said::WhoAreYou | Said::WhatDoYouHave if plain(peer) => Some(Vec::new()),
            Said::WhoAreYou | Said::WhatDoYouHave => {
                self.nodes[to].replica.as_ref().map(|replica| replica.version().iter().collect())
            }
            Said::IAmBack(had) => {
                let Some(origin) = self.nodes[from].replica.as_ref().map(|replica| replica.own()) else { return };
                let (entries, past) = (Vec::new(), Vec::new());
                let nothing = Delta { origin, base: 0, sequence: 0, entries, confirm_through: 0, past };
                let call = Call { number: 0, operation: None, delta: nothing };
                self.hear(to, caller, call, false).map(|_| had)
            }
            Said::Tell(call) => {
                // Who tells no totals has no earlier life to stand on.
                let bare = call.operation.is_some() && call.delta.past.is_empty() && plain(caller);
                self.hear(to, caller, call, bare)
            }
        };
        let (Some(answer), Some(replica)) = (answer, &self.nodes[to].replica) else { return };
        let end = CallEnd { answer: Some(answer), by: Some(replica.own().incarnation), ..back };
        match replica.unsaved() {
            Some(save) => self.nodes[to].owed.push(Owed { save, end }),
            None => self.answer_call(to, end),
        }
    }

    /// A process hears a call; `bare`: the operation alone, without the page. Returns how far it has the page.
    fn hear(&mut self, node: NodeIndex, caller: BranchId, call: Call, bare: bool) -> Option<Vec<(Origin, u64)>> {
        let Call { operation, delta, .. } = call.clone();
        let origin = delta.origin;
        self.record_received(node, caller, &PeerMessage::Call(call), None);
        let mut outputs = Vec::new();
        let replica = self.nodes[node].replica.as_mut()?;
        let sequence = replica.propagated(origin, operation, (!bare).then_some(delta), &mut outputs);
        self.record_news(node);
        self.follow(node, &mut outputs);
        match sequence {
            Ok(sequence) => Some(vec![(origin, sequence)]),
            Err(fault) => {
                self.refused(self.nodes[node].branch, caller, &fault);
                None
            }
        }
    }

    /// A save is on disk: calls whose answers waited for it are answered.
    pub(super) fn answer_calls(&mut self, node: NodeIndex, save: u64) {
        if self.nodes[node].owed.is_empty() {
            return;
        }
        for Owed { end, .. } in self.nodes[node].owed.extract_if(.., |owed| owed.save <= save).collect::<Vec<_>>() {
            self.answer_call(node, end);
        }
    }

    fn answer_call(&mut self, from: NodeIndex, end: CallEnd) {
        if self.loses_call(end.node, end.peer, false) {
            self.counts.lost += 1;
        } else {
            let arrives = self.transit(from, end.node);
            self.is_under_way_until(arrives);
            self.foresee(arrives, Event::CallEnded(Box::new(end)));
        }
    }

    pub(super) fn call_ended(&mut self, end: CallEnd) {
        let CallEnd { node, life, peer, number, answer, by, to } = end;
        if self.nodes[node].life != life {
            return;
        }
        let Some(caller) = self.nodes[node].callers.get_mut(&peer) else { return };
        if caller.number != number || !std::mem::replace(&mut caller.is_under_way, false) {
            return;
        }
        // What another life has said says nothing of this one.
        let is_same = by.is_none_or(|by| caller.peer_life.is_none_or(|known| known == by));
        caller.peer_life = by.or(caller.peer_life);
        match (answer.filter(|_| is_same), to) {
            (Some(had), None) => self.say(node, peer, Said::IAmBack(had)),
            (Some(version), Some(number)) => {
                let is_back = number == 0 && caller.known == Known::TellThatWeAreBack;
                caller.failures = 0;
                if is_back {
                    self.greeted(node, peer, version);
                } else {
                    self.acknowledge(node, peer, number, version);
                }
            }
            (None, _) => {
                caller.is_up = false;
                let wait = BACKOFF_US.1.min(BACKOFF_US.0 << caller.failures.min(10));
                caller.failures += 1;
                self.counts.failed_calls += 1;
                self.record(node, |recorder, now| recorder.link_down(now, peer));
                self.step(node, Input::LinkDown(peer));
                let wait = self.rng.u64(wait / 2..=wait);
                self.after(wait, Event::CallAgain { node, life, peer });
            }
        }
    }
}
