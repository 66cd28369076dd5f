//! Every page a replica has, and the balances that follow from them. Keeps the pages in the order of
//! their last change, so that what a peer lacks is found without looking at every page.

use std::collections::BTreeMap;

use super::{
    Delta, PeerFault,
    branches::Branches,
    news::Moved,
    page::{Joined, MAX_SEQUENCE, Page},
};
use crate::types::{AccountId, MAX_AMOUNT, MAX_ORIGINS, Operation, OperationKind, Origin, Refusal, Version};

/// Where a page stands in the ledger.
pub(super) type PageIndex = usize;

#[derive(Clone, Debug)]
pub(super) struct Ledger {
    openings: BTreeMap<AccountId, i64>,
    balances: BTreeMap<AccountId, i64>,
    pages: Vec<Page>,
    /// How many operations the pages count, all together.
    operations: u64,
    branches: Branches,
    /// By the position of its branch: the page of the latest life that is known here.
    latest: Vec<Option<PageIndex>>,
    /// The pages of earlier lives.
    earlier: BTreeMap<Origin, PageIndex>,
    /// Each changed page's stamp: the later the change, the higher.
    stamps: Vec<u64>,
    /// The changes, oldest first, each with its page. One whose page has changed again is out of date
    /// and skipped; when most are, they are dropped.
    order: Vec<(u64, PageIndex)>,
    last_stamp: u64,
    /// The last change by which an origin asked for receipts.
    last_wish: u64,
    /// Whether a link has read up to `last_stamp`. If none has, the next change of the same page
    /// needs no new stamp: a burst of operations costs one.
    read: bool,
    /// What joins have moved since it was last asked for; `None`: nobody will ask.
    moved: Option<Vec<Moved>>,
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
            stamps: Vec::new(),
            order: Vec::new(),
            last_stamp: 0,
            last_wish: 0,
            read: true,
            moved: None,
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

    pub(super) fn version(&self) -> Version {
        self.pages.iter().map(|page| (page.origin, page.sequence)).collect()
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
        let Some(balance) = self.balances.get_mut(&operation.account) else {
            return Err(Refusal::UnknownAccount { account: operation.account });
        };
        self.pages[Self::OWN].commit(operation)?;
        let amount = operation.amount.value() as i64;
        *balance += match operation.kind {
            OperationKind::Deposit => amount,
            OperationKind::Withdraw => -amount,
        };
        let balance = *balance;
        self.operations += 1;
        self.stamp(Self::OWN);
        Ok(balance)
    }

    /// Asks every replica for a receipt of the own page as it is.
    pub(super) fn want_receipts(&mut self) {
        let own = &mut self.pages[Self::OWN];
        if own.confirm_through < own.sequence {
            own.confirm_through = own.sequence;
            self.stamp(Self::OWN);
            self.last_wish = self.last_stamp;
        }
    }

    /// Joins a delta; says which page it was, if there is one, and what came of it.
    pub(super) fn join(&mut self, delta: &Delta) -> Result<(Option<PageIndex>, Joined), PeerFault> {
        self.judge(delta)?;
        let known = self.find(delta.origin);
        if known == Some(Self::OWN) && delta.sequence > self.own().sequence {
            return Err(PeerFault::OwnPage { claimed: delta.sequence, written: self.own().sequence });
        }
        self.merge(known, delta)
    }

    /// Joins a delta that may be joined to a page, or to a new one.
    fn merge(&mut self, known: Option<PageIndex>, delta: &Delta) -> Result<(Option<PageIndex>, Joined), PeerFault> {
        if known.is_none() && self.pages.len() >= MAX_ORIGINS {
            return Err(PeerFault::TooManyOrigins { origin: delta.origin });
        }
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
        let wishes = page.confirm_through > wished;
        if joined != Joined::Advanced {
            // A page begins with its first operation: an empty one would only take another's place.
            return Ok((known, joined));
        }
        let index = known.unwrap_or_else(|| self.add(new));
        self.stamp(index);
        if wishes {
            self.last_wish = self.last_stamp;
        }
        Ok((Some(index), joined))
    }

