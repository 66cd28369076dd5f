//! The writes of a history, sorted by what is known of them: those with a place on an origin's page,
//! and those that may have happened anywhere on a page of their branch.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Anomaly, AnomalyKind, Event, History, Kind,
    floor::Origins,
    lives::{Lives, Turn},
    names::{Fate, Fates, Known},
    placed::{PageKnown, Placed, effect},
};
use crate::types::{
    AccountId, BranchId, Committed, MAX_AMOUNT, MAX_OPENING, Operation, OperationKind, Origin, Time, Version,
};

/// A write of unknown outcome, or of an unknown place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) id: u64,
    pub(super) branch: BranchId,
    pub(super) operation: Operation,
    pub(super) invoked: Time,
    /// Whether it was committed for certain, somewhere.
    pub(super) certain: bool,
    /// Whether it can have been tried again.
    is_named: bool,
}

/// Every write of a history.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) origins: Origins,
    /// Of each origin, in the same order.
    pub(super) pages: Vec<PageKnown>,
    /// By branch, in the order of their invocations.
    pub(super) open: BTreeMap<BranchId, Vec<Open>>,
    /// The same of all branches, by account, in the order of their invocations.
    open_on: BTreeMap<AccountId, OpenOn>,
    /// What cannot be of the answers to writes, without a look at what they show.
    pub(super) anomalies: Vec<Anomaly>,
    /// Invocations that may be told what another try came to: their answer may be older than they are, and show less
    /// than they named.
    pub(super) again: BTreeSet<u64>,
    /// The first try of each request that was tried more than once.
    pub(super) tried_again: BTreeSet<u64>,
    /// Branches that came back without their data, and when.
    pub(super) forgot: Vec<(Time, BranchId)>,
    pub(super) lives: Lives,
}

/// The open writes on one account.
#[derive(Debug, Default)]
struct OpenOn {
    open: Vec<Open>,
    /// After each: the least and the greatest sum, if the certain ones may be left out, and if not.
    bounds: Vec<[(i128, i128); 2]>,
}

impl OpenOn {
    fn push(&mut self, open: Open) {
        let [loose, strict] = self.bounds.last().copied().unwrap_or_default();
        let effect = i128::from(effect(open.operation));
        let maybe = |(least, most): (i128, i128)| (least + effect.min(0), most + effect.max(0));
        let surely = |(least, most): (i128, i128)| (least + effect, most + effect);
        self.bounds.push([maybe(loose), if open.certain { surely(strict) } else { maybe(strict) }]);
        self.open.push(open);
    }

    fn by(&self, time: Time, strictly: bool) -> (&[Open], (i128, i128)) {
        let count = self.open.partition_point(|open| open.invoked <= time);
        let bounds = count.checked_sub(1).map_or([(0, 0); 2], |last| self.bounds[last]);
        (&self.open[..count], bounds[usize::from(strictly)])
    }
}

impl Writes {
    pub(super) fn of(history: &History) -> Self {
        let fates = Fates::of(history);
        let mut writes = Self { origins: Origins::of(history), lives: Lives::of(history), ..Self::default() };
        writes.pages.resize_with(writes.origins.len(), PageKnown::default);
        writes.again = fates.again.iter().copied().collect();
        for Event { at, kind } in &history.events {
            if let Kind::Restarted { branch, kept: false } = kind {
                writes.forgot.push((*at, *branch));
            }
        }
        writes.take_turns(history, &fates);
        writes.anomalies.extend(fates.judge(history, &writes.lives));
        for fate in &fates.all {
            writes.sort(fate, history);
        }
        writes.pages.iter_mut().for_each(PageKnown::seal);
        writes.find_shared();
        writes.find_beyond_bounds(history);
        writes.sort_open();
        writes
    }

