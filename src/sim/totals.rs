//! What settled balances must be where no write may be lost, whatever befell the bank: the sum of what was
//! written, give or take what nobody knows the outcome of. The checkers allow more, where a history says that a
//! branch has come back without its data.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Trouble, Violation, world::World};
use crate::{
    check::{Kind, Outcome},
    types::{Action, Answer, Operation, OperationKind},
};

/// What is known of one write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    NotDone,
    Open,
    Done,
}

impl World<'_> {
    pub(super) fn check_totals(&mut self) {
        let is_doubled = self.plan.faults.iter().any(|fault| matches!(fault.what, Trouble::Clone { .. }));
        if !is_doubled || self.may_lose() || self.settled_at.is_none() || self.plan.bug.is_some() {
            return;
        }
        let mut bounds = BTreeMap::new();
        for (Operation { kind, account, amount }, fate) in self.fates() {
            let amount = amount.value() as i64;
            let effect = if kind == OperationKind::Deposit { amount } else { -amount };
            let (least, most): &mut (i64, i64) = bounds.entry(account).or_default();
            match fate {
                Fate::NotDone => {}
                Fate::Open => (*least, *most) = (*least + effect.min(0), *most + effect.max(0)),
                Fate::Done => (*least, *most) = (*least + effect, *most + effect),
            }
        }
        let Some(balances) = self.nodes.iter().find_map(|node| Some(node.replica.as_ref()?.balances())) else { return };
        for (&account, &balance) in balances {
            let opening = self.history.accounts.get(&account).copied().unwrap_or(0);
            let (least, most) = bounds.get(&account).map_or((opening, opening), |(l, m)| (opening + l, opening + m));
            if !(least..=most).contains(&balance) {
                let reason = if least == most {
                    format!("there is {balance}, and {least} was written")
                } else {
                    format!("there is {balance}, and from {least} to {most} was written")
                };
                self.violations.push(Violation::Total { account, at: self.now, reason });
            }
        }
    }

    /// Whether a write that was told may be lost, rightly.
    fn may_lose(&self) -> bool {
        let volatile = self.plan.disk.is_none();
        self.history.branches.is_empty()
            || self.plan.faults.iter().any(|fault| match fault.what {
                Trouble::Restore { .. } | Trouble::DiskLoss { .. } | Trouble::PowerFailure { .. } => true,
                Trouble::Crash { .. } => volatile,
                Trouble::Partition { .. }
                | Trouble::Pause { .. }
                | Trouble::Slow { .. }
                | Trouble::Clone { .. }
                | Trouble::DiskFailure { .. }
                | Trouble::Loss { .. } => false,
            })
    }

    /// Every write that was asked for, once, and what is known of it.
    fn fates(&self) -> Vec<(Operation, Fate)> {
        let mut writes: Vec<(Operation, Fate)> = Vec::new();
        let mut by_id = BTreeMap::new();
        let mut by_name = BTreeMap::new();
        for event in &self.history.events {
            match &event.kind {
                Kind::Invoked(asked) => {
                    let Action::Write(operation) = asked.action else { continue };
                    let new = writes.len();
                    let name = asked.request.map(|number| (asked.client, number, asked.branch));
                    let write = match name.map(|name| by_name.entry(name)) {
                        Some(Entry::Occupied(known)) => *known.get(),
                        Some(Entry::Vacant(unknown)) => *unknown.insert(new),
                        None => new,
                    };
                    if write == new {
                        writes.push((operation, Fate::NotDone));
                    }
                    by_id.insert(asked.id, write);
                }
                Kind::Completed { id, outcome } => {
                    let Some(write) = by_id.remove(id) else { continue };
                    let fate = match outcome {
                        Outcome::Answered(Answer::Committed(_)) => Fate::Done,
                        Outcome::Answered(Answer::Refused(refusal)) if refusal.is_definite() => Fate::NotDone,
                        Outcome::Answered(Answer::Refused(_) | Answer::Queried(_)) | Outcome::Unknown => Fate::Open,
                    };
                    writes[write].1 = writes[write].1.max(fate);
                }
                Kind::Restarted { .. }
                | Kind::Doubled { .. }
                | Kind::Struck { .. }
                | Kind::Lifted { .. }
                | Kind::Final { .. } => {}
            }
        }
        by_id.into_values().for_each(|write| writes[write].1 = writes[write].1.max(Fate::Open));
        writes
    }
}
