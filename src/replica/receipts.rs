//! Who has which page, as far as this replica was told. Receipts make write concerns work on an overlay, where an
//! origin is not linked to every branch: each travels back by the link that brought the page, and only for origins
//! that asked. They name the life that has the page: what a branch had in an earlier one, it may have lost.

use std::collections::BTreeMap;

use super::{branches::Branches, message::Receipt};
use crate::types::{BranchId, Incarnation, Origin};

/// How far a branch has a page, in its latest life that said so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Held {
    life: Incarnation,
    sequence: u64,
}

impl Held {
    /// Whether a receipt says more.
    fn is_less_than(self, receipt: Receipt) -> bool {
        (self.life, self.sequence) < (receipt.by.incarnation, receipt.sequence)
    }
}

/// The receipts for pages of others, on their way. Of each origin and branch, the last counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Receipts {
    known: BTreeMap<Origin, BTreeMap<BranchId, Held>>,
    /// The life of each branch that receipts named before its page came here.
    awaited: BTreeMap<BranchId, Incarnation>,
}

impl Receipts {
    /// Whether receipts for this origin are kept. One that has a page here always counts; of a branch's
    /// lives without one, the latest: nobody waits in an earlier one, and lives that nobody led
    /// would fill the memory.
    pub(super) fn admit(&mut self, origin: Origin, has_page: impl Fn(Origin) -> bool) -> bool {
        if has_page(origin) {
            return true;
        }
        let awaited = self.awaited.entry(origin.branch).or_insert(origin.incarnation);
        let latest = Origin { incarnation: *awaited, ..origin };
        *awaited = origin.incarnation.max(*awaited);
        if latest.incarnation < origin.incarnation && !has_page(latest) {
            self.known.remove(&latest);
        }
        origin.incarnation >= latest.incarnation
    }

    /// Whether the receipt is news.
    pub(super) fn raise(&mut self, receipt: Receipt) -> bool {
        let new = Held { life: receipt.by.incarnation, sequence: receipt.sequence };
        let of_origin = self.known.entry(receipt.origin).or_default();
        let is_news = of_origin.get(&receipt.by.branch).is_none_or(|held| held.is_less_than(receipt));
        if is_news {
            of_origin.insert(receipt.by.branch, new);
        }
        is_news
    }

    /// What `branch` has of `origin`'s page.
    pub(super) fn get(&self, origin: Origin, branch: BranchId) -> Option<Receipt> {
        let &Held { life, sequence } = self.known.get(&origin)?.get(&branch)?;
        Some(Receipt { by: Origin { branch, incarnation: life }, origin, sequence })
    }

    /// All of them.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Origin, BranchId)> + '_ {
        self.known.iter().flat_map(|(&origin, known)| known.keys().map(move |&branch| (origin, branch)))
    }

    /// A branch has begun this life: nobody waits in its earlier ones any more.
    pub(super) fn overtaken_by(&mut self, life: Origin) {
        let first = Origin { incarnation: Incarnation(0), ..life };
        let earlier: Vec<Origin> = self.known.range(first..life).map(|(&origin, _)| origin).collect();
        for origin in earlier {
            self.known.remove(&origin);
        }
    }
}

/// Who has the own page, by the position of the branch.
#[derive(Clone, Debug)]
pub(super) struct Holders(Vec<Holder>);

/// How far one branch has it, in its latest life: as it told itself in the session that lasts, and as its receipts
/// tell. Once the session is over, it may have lost the former.
#[derive(Clone, Copy, Debug, Default)]
struct Holder {
    life: Incarnation,
    told: u64,
    receipt: u64,
}

impl Holder {
    fn sequence(&self) -> u64 {
        self.told.max(self.receipt)
    }

    /// What it had in an earlier life does not count.
    fn live(&mut self, life: Incarnation) -> bool {
        if life > self.life {
            *self = Self { life, ..Self::default() };
        }
        life == self.life
    }
}

impl Holders {
    pub(super) fn new(branches: &Branches) -> Self {
        Self(vec![Holder::default(); branches.len()])
    }

    fn holder(&mut self, branches: &Branches, branch: BranchId) -> Option<&mut Holder> {
        branches.position(branch).map(|position| &mut self.0[position])
    }

    /// A receipt has come; whether it is news.
    pub(super) fn raise(&mut self, branches: &Branches, by: Origin, sequence: u64) -> bool {
        let Some(holder) = self.holder(branches, by.branch) else { return false };
        let before = holder.sequence();
        if holder.live(by.incarnation) {
            holder.receipt = sequence.max(holder.receipt);
        }
        holder.sequence() > before
    }

    /// A neighbour itself says what it has; whether that is more than was known. It `may_have_less` than before.
    pub(super) fn tell(&mut self, branches: &Branches, by: Origin, sequence: u64, may_have_less: bool) -> bool {
        let Some(holder) = self.holder(branches, by.branch) else { return false };
        let before = holder.sequence();
        if holder.live(by.incarnation) {
            holder.told = if may_have_less { sequence } else { sequence.max(holder.told) };
            if may_have_less {
                holder.receipt = sequence.min(holder.receipt);
            }
        }
        holder.sequence() > before
    }

    /// The session with a neighbour is over.
    pub(super) fn end_session(&mut self, branches: &Branches, branch: BranchId) {
        if let Some(holder) = self.holder(branches, branch) {
            holder.told = 0;
        }
    }

    /// A branch has begun this life.
    pub(super) fn begin(&mut self, branches: &Branches, life: Origin) {
        if let Some(holder) = self.holder(branches, life.branch) {
            holder.live(life.incarnation);
        }
    }

    /// How far each branch but the own has it.
    pub(super) fn others(&self, branches: &Branches, own: BranchId) -> impl Iterator<Item = u64> + '_ {
        let own = branches.position(own);
        self.0
            .iter()
            .enumerate()
            .filter(move |&(position, _)| Some(position) != own)
            .map(|(_, holder)| holder.sequence())
    }
}
