//! Links between branches: sessions, latency, loss, and the order in which messages arrive.

use super::{
    event::{Event, Parcel},
    place::{BranchIndex, NodeIndex, Side},
    world::World,
};
use crate::{
    replica::{Input, PeerMessage, Replica},
    trace::Mark,
    types::BranchId,
};

/// How soon an end of a link hears that its session is over, at most.
const NOTICE_WITHIN_US: u64 = 200_000;

/// How long a link that is down waits for the next try.
const REDIAL_US: (u64, u64) = (50_000, 500_000);

/// How soon the other process of a branch takes over a link.
const RIVAL_US: (u64, u64) = (100_000, 1_000_000);
/// How many messages follow each other before that, once the bank has healed: else a slow network never lets
/// either say anything.
const TRIPS_A_TURN: u64 = 16;

impl World<'_> {
    /// Begins a session: both ends are there, and nothing is between them.
    pub(super) fn join(&mut self, edge: usize) {
        let (low, high) = (self.edges[edge].low, self.edges[edge].high);
        let (Some(low), Some(high)) = (self.any_process(low), self.any_process(high)) else { return };
        let link = &mut self.edges[edge];
        link.up = true;
        link.session += 1;
        (link.low_node, link.high_node) = (low, high);
        (link.last_low, link.last_high) = (self.now.0, self.now.0);
        let (low_branch, high_branch) = (self.nodes[low].branch, self.nodes[high].branch);
        self.record(low, |recorder, now| recorder.link_up(now, high_branch));
        self.record(high, |recorder, now| recorder.link_up(now, low_branch));
        let life = |node: NodeIndex| self.nodes[node].replica.as_ref().map(Replica::own);
        let (low_life, high_life) = (life(low), life(high));
        for (node, peer, met) in [(low, high_branch, high_life), (high, low_branch, low_life)] {
            self.step(node, Input::LinkUp(peer));
            if let Some(life) = met {
                self.step(node, Input::Met(life));
            }
        }
    }

    /// A process of a branch that runs: where there are two, either.
    pub(super) fn any_process(&mut self, branch: BranchIndex) -> Option<NodeIndex> {
        match self.seats[branch][..] {
            [only] => Some(only).filter(|&only| self.nodes[only].replica.is_some()),
            ref several => {
                let up: Vec<NodeIndex> =
                    several.iter().copied().filter(|&node| self.nodes[node].replica.is_some()).collect();
                self.rng.choice(up)
            }
        }
    }

    /// Ends a session: what is on its way is lost, and its ends (or the one that is left) hear of it
    /// a little later.
    pub(super) fn sever(&mut self, edge: usize, only: Option<Side>) {
        let link = &mut self.edges[edge];
        if !std::mem::replace(&mut link.up, false) {
            return;
        }
        let (session, nodes) = (link.session, [(Side::Low, link.low_node), (Side::High, link.high_node)]);
        self.counts.breaks += 1;
        for (side, node) in nodes {
            if only.is_none_or(|only| only == side) {
                let wait = self.rng.u64(0..=NOTICE_WITHIN_US);
                self.after(wait, Event::Noticed { edge, side, node, session });
            }
        }
        let wait = self.rng.u64(REDIAL_US.0..=REDIAL_US.1);
        self.after(wait, Event::Redial { edge, session });
    }

    /// An end hears that its session is over, unless it has another one by now.
    pub(super) fn noticed(&mut self, edge: usize, side: Side, node: NodeIndex, session: u64) {
        let link = &self.edges[edge];
        if link.session == session && !link.up || link.node(side) != node {
            let peer = self.nodes[link.branch(side.other())].branch;
            self.record(node, |recorder, now| recorder.link_down(now, peer));
            self.step(node, Input::LinkDown(peer));
        }
    }

    pub(super) fn redial(&mut self, edge: usize, session: u64) {
        let link = &self.edges[edge];
        if link.session != session || link.up {
            return;
        }
        let runs = |branch: BranchIndex| self.seats[branch].iter().any(|&node| self.nodes[node].replica.is_some());
        if runs(link.low) && runs(link.high) && link.blocked_low + link.blocked_high == 0 {
            return self.join(edge);
        }
        let wait = self.rng.u64(REDIAL_US.0..=REDIAL_US.1);
        self.after(wait, Event::Redial { edge, session });
    }

    /// While a branch has two processes, either may dial: its links change hands again and again.
    pub(super) fn rival(&mut self, edge: usize, branch: BranchIndex) {
        if self.seats[branch].len() > 1 {
            self.sever(edge, None);
            self.await_rival(edge, branch);
        }
    }

    pub(super) fn await_rival(&mut self, edge: usize, branch: BranchIndex) {
        let turn = if self.healed { self.longest_us.saturating_mul(TRIPS_A_TURN) } else { 0 };
        let wait = self.rng.u64(RIVAL_US.0..=RIVAL_US.1).saturating_add(turn);
        self.after(wait, Event::Rival { edge, branch });
    }

    /// Sends everything that a branch has for a peer.
    pub(super) fn pump(&mut self, node: NodeIndex, peer: BranchId) {
        if self.plan.calls.is_some() {
            return self.call(node, peer);
        }
        let Some(&(edge, side)) = self.nodes[node].links.get(&peer) else { return };
        let now = self.now;
        while let Some(message) = self.nodes[node].replica.as_mut().and_then(|replica| replica.poll_send(now, peer)) {
            let mark = self.record_sent(node, peer, &message);
            self.send(node, edge, side.other(), message, mark);
        }
        self.arm(node);
    }

    fn send(&mut self, node: NodeIndex, edge: usize, to: Side, mut message: PeerMessage, mark: Option<Mark>) {
        self.counts.messages += 1;
        if self.edges[edge].node(to.other()) != node {
            // Another process of the branch has this link by now, and this one has not heard of it.
            self.counts.lost += 1;
            let peer = self.nodes[self.edges[edge].branch(to)].branch;
            return self.record_lost(node, peer, &message, mark.map(|mark| mark.id));
        }
        let network = &self.plan.network;
        let (ordered, doubles) =
            (network.ordered, !network.ordered && !self.healed && self.rng.f64() < network.duplication);
        let is_lost = self.edges[edge].blocked(to)
            || !self.healed && (self.rng.f64() < network.loss || self.rng.f64() < self.extra_loss);
        if is_lost || !self.edges[edge].up {
            self.counts.lost += 1;
            let peer = self.nodes[self.edges[edge].node(to)].branch;
            self.record_lost(node, peer, &message, mark.map(|mark| mark.id));
            if ordered {
                self.sever(edge, None);
            }
            return;
        }
        let balances = self.tamper_sent(node, &mut message);
        let parcel = Parcel { edge, to, session: self.edges[edge].session, message, balances, mark };
        if doubles {
            self.counts.doubled += 1;
            let peer = self.nodes[self.edges[edge].node(to)].branch;
            self.record_doubled(node, peer, &parcel.message, mark.map(|mark| mark.id));
            self.post(node, parcel.clone());
        }
        self.post(node, parcel);
    }

    fn post(&mut self, from: NodeIndex, parcel: Parcel) {
        let mut at = self.transit(from, self.edges[parcel.edge].node(parcel.to));
        if self.plan.network.ordered {
            at = self.edges[parcel.edge].in_order(parcel.to, at);
        }
        self.is_under_way_until(at);
        self.foresee(at, Event::Deliver(Box::new(parcel)));
    }

    /// When something arrives that one process sends to another now.
    pub(super) fn transit(&mut self, from: NodeIndex, to: NodeIndex) -> u64 {
        let (sender, receiver) = (&self.nodes[from], &self.nodes[to]);
        let slowness = sender.slowness.max(receiver.slowness);
        let ids = (sender.branch.value(), receiver.branch.value());
        let latency = self.plan.network.latency.draw(&mut self.rng, ids.0, ids.1);
        self.now.0.saturating_add(latency.saturating_mul(slowness))
    }

    /// Something arrives at this time: the patience of the end knows of it.
    pub(super) fn is_under_way_until(&mut self, at: u64) {
        if self.healed {
            self.longest_us = self.longest_us.max(at - self.now.0);
        } else {
            self.last_arrival = self.last_arrival.max(at);
        }
    }

    pub(super) fn deliver(&mut self, parcel: Parcel) {
        let link = &self.edges[parcel.edge];
        if !link.up || link.session != parcel.session {
            return self.record_undelivered(&parcel);
        }
        let (node, peer) = (link.node(parcel.to), self.nodes[link.node(parcel.to.other())].branch);
        let Parcel { message, balances, mark, .. } = parcel;
        self.record_received(node, peer, &message, mark);
        if self.plan.bug.is_some() {
            self.deliver_tampered(node, peer, message, balances);
        } else {
            self.step(node, Input::Message { from: peer, message });
        }
    }
}
