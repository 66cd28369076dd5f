//! Where the planted bugs act: on what a branch says, on what it hears and on what it tells its
//! customers, around a replica that knows nothing of them.

use std::collections::BTreeMap;

use super::{
    Bug,
    event::Event,
    place::{CustomerIndex, NodeIndex},
    world::World,
};
use crate::{
    replica::{Input, PeerMessage},
    types::{AccountId, Action, Answer, BranchId, Operation, OperationKind, Refusal, Version},
};

/// A write this soon after news from a peer had read the balance before.
const READ_MODIFY_WRITE_US: u64 = 2_000;

impl World<'_> {
    /// What a branch with a bug says instead. Returns the balances that go along, if they do.
    pub(super) fn tamper_sent(&self, node: NodeIndex, message: &mut PeerMessage) -> Option<BTreeMap<AccountId, i64>> {
        let sender = &self.nodes[node];
        match (self.plan.bug?, message) {
            (Bug::AbsoluteBalance, PeerMessage::Update(_) | PeerMessage::Call(_)) => {
                sender.replica.as_ref().map(|replica| sender.told(replica.balances()))
            }
            (Bug::DeltaMissesAccount, PeerMessage::Update(update)) => {
                for delta in update.deltas.iter_mut().filter(|delta| delta.entries.len() > 1) {
                    delta.entries.remove(0);
                }
                None
            }
            (Bug::AcknowledgementOutlivesData, PeerMessage::Greeting { version }) => {
                if let Some(claimed) = &sender.claimed {
                    version.join(claimed);
                }
                None
            }
            (Bug::AcknowledgementOutlivesData, PeerMessage::Acknowledgement { number: 0, version }) => {
                if let Some(claimed) = &sender.claimed {
                    let mut all: Version = version.iter().copied().collect();
                    all.join(claimed);
                    *version = all.iter().collect();
                }
                None
            }
            _ => None,
        }
    }

    /// A branch with a bug hears something.
    pub(super) fn deliver_tampered(
        &mut self,
        node: NodeIndex,
        from: BranchId,
        message: PeerMessage,
        told: Option<BTreeMap<AccountId, i64>>,
    ) {
        let balances = |world: &Self| {
            world.nodes[node].replica.as_ref().map(|replica| replica.balances().clone()).unwrap_or_default()
        };
        let before = balances(self);
        self.step(node, Input::Message { from, message });
        let after = balances(self);
        let mut changes: BTreeMap<AccountId, i64> = BTreeMap::new();
        for (&account, &balance) in &after {
            let change = balance - before.get(&account).copied().unwrap_or(balance);
            if change != 0 {
                changes.insert(account, change);
            }
        }
        let offsets = &mut self.nodes[node].offsets;
        for (&account, &change) in &changes {
            let offset = offsets.entry(account).or_default();
            let balance = after.get(&account).copied().unwrap_or(0);
            if self.plan.bug == Some(Bug::RejudgedWithdrawal) && change < 0 && balance + *offset < 0 {
                *offset -= change;
            }
            if let Some(absolute) = told.as_ref().and_then(|told| told.get(&account)) {
                *offset = absolute - balance;
            }
        }
        if !changes.is_empty() {
            self.nodes[node].news = Some((self.now, changes));
        }
    }

    /// What a branch with a bug tells a customer.
    pub(super) fn tell_customer(&mut self, node: NodeIndex, customer: CustomerIndex, id: u64, answer: &mut Answer) {
        if self.plan.bug.is_none() {
            return;
        }
        let Some(action) = self.operation(customer, id) else { return };
        let account = match action {
            Action::Query { account } => account,
            Action::Write(operation) => operation.account,
        };
        let branch = &mut self.nodes[node];
        match answer {
            Answer::Committed(_) if self.plan.bug == Some(Bug::LostUpdate) => {
                let recent = branch.news.as_ref().filter(|(at, _)| self.now.0 - at.0 <= READ_MODIFY_WRITE_US);
                if let Some(change) = recent.and_then(|(_, changes)| changes.get(&account)) {
                    *branch.offsets.entry(account).or_default() -= change;
                    branch.news = None;
                }
            }
            Answer::Refused(Refusal::InsufficientFunds { .. }) if self.has_bug(Bug::RefusedWithdrawalPropagated) => {
                if let Action::Write(Operation { kind: OperationKind::Withdraw, amount, .. }) = action {
                    self.whisper(node, account, -(amount.value() as i64));
                }
            }
            Answer::Committed(_) | Answer::Queried(_) | Answer::Refused(_) => {}
        }
        let offset = self.nodes[node].offsets.get(&account).copied().unwrap_or(0);
        match answer {
            Answer::Committed(committed) => committed.balance += offset,
            Answer::Queried(queried) => queried.balance += offset,
            Answer::Refused(Refusal::InsufficientFunds { available, .. }) => *available += offset,
            Answer::Refused(_) => {}
        }
    }

    fn whisper(&mut self, node: NodeIndex, account: AccountId, change: i64) {
        for other in (0..self.nodes.len()).filter(|&other| other != node) {
            let (from, to) = (self.nodes[node].branch.value(), self.nodes[other].branch.value());
            let wait = self.plan.network.latency.draw(&mut self.rng, from, to);
            self.after(wait, Event::Whisper { node: other, account, change });
        }
    }
}
