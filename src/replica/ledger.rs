//! Every page a replica has, and the balances that follow from them. Keeps the pages in the order of
//! their last change, so that what a peer lacks is found without looking at every page.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    branches::Branches,
    changes::Changes,
    delta::{Delta, Past},
    news::Moved,
    offence::PeerOffence,
    page::{Joined, Page, PageIndex},
};
use crate::types::{
    AccountId, BranchId, Incarnation, MAX_AMOUNT, MAX_ORIGINS, Operation, OperationKind, Origin, Refusal, Version,
};

/// The most pages of a ledger: what peers can name must end somewhere. A life that never wrote has none.
const MAX_PAGES: usize = 1 << 17;

/// The largest balance of a ledger that has more than [`MAX_ORIGINS`] pages. Up to so many, none can be too large.
pub(super) const MAX_BALANCE: i64 = 1 << 62;

#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub(super) openings: BTreeMap<AccountId, i64>,
    pub(super) balances: BTreeMap<AccountId, i64>,
    pub(super) pages: Vec<Page>,
    /// How many operations the pages count, all together.
    pub(super) operations: u64,
    branches: Branches,
    /// By the position of its branch: the page of the latest life that is known here.
    latest: Vec<Option<PageIndex>>,
    /// The pages of earlier lives.
    earlier: BTreeMap<Origin, PageIndex>,
    /// Of each page: up to where other pages stand on it, so that a version which lists those need not list it.
    pub(super) covered: Vec<u64>,
    /// The pages of which there is more.
    pub(super) uncovered: BTreeSet<PageIndex>,
    /// Of each page: the peer that told it as it is now, if it can still be asked.
    told_by: Vec<Option<BranchId>>,
    /// In which order the pages have changed.
    pub(super) changes: Changes,
    /// The last change by which an origin asked for receipts.
    last_wish: u64,
    /// What joins have moved since it was last asked for; `None`: nobody will ask.
    moved: Option<Vec<Moved>>,
    /// Whether an earlier life's page of the own branch may have come since the last own operation.
    has_earlier: bool,
}

impl Ledger {
    /// The ledger of `own`, whose page comes first.
    pub(super) fn new(own: Origin, branches: Branches, openings: BTreeMap<AccountId, i64>) -> Self {
        let mut ledger = Self {
            balances: openings.clone(),
            openings,
            pages: Vec::new(),
            operations: 0,
            latest: vec![None; branches.len()],
            branches,
            earlier: BTreeMap::new(),
            covered: Vec::new(),
            uncovered: BTreeSet::new(),
            told_by: Vec::new(),
            changes: Changes::default(),
            last_wish: 0,
            moved: None,
            has_earlier: false,
        };
        ledger.add(Page::new(own));
        ledger
    }

    /// The page that this replica writes.
    pub(super) const OWN: PageIndex = 0;

    pub(super) fn balance(&self, account: AccountId) -> Result<i64, Refusal> {
        self.balances.get(&account).copied().ok_or(Refusal::UnknownAccount { account })
    }

    pub(super) fn balances(&self) -> &BTreeMap<AccountId, i64> {
        &self.balances
    }

    pub(super) fn own(&self) -> &Page {
        &self.pages[Self::OWN]
    }

    pub(super) fn page(&self, index: PageIndex) -> &Page {
        &self.pages[index]
    }

    pub(super) fn pages(&self) -> impl ExactSizeIterator<Item = (PageIndex, &Page)> {
        self.pages.iter().enumerate()
    }

    pub(super) fn find(&self, origin: Origin) -> Option<PageIndex> {
        let latest = self.branches.position(origin.branch).and_then(|position| self.latest[position]);
        latest.filter(|&index| self.pages[index].origin == origin).or_else(|| self.earlier.get(&origin).copied())
    }

    pub(super) fn sequence(&self, origin: Origin) -> u64 {
        self.find(origin).map_or(0, |index| self.pages[index].sequence)
    }

    /// What is here, without what other pages of it stand on.
    pub(super) fn version(&self) -> Version {
        self.uncovered.iter().map(|&index| &self.pages[index]).map(|page| (page.origin, page.sequence)).collect()
    }