    /// Holds the lives of each branch against each other, where there are several or may be.
    fn take_turns(&mut self, history: &History, fates: &Fates<'_>) {
        for &branch in &history.branches {
            if self.origins.of_branch(branch).count() < 2 && !self.lives.came_back(branch) {
                continue;
            }
            let turn = |fate: &Fate<'_>| {
                let place = fate.places.first().filter(|place| place.origin.branch == branch)?;
                Some(Turn { id: fate.first.id, origin: place.origin, invoked: fate.invoked, told: fate.told })
            };
            self.lives.take_turns(branch, fates.all.iter().filter_map(turn).collect());
        }
        for Turn { id, origin, told, .. } in std::mem::take(&mut self.lives.dead) {
            self.anomalies.push(Anomaly {
                kind: AnomalyKind::Misplaced,
                at: history.events[told].at,
                branch: Some(origin.branch),
                account: None,
                witnesses: vec![id],
                story: format!(
                    "a write is on page {origin}, that of a life of branch {} that had ended before it was asked for",
                    origin.branch
                ),
            });
        }
    }

    fn sort(&mut self, fate: &Fate<'_>, history: &History) {
        let invoked = history.events[fate.invoked].at;
        let (first, operation) = (fate.first, fate.operation);
        let (id, client, branch, concern) = (first.id, first.client, first.branch, first.concern);
        let open = Open { id, branch, operation, invoked, certain: false, is_named: first.request.is_some() };
        if fate.ids.len() > 1 {
            self.tried_again.insert(id);
        }
        match fate.known(&self.lives) {
            Known::Placed => {
                let mut origins: Vec<Origin> = Vec::new();
                for &Committed { origin, sequence, .. } in &fate.places {
                    // Each life that executed it has it in one place.
                    if let (false, Some(index)) = (origins.contains(&origin), self.origins.find(origin)) {
                        origins.push(origin);
                        self.pages[index].writes.push(Placed { id, client, operation, concern, invoked, sequence });
                    }
                }
                let told = history.events[fate.told].at;
                self.may_be_taken_along(open, told);
            }
            known @ (Known::Certain | Known::Open) => {
                self.open.entry(branch).or_default().push(Open { certain: known == Known::Certain, ..open });
                if self.lives.is_any_doubled() && open.is_named {
                    self.may_be_taken_along(open, Time(u64::MAX));
                }
            }
            Known::Not => self.may_be_taken_along(open, Time(u64::MAX)),
        }
    }

    /// What is known of a write is what a later life of its branch said of another try: an earlier one may have been
    /// executed too, by a life that took it along.
    fn may_be_taken_along(&mut self, write: Open, told: Time) {
        let between = write.invoked..=told;
        if self.forgot.iter().any(|(at, branch)| *branch == write.branch && between.contains(at)) {
            self.open.entry(write.branch).or_default().push(write);
        }
    }

    /// How often the open writes of a branch may have been done again by then: by a later life than the one that took
    /// them along, after which both were shown, but not at once.
    pub(super) fn done_again_by(&self, branch: BranchId, time: Time) -> usize {
        let between = |open: &Open| {
            let forgot = self.forgot.iter().filter(|(at, it)| *it == branch && open.invoked <= *at && *at <= time);
            forgot.count()
        };
        self.open_by(branch, time).iter().filter(|open| open.is_named).map(between).sum()
    }

    fn find_shared(&mut self) {
        for (origin, page) in self.origins.iter().zip(&self.pages) {
            for pair in page.writes.windows(2).filter(|pair| pair[0].sequence == pair[1].sequence) {
                let sequence = pair[0].sequence;
                self.anomalies.push(Anomaly {
                    kind: AnomalyKind::LostWrite,
                    at: pair[0].invoked.max(pair[1].invoked),
                    branch: Some(origin.branch),
                    account: None,
                    witnesses: vec![pair[0].id, pair[1].id],
                    story: format!(
                        "two writes were committed as operation {sequence} of branch {origin}: one of them cannot count"
                    ),
                });
            }
        }
    }

    /// Balances and totals that no bank can hold.
    fn find_beyond_bounds(&mut self, history: &History) {
        let accuse = |at, branch, account, story| Anomaly {
            kind: AnomalyKind::OutOfBounds,
            at,
            branch,
            account: Some(account),
            witnesses: Vec::new(),
            story,
        };
        for (&account, &opening) in &history.accounts {
            if !(0..=MAX_OPENING).contains(&opening) {
                let story = format!("account {account} opens with {opening}: an opening is from 0 to {MAX_OPENING}");
                self.anomalies.push(accuse(Time(0), None, account, story));
            }
        }
        for (origin, page) in self.origins.iter().zip(&self.pages) {
            let last = page.latest_invoked.last().copied().unwrap_or_default();
            for (account, total) in page.totals_beyond_bounds() {
                let story = format!(
                    "page {origin} has a total of {total} on account {account}: the limit is {MAX_AMOUNT}, beyond which writes are refused"
                );
                self.anomalies.push(accuse(last, Some(origin.branch), account, story));
            }
        }
    }

    fn sort_open(&mut self) {
        let mut all: Vec<Open> = self.open.values().flatten().copied().collect();
        all.sort_by_key(|open| open.invoked);
        for open in all {
            self.open_on.entry(open.operation.account).or_default().push(open);
        }
    }

    /// The open writes on an account that had been asked for by then, and the least and the greatest
    /// sum of them; `strictly`: those that certainly were committed count.
    pub(super) fn open_on(&self, account: AccountId, time: Time, strictly: bool) -> (&[Open], (i128, i128)) {
        self.open_on.get(&account).map_or((&[], (0, 0)), |open| open.by(time, strictly))
    }

    pub(super) fn page(&self, origin: Origin) -> Option<&PageKnown> {
        self.origins.find(origin).map(|index| &self.pages[index])
    }

    /// Whether a version counts operations of a branch that nobody was told the place of.
    pub(super) fn is_short_of(&self, version: &Version, branch: BranchId) -> bool {
        let lives = version.iter().filter(|(origin, _)| origin.branch == branch);
        lives.into_iter().any(|(origin, sequence)| {
            let placed = self.origins.find(origin).map_or(0, |index| self.pages[index].count(sequence));
            (placed as u64) < sequence
        })
    }

    /// Whether all of a page's first operations have a place, and had been asked for by then.
    pub(super) fn has_all(&self, index: usize, sequence: u64, by: Time) -> bool {
        let placed = self.pages[index].count(sequence);
        placed as u64 == sequence && self.pages[index].asked_for(placed) <= by
    }

    /// How many of a page's first operations are none of those with a place.
    ///
    /// # Errors
    /// Why these cannot have been by then.
    pub(super) fn missing(&self, origin: Origin, sequence: u64, by: Time) -> Result<usize, String> {
        let Some(page) = self.page(origin) else { return Ok(usize::try_from(sequence).unwrap_or(usize::MAX)) };
        let placed = page.count(sequence);
        if page.asked_for(placed) > by {
            return Err(format!("names a write of branch {origin} that nobody had asked for yet"));
        }
        Ok(usize::try_from(sequence).unwrap_or(usize::MAX).saturating_sub(placed))
    }

    /// The branches, two at most, at which withdrawals from an account could have counted.
    pub(super) fn withdrawn_at(&self, account: AccountId) -> BTreeSet<BranchId> {
        let pays = |operation: Operation| operation.kind == OperationKind::Withdraw && operation.account == account;
        let placed = self.origins.iter().zip(&self.pages).filter(|(_, page)| {
            page.accounts.contains_key(&account) && page.writes.iter().any(|write| pays(write.operation))
        });
        let (open, _) = self.open_on(account, Time(u64::MAX), false);
        let open = open.iter().filter(|open| pays(open.operation)).map(|open| open.branch);
        let mut found = BTreeSet::new();
        for branch in placed.map(|(origin, _)| origin.branch).chain(open) {
            found.insert(branch);
            if found.len() == 2 {
                break;
            }
        }
        found
    }

    /// What all writes of a branch come to that are like this one and could count.
    pub(super) fn most_total(&self, branch: BranchId, like: Operation) -> u128 {
        let lives = self.origins.of_branch(branch).flat_map(|(index, _)| &self.pages[index].writes);
        let placed = lives.map(|write| write.operation);
        let open = self.open_by(branch, Time(u64::MAX)).iter().map(|open| open.operation);
        let alike = placed.chain(open).filter(|it| (it.kind, it.account) == (like.kind, like.account));
        alike.map(|operation| u128::from(operation.amount.value())).sum()
    }

    /// The open writes of a branch that had been asked for by then.
    pub(super) fn open_by(&self, branch: BranchId, time: Time) -> &[Open] {
        let open = self.open.get(&branch).map_or(&[][..], Vec::as_slice);
        &open[..open.partition_point(|open| open.invoked <= time)]
    }

    /// Whether a write may be gone, rightly: enough branches have lost their data since.
    pub(super) fn may_be_lost(&self, origin: Origin, write: &Placed, branches: usize) -> bool {
        let since: BTreeSet<BranchId> =
            self.forgot.iter().filter(|(at, _)| *at >= write.invoked).map(|&(_, branch)| branch).collect();
        since.contains(&origin.branch) && since.len() >= write.concern.replicas(branches)
    }
}