    /// Lets what joins move gather from now on; returns what the pages that are here have moved, each
    /// with its origin and sequence.
    pub(super) fn watch(&mut self) -> Vec<((Origin, u64), Vec<Moved>)> {
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
    pub(super) fn restore(&mut self, page: &Delta) -> Result<(), PeerFault> {
        self.judge(page)?;
        match self.merge(self.find(page.origin), page)? {
            (_, Joined::Advanced | Joined::Known) => Ok(()),
            (_, Joined::Gap) => Err(PeerFault::Malformed { origin: page.origin, reason: "its beginning is missing" }),
        }
    }

    /// What can be said of a delta without looking at its page.
    fn judge(&self, delta: &Delta) -> Result<(), PeerFault> {
        let malformed = |reason| Err(PeerFault::Malformed { origin: delta.origin, reason });
        if delta.base > delta.sequence || delta.confirm_through > delta.sequence {
            return malformed("it ends before it begins");
        }
        if delta.sequence > MAX_SEQUENCE {
            return malformed("its sequence is above any limit");
        }
        if delta.sequence > delta.base && delta.entries.iter().all(|entry| entry.sequence != delta.sequence) {
            return malformed("no entry is of its last operation");
        }
        for (position, entry) in delta.entries.iter().enumerate() {
            if !self.openings.contains_key(&entry.account) {
                return Err(PeerFault::UnknownAccount { origin: delta.origin, account: entry.account });
            }
            if entry.sequence <= delta.base || entry.sequence > delta.sequence {
                return malformed("an entry's sequence is out of its range");
            }
            if entry.deposited > MAX_AMOUNT || entry.withdrawn > MAX_AMOUNT {
                return malformed("a total is above its limit");
            }
            if position > 0 && delta.entries[position - 1].sequence >= entry.sequence {
                return malformed("its entries are out of order");
            }
        }
        if delta.entries.len() > 1 {
            let mut accounts: Vec<AccountId> = delta.entries.iter().map(|entry| entry.account).collect();
            accounts.sort_unstable();
            if accounts.windows(2).any(|pair| pair[0] == pair[1]) {
                return malformed("it has two entries of one account");
            }
        }
        Ok(())
    }

    fn add(&mut self, page: Page) -> PageIndex {
        let index = self.pages.len();
        let origin = page.origin;
        self.pages.push(page);
        self.stamps.push(0);
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

    fn stamp(&mut self, index: PageIndex) {
        if !self.read && self.stamps[index] == self.last_stamp {
            return;
        }
        self.last_stamp += 1;
        self.stamps[index] = self.last_stamp;
        self.order.push((self.last_stamp, index));
        if self.order.len() > 2 * self.pages.len() + 16 {
            let stamps = &self.stamps;
            self.order.retain(|&(stamp, index)| stamps[index] == stamp);
        }
        self.read = false;
    }

    /// Fixes the order: whatever changes from now on comes after [`Ledger::last_stamp`].
    pub(super) fn mark_read(&mut self) {
        self.read = true;
    }

    /// The pages that changed after `stamp`, oldest change first. Call [`Ledger::mark_read`] before.
    pub(super) fn changed_after(&self, stamp: u64) -> impl Iterator<Item = (u64, PageIndex)> + '_ {
        let known = self.order.partition_point(|&(change, _)| change <= stamp);
        self.order[known..].iter().copied().filter(|&(change, index)| self.stamps[index] == change)
    }

    pub(super) fn last_stamp(&self) -> u64 {
        self.last_stamp
    }

    pub(super) fn last_wish(&self) -> u64 {
        self.last_wish
    }

    /// Checks what must hold in every state.
    pub(super) fn invariants(&self) -> Result<(), String> {
        let mut balances = self.openings.clone();
        for page in &self.pages {
            if !page.is_consistent() {
                return Err(format!("page {} disagrees with itself: {page:?}", page.origin));
            }
            for (account, net) in page.nets() {
                *balances.entry(account).or_default() += net;
            }
        }
        if balances != self.balances {
            return Err(format!("balances {:?} do not follow from the pages, {balances:?} do", self.balances));
        }
        let operations: u64 = self.pages.iter().map(|page| page.sequence).sum();
        if operations != self.operations {
            return Err(format!("{} operations are counted, but the pages have {operations}", self.operations));
        }
        let stamped = self.stamps.iter().filter(|&&stamp| stamp > 0).count();
        if self.changed_after(0).count() != stamped || !self.order.is_sorted() {
            return Err("the order of pages disagrees with their stamps".to_owned());
        }
        let found = self.pages.iter().enumerate().all(|(index, page)| self.find(page.origin) == Some(index));
        if found { Ok(()) } else { Err("a page is not found where it is".to_owned()) }
    }
}
