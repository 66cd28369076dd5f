//! What follows from a step of a replica: replies, messages, saves.

use super::{Bug, Violation, event::Event, node::Health, place::NodeIndex, world::World};
use crate::{
    replica::{Input, Output, PeerOffence, Replica, Save},
    types::{Answer, BranchId},
};

impl World<'_> {
    /// Carries out what a step asks for.
    pub(super) fn follow(&mut self, node: NodeIndex, outputs: &mut Vec<Output>) {
        for output in outputs.drain(..) {
            match output {
                Output::Reply { ticket, answer } => self.reply(node, ticket, answer),
                Output::Ready(peer) => self.pump(node, peer),
                Output::Save => self.save(node),
                Output::Faulty { from, fault } => {
                    self.refused(self.nodes[node].branch, from, &fault);
                }
            }
        }
        self.check_invariants(node);
        self.arm(node);
    }

    /// A replica refuses what a peer says: once is enough to know it.
    pub(super) fn refused(&mut self, branch: BranchId, peer: BranchId, fault: &PeerOffence) {
        let is_same = |known: &Violation| matches!(known, Violation::Refused { branch: at, peer: by, .. } if (*at, *by) == (branch, peer));
        if !self.violations.iter().any(is_same) {
            let (at, reason) = (self.now, fault.to_string());
            self.violations.push(Violation::Refused { branch, peer, at, reason });
        }
    }

    fn save(&mut self, node: NodeIndex) {
        let Some(save) = self.nodes[node].replica.as_mut().and_then(Replica::poll_save) else { return };
        let (number, life) = (save.number, self.nodes[node].life);
        let (least, most) = self.plan.disk.map_or((0, 0), |disk| disk.save_us);
        let wait = self.rng.u64(least..=most);
        self.nodes[node].saving = Some(save.clone());
        self.after(wait, Event::Saved { node, life, save: Box::new(save) });
        if self.has_bug(Bug::AcknowledgedBeforeSaved) {
            self.step(node, Input::Saved(number));
        }
    }

    pub(super) fn saved(&mut self, node: NodeIndex, life: u64, save: &Save) {
        if self.nodes[node].life != life {
            return;
        }
        let (now, saving) = (self.now, &mut self.nodes[node]);
        if saving.health == Health::Failing {
            return self.disk_failed(node);
        }
        if let Some(disk) = &mut saving.disk {
            disk.write(save, now);
        }
        saving.saving = None;
        self.step(node, Input::Saved(save.number));
        self.answer_calls(node, save.number);
    }

    /// Sends a reply on its way to the customer, as the branch tells it.
    fn reply(&mut self, node: NodeIndex, ticket: u64, mut answer: Answer) {
        let Some((customer, id)) = self.nodes[node].tickets.remove(&ticket) else { return };
        self.tell_customer(node, customer, id, &mut answer);
        self.record(node, |recorder, now| recorder.answered(now, ticket, &answer));
        if !self.is_customer_loss() {
            let wait = self.customer_latency();
            self.after(wait, Event::Answered { customer, id, answer });
        }
    }
}
