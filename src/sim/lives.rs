//! How processes of branches begin and end: crashes, disks that are lost, that fail, that go back to an older
//! copy or lose their last writes, and two processes on copies of one disk.

use super::{
    Bug,
    event::Event,
    node::{Health, Node, start},
    place::{BranchIndex, NodeIndex, Side},
    world::World,
};
use crate::{
    check,
    replica::{Disk, Replica, Saved},
    trace::FaultKind,
    types::{BranchId, Incarnation},
};

impl World<'_> {
    pub(super) fn crash_all(&mut self, branch: BranchIndex) {
        for node in self.seats[branch].clone() {
            self.crash(node);
        }
    }

    pub(super) fn restart_all(&mut self, branch: BranchIndex) {
        for node in self.seats[branch].clone() {
            self.restart(node);
        }
    }

    /// Kills a process.
    pub(super) fn crash(&mut self, node: NodeIndex) {
        self.nodes[node].down += 1;
        if self.nodes[node].down == 1 {
            self.counts.crashes += 1;
            self.kill(node);
        }
    }

    /// The save under way is on disk as a whole, or was torn: then the disk finds that it is not whole, and
    /// drops it.
    fn kill(&mut self, node: NodeIndex) {
        self.record_fault(node, FaultKind::Killed, || None);
        let arrived = self.rng.bool();
        let torn = self.has_bug(Bug::TornSave);
        let life = self.next_life(node);
        let (now, crashed) = (self.now, &mut self.nodes[node]);
        crashed.claimed = crashed.replica.as_ref().map(Replica::version);
        crashed.replica = None;
        crashed.life = life;
        crashed.alarm = None;
        crashed.tickets.clear();
        crashed.callers.clear();
        crashed.owed.clear();
        if let (Some(disk), Some(save)) = (&mut crashed.disk, crashed.saving.take()) {
            if torn {
                disk.save_pages(&save);
            } else if arrived {
                disk.write(&save, now);
            } else {
                self.counts.torn += 1;
            }
        }
        let links: Vec<(usize, Side)> = self.nodes[node].links.values().copied().collect();
        for (edge, side) in links {
            if self.edges[edge].node(side) == node {
                self.sever(edge, Some(side.other()));
            }
        }
    }

    /// A number that no life of this process's branch has had.
    fn next_life(&self, node: NodeIndex) -> u64 {
        let lives = self.seats[self.seat(node)].iter().map(|&node| self.nodes[node].life);
        lives.chain([self.nodes[node].life]).max().unwrap_or(0) + 1
    }

    /// Which branch a process serves.
    pub(super) fn seat(&self, node: NodeIndex) -> BranchIndex {
        self.nodes[node].branch.value() as usize - 1
    }

    /// Starts a process again, with its disk if it has one.
    pub(super) fn restart(&mut self, node: NodeIndex) {
        self.nodes[node].down -= 1;
        if self.nodes[node].down > 0 {
            return;
        }
        let back = &mut self.nodes[node];
        let set_back = std::mem::take(&mut back.set_back);
        let kept = back.disk.is_some() && !set_back;
        if self.plan.bug == Some(Bug::RestartWithoutPage) {
            back.replica = start(self.plan, back.config.clone(), false, &Saved::default());
        } else if let Some(disk) = &mut back.disk {
            back.config.own.incarnation = Incarnation(back.life);
            let Ok(saved) = disk.load();
            // A disk with nothing on it after a loss: nobody can go on with what it had.
            let begins_anew = set_back && saved == Saved::default();
            back.config.had_lives |= begins_anew;
            back.replica = start(self.plan, back.config.clone(), true, &saved);
        } else {
            back.config.own.incarnation = Incarnation(back.life);
            back.config.had_lives = true;
            back.replica = start(self.plan, back.config.clone(), false, &Saved::default());
        }
        let branch = back.branch;
        let reason = if kept { "with its data" } else { "without its data" };
        let reason = if set_back { "with a part of its data" } else { reason };
        self.record_fault(node, FaultKind::Restarted, || Some(reason.to_owned()));
        self.record_recovered(node);
        self.note(|| check::Kind::Restarted { branch, kept });
        self.begin_calls(node);
    }

    /// Copies a branch's disk, to go back to it later.
    pub(super) fn copy_disk(&mut self, branch: BranchIndex, fault: usize) {
        let first = self.seats[branch].first().and_then(|&node| self.nodes[node].disk.clone());
        if let Some(disk) = first {
            self.copies.insert(fault, disk);
        }
    }

    /// A branch's disk goes back to its copy.
    pub(super) fn restore(&mut self, branch: BranchIndex, fault: usize) {
        let (Some(copy), Some(&node)) = (self.copies.remove(&fault), self.seats[branch].first()) else { return };
        self.counts.set_back += 1;
        self.crash(node);
        let back = &mut self.nodes[node];
        (back.disk, back.set_back) = (Some(copy), true);
        self.restart(node);
    }

    pub(super) fn lose_disk(&mut self, branch: BranchIndex) {
        self.crash_all(branch);
        for &node in &self.seats[branch] {
            let lost = &mut self.nodes[node];
            if let Some(disk) = &mut lost.disk {
                disk.lose();
                lost.set_back = true;
                self.counts.set_back += 1;
            }
        }
    }

    pub(super) fn fail_power(&mut self, branch: BranchIndex) {
        self.crash_all(branch);
        for &node in &self.seats[branch] {
            let failed = &mut self.nodes[node];
            if failed.disk.as_mut().is_some_and(|disk| disk.lose_unwritten(self.now)) {
                failed.set_back = true;
                self.counts.set_back += 1;
            }
        }
    }

    /// From now on, a branch's next save fails.
    pub(super) fn fail_disk(&mut self, branch: BranchIndex) {
        for &node in &self.seats[branch] {
            let failing = &mut self.nodes[node];
            if failing.disk.is_some() && failing.health == Health::Good {
                failing.health = Health::Failing;
            }
        }
    }

    /// A save has failed: nobody knows whether it is on disk, and the process ends. Whoever waits is told.
    pub(super) fn disk_failed(&mut self, node: NodeIndex) {
        self.nodes[node].health = Health::Failed;
        let waiting: Vec<_> = self.nodes[node].tickets.values().copied().collect();
        self.crash(node);
        for (customer, id) in waiting {
            self.tell_failure(customer, id);
        }
    }

    pub(super) fn mend_disk(&mut self, branch: BranchIndex) {
        for node in self.seats[branch].clone() {
            if std::mem::replace(&mut self.nodes[node].health, Health::Good) == Health::Failed {
                self.restart(node);
            }
        }
    }

    /// Starts a second process of a branch, on a copy of its disk.
    pub(super) fn clone_process(&mut self, branch: BranchIndex, fault: usize) {
        let [node] = self.seats[branch][..] else { return };
        let first = &self.nodes[node];
        let Some(mut disk) = first.disk.clone().filter(|_| first.replica.is_some() && !first.links.is_empty()) else {
            return;
        };
        let mut config = first.config.clone();
        let life = self.next_life(node);
        config.own.incarnation = Incarnation(life);
        let Ok(saved) = disk.load();
        let second = Node {
            replica: start(self.plan, config.clone(), true, &saved),
            links: first.links.clone(),
            slowness: first.slowness,
            paused_until: first.paused_until,
            disk: Some(disk),
            life,
            ..Node::idle(first.branch, config)
        };
        let clone = self.nodes.len();
        self.nodes.push(second);
        self.seats[branch].push(clone);
        self.doubled.insert(branch);
        self.was_doubled.insert(branch);
        self.clones.insert(fault);
        self.counts.clones += 1;
        let edges: Vec<usize> = self.nodes[clone].links.values().map(|&(edge, _)| edge).collect();
        for edge in edges {
            self.await_rival(edge, branch);
        }
        let doubled = self.nodes[node].branch;
        self.note(|| check::Kind::Doubled { branch: doubled });
        self.begin_calls(clone);
        self.arm(clone);
    }

    /// The older process of a branch serves no customers any more.
    pub(super) fn supersede(&mut self, branch: BranchIndex, fault: usize) {
        if self.clones.remove(&fault) {
            self.superseded.insert(branch);
        }
    }

    /// The process of a later life of a branch, and that of an earlier one, if it has two.
    fn later_and_earlier(&self, branch: BranchIndex) -> (NodeIndex, Option<NodeIndex>) {
        let age = |node: NodeIndex| {
            let own = self.nodes[node].replica.as_ref().map(|replica| replica.own().incarnation);
            (own, self.nodes[node].life)
        };
        match self.seats[branch][..] {
            [first, second] if age(first) < age(second) => (second, Some(first)),
            [first, second] => (first, Some(second)),
            [first, ..] => (first, None),
            [] => (branch, None),
        }
    }

    /// The process that a customer of a branch reaches: either, if it has two that serve.
    pub(super) fn door(&mut self, branch: BranchIndex) -> NodeIndex {
        match self.seats[branch][..] {
            [only] => only,
            _ if self.superseded.contains(&branch) => self.later_and_earlier(branch).0,
            _ => self.any_process(branch).unwrap_or(branch),
        }
    }

    /// Ends the older one of two processes of a branch, once the other has on its disk all that it has; where branches
    /// call each other, once a peer has, which then hears that the other is back.
    pub(super) fn let_go(&mut self) {
        for branch in self.doubled.clone() {
            let (later, Some(older)) = self.later_and_earlier(branch) else { continue };
            let (Some(has), Some(had)) = (&self.nodes[later].replica, &self.nodes[older].replica) else { continue };
            let is_told = if self.plan.calls.is_some() {
                let is_alone = |peer: BranchId| !self.doubled.contains(&(peer.value() as usize - 1));
                had.links().any(|(peer, is_up, behind)| is_up && behind == 0 && is_alone(peer))
            } else {
                has.unsaved().is_none() && has.has_reached(&had.full_version())
            };
            if had.unsaved().is_none() && is_told {
                // Its disk is thrown away.
                let ended = self.nodes[older].branch;
                self.note(|| check::Kind::Restarted { branch: ended, kept: false });
                self.kill(older);
                self.seats[branch].retain(|&node| node != older);
                self.doubled.remove(&branch);
                self.superseded.remove(&branch);
                self.hand_over_recorder(older, branch);
                // What peers told the one that has ended, they need not tell this one, as far as they know.
                self.seats[branch].clone().into_iter().for_each(|node| self.begin_calls(node));
            }
        }
    }

    /// A customer hears that its branch's disk has failed.
    fn tell_failure(&mut self, customer: super::place::CustomerIndex, id: u64) {
        if let Some(attempt) = self.customers.attempt(customer, id) {
            let wait = self.customer_latency() + super::customers::RETRY_AFTER_US;
            self.after(wait, Event::Impatient { customer, id, attempt });
        }
    }

    /// A request comes to a process that has ended because its disk has failed.
    pub(super) fn refuse_if_failed(&mut self, node: NodeIndex, customer: super::place::CustomerIndex, id: u64) {
        if self.nodes[node].health == Health::Failed {
            self.tell_failure(customer, id);
        }
    }
}