    /// Every page with its sequence.
    pub(super) fn sequences(&self) -> impl Iterator<Item = (Origin, u64)> + '_ {
        self.pages.iter().filter(|page| page.sequence > 0).map(|page| (page.origin, page.sequence))
    }

    /// The pages that a page stands on as it is now, of what began after its operation `base`, and up to where.
    /// They are here (see [`Ledger::is_closed`]).
    pub(super) fn past_after(&self, index: PageIndex, base: u64) -> impl Iterator<Item = (PageIndex, u64)> + '_ {
        self.past_between(index, base, u64::MAX)
    }

    /// The same of the page as it was at operation `through`.
    pub(super) fn past_between(
        &self,
        index: PageIndex,
        base: u64,
        through: u64,
    ) -> impl Iterator<Item = (PageIndex, u64)> + '_ {
        let past = self.pages[index].past_after(base).filter(move |past| past.from <= through);
        past.filter_map(|past| Some((self.find(past.origin)?, past.sequence)))
    }

    /// The pages of the lives before `origin` of its branch.
    pub(super) fn earlier_lives(&self, origin: Origin) -> impl Iterator<Item = PageIndex> + '_ {
        let first = Origin { incarnation: Incarnation(0), ..origin };
        let latest = self.branches.position(origin.branch).and_then(|position| self.latest[position]);
        let latest = latest.filter(|&index| self.pages[index].origin < origin);
        self.earlier.range(first..origin).map(|(_, &index)| index).chain(latest)
    }

    /// Whether everything is here that a page stands on.
    pub(super) fn is_closed(&self, mut past: impl Iterator<Item = Past>) -> bool {
        past.all(|past| self.sequence(past.origin) >= past.sequence)
    }

    /// A page has changed: what it stands on now need not be listed, and itself may have to be.
    fn cover(&mut self, index: PageIndex, base: u64) {
        if base > 0 && self.covered[index] == 0 && !self.pages[index].has_past() {
            // It is listed, and nothing else changes. So it is with most pages.
            return;
        }
        let past: Vec<(PageIndex, u64)> = self.past_after(index, base).collect();
        for (earlier, sequence) in past {
            self.covered[earlier] = sequence.max(self.covered[earlier]);
            if self.pages[earlier].sequence <= self.covered[earlier] {
                self.uncovered.remove(&earlier);
            }
        }
        if self.pages[index].sequence > self.covered[index] {
            self.uncovered.insert(index);
        }
    }

    /// Lets the own page's next operation stand on every earlier life's page of its branch that is here and that no
    /// other page stands on.
    pub(super) fn stand_on_earlier_lives(&mut self) {
        let own = self.own().origin;
        let is_earlier = |&index: &PageIndex| index != Self::OWN && self.pages[index].origin.branch == own.branch;
        let earlier: Vec<PageIndex> = self.uncovered.iter().copied().filter(is_earlier).collect();
        for index in earlier {
            let (origin, sequence) = (self.pages[index].origin, self.pages[index].sequence);
            if origin < own {
                self.pages[Self::OWN].stand_on(origin, sequence);
            }
        }
        self.has_earlier = false;
    }

    /// How many operations are counted here: grows with every change of the version.
    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    /// The first origin in which this replica falls short of `version`, with the sequence it needs.
    pub(super) fn shortfall(&self, version: &Version) -> Option<(Origin, u64)> {
        version.iter().find(|&(origin, sequence)| self.sequence(origin) < sequence)
    }

    /// Counts an own operation and returns the account's new balance. The caller has judged it.
    pub(super) fn commit(&mut self, operation: Operation) -> Result<i64, Refusal> {
        if self.has_earlier {
            self.stand_on_earlier_lives();
        }
        let is_safe = self.pages.len() <= MAX_ORIGINS;
        let Some(balance) = self.balances.get_mut(&operation.account) else {
            return Err(Refusal::UnknownAccount { account: operation.account });
        };
        if !is_safe && operation.kind == OperationKind::Deposit && *balance > MAX_BALANCE - MAX_AMOUNT as i64 {
            return Err(Refusal::TotalLimit { total: MAX_AMOUNT, requested: operation.amount });
        }
        let is_first = self.pages[Self::OWN].commit(operation)?;
        let amount = operation.amount.value() as i64;
        *balance += match operation.kind {
            OperationKind::Deposit => amount,
            OperationKind::Withdraw => -amount,
        };
        let balance = *balance;
        self.operations += 1;
        self.changes.stamp(Self::OWN);
        // A later life's page stands on this one, if another process serves the branch too.
        if is_first || self.covered[Self::OWN] > 0 {
            self.cover(Self::OWN, self.own().sequence - 1);
        }
        Ok(balance)
    }

    /// The peer that told an origin's page as it is here.
    pub(super) fn told_by(&self, origin: Origin) -> Option<BranchId> {
        self.told_by[self.find(origin)?]
    }

    pub(super) fn set_told_by(&mut self, index: PageIndex, peer: BranchId) {
        self.told_by[index] = Some(peer);
    }

    /// This peer can no longer be told anything.
    pub(super) fn forget_told_by(&mut self, peer: BranchId) {
        self.told_by.iter_mut().for_each(|told_by| *told_by = told_by.filter(|&known| known != peer));
    }

    /// Asks every replica for a receipt of the own page as it is.
    pub(super) fn want_receipts(&mut self) {
        let own = &mut self.pages[Self::OWN];
        if own.confirm_through < own.sequence {
            own.confirm_through = own.sequence;
            self.changes.stamp(Self::OWN);
            self.last_wish = self.changes.last();
        }
    }

    /// Joins a delta; says which page it was, if there is one, and what came of it.
    pub(super) fn join(&mut self, delta: &Delta) -> Result<(Option<PageIndex>, Joined), PeerOffence> {
        self.judge(delta)?;
        let known = self.find(delta.origin);
        if known == Some(Self::OWN) && delta.sequence > self.own().sequence {
            return Err(PeerOffence::OwnPage { claimed: delta.sequence, written: self.own().sequence });
        }
        self.merge(known, delta)
    }

    /// Joins a delta that may be joined to a page, or to a new one.
    fn merge(&mut self, known: Option<PageIndex>, delta: &Delta) -> Result<(Option<PageIndex>, Joined), PeerOffence> {
        if known.is_none() && self.pages.len() >= MAX_PAGES {
            return Err(PeerOffence::TooManyOrigins { origin: delta.origin });
        }
        if !self.is_closed(delta.past.iter().copied()) {
            return Ok((known, Joined::Gap));
        }
        if self.pages.len() > MAX_ORIGINS {
            self.judge_balances(known, delta)?;
        }
        let own = self.own().origin.branch;
        let mut new = Page::new(delta.origin);
        let page = known.map_or(&mut new, |index| &mut self.pages[index]);
        let (balances, moved) = (&mut self.balances, &mut self.moved);
        let (before, wished) = (page.sequence, page.confirm_through);
        let joined = page.join(delta, |account, change| {
            if let Some(balance) = balances.get_mut(&account) {
                *balance += change;
                moved.iter_mut().for_each(|moved| moved.push((account, change, *balance)));
            }
        })?;
        self.operations += page.sequence - before;
        let is_of_own_branch = delta.origin.branch == own;
        let wishes = page.confirm_through > wished;
        if joined != Joined::Advanced {
            // A page begins with its first operation: an empty one would only take another's place.
            return Ok((known, joined));
        }
        let index = known.unwrap_or_else(|| self.add(new));
        self.changes.stamp(index);
        self.cover(index, before);
        if wishes {
            self.last_wish = self.changes.last();
        }
        self.has_earlier |= is_of_own_branch;
        Ok((Some(index), joined))
    }

    /// Lets what joins move gather from now on; returns what the pages that are here have moved, each
    /// with its origin and sequence.
    pub(super) fn keep_moves(&mut self) -> Vec<((Origin, u64), Vec<Moved>)> {
        self.moved = Some(Vec::new());
        let mut balances = self.openings.clone();
        let mut moved_by = |page: &Page| {
            let moved = page.nets().map(|(account, change)| {
                let balance = balances.entry(account).or_default();
                *balance += change;
                (account, change, *balance)
            });
            ((page.origin, page.sequence), moved.collect())
        };
        self.pages.iter().map(&mut moved_by).collect()
    }

    /// What joins have moved since this was last asked for.
    pub(super) fn take_moved(&mut self) -> Vec<Moved> {
        self.moved.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes a page from disk: the own one too.
    pub(super) fn restore(&mut self, page: &Delta) -> Result<(), PeerOffence> {
        self.judge(page)?;
        match self.merge(self.find(page.origin), page)? {
            (_, Joined::Advanced | Joined::Known) => Ok(()),
            (_, Joined::Gap) => Err(PeerOffence::Malformed { origin: page.origin, reason: "its beginning is missing" }),
        }
    }

    fn add(&mut self, page: Page) -> PageIndex {
        let index = self.pages.len();
        let origin = page.origin;
        self.pages.push(page);
        self.changes.add_page();
        self.covered.push(0);
        self.told_by.push(None);
        let latest = self.branches.position(origin.branch).map(|position| &mut self.latest[position]);
        let is_later = |known: PageIndex| self.pages[known].origin < origin;
        match latest {
            Some(latest) if latest.is_none_or(is_later) => {
                if let Some(known) = latest.replace(index) {
                    self.earlier.insert(self.pages[known].origin, known);
                }
            }
            Some(_) | None => drop(self.earlier.insert(origin, index)),
        }
        index
    }

    /// The delta of one plain operation, if it is the one that follows what is here.
    pub(super) fn delta_of(&self, origin: Origin, sequence: u64, operation: Operation) -> Option<Delta> {
        match self.find(origin) {
            Some(index) if sequence.checked_sub(1) == Some(self.pages[index].sequence) => {
                Some(self.pages[index].delta_of(sequence, operation))
            }
            None if sequence == 1 => Some(Page::new(origin).delta_of(sequence, operation)),
            Some(_) | None => None,
        }
    }

    pub(super) fn last_wish(&self) -> u64 {
        self.last_wish
    }
}
