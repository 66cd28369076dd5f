//! What befalls a branch on purpose: messages that are lost or late, links that are cut, a branch that
//! holds still. Faults belong to its wires; the replica knows nothing of them.

use std::{collections::BTreeMap, time::Duration};

use crate::types::BranchId;

/// What befalls the messages that go one way.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Way {
    /// All are lost.
    pub cut: bool,
    /// The share that is lost, 0 to 1.
    pub loss: f64,
    /// How much longer than usual each is held back.
    pub delay: Duration,
}

/// Both ways of the link with one peer. Each end knows both, since it must not dial a peer whose answer
/// will not arrive.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Wire {
    /// What this branch says.
    pub to: Way,
    /// What the peer says.
    pub from: Way,
}

/// Everything that befalls one branch; by default nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Faults {
    /// By peer; nothing befalls the others.
    pub wires: BTreeMap<BranchId, Wire>,
    /// The share of customers' requests, and of the answers to them, that is lost.
    pub customer_loss: f64,
    /// It answers nobody and sends nothing.
    pub paused: bool,
}

impl Way {
    /// Adds what another fault does: a message must get past both.
    pub fn join(&mut self, other: Self) {
        self.cut |= other.cut;
        self.loss = 1.0 - (1.0 - self.loss) * (1.0 - other.loss);
        self.delay += other.delay;
    }

    /// Whether this message is lost.
    pub(super) fn loses(&self) -> bool {
        self.cut || self.loss > 0.0 && fastrand::f64() < self.loss
    }
}

impl Faults {
    /// Whether nothing befalls the branch.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn wire(&self, peer: BranchId) -> Wire {
        self.wires.get(&peer).copied().unwrap_or_default()
    }

    /// Whether a session with the peer cannot be: a stream needs both ways, and a call the way there.
    pub(super) fn cuts(&self, peer: BranchId, needs_both: bool) -> bool {
        let Wire { to, from } = self.wire(peer);
        to.cut || needs_both && from.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_must_get_past_every_fault() {
        let mut way = Way { cut: false, loss: 0.5, delay: Duration::from_millis(2) };
        way.join(Way { cut: false, loss: 0.5, delay: Duration::from_millis(3) });
        assert_eq!(way, Way { cut: false, loss: 0.75, delay: Duration::from_millis(5) });
        way.join(Way { cut: true, ..Way::default() });
        assert!(way.loses());
        assert!(!Way::default().loses());
    }
}
