//! Every balance that a customer was told, held against every balance that it could have been.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Anomaly, AnomalyKind,
    floor::{Floor, is_spoken_for},
    sums::Sums,
    verdict::operations,
    writes::{Open, Writes, effect},
};
use crate::types::{AccountId, Action, BranchId, OperationKind, Origin, Time, Version};

/// How many invocations a witness names at most.
const MAX_WITNESSES: usize = 16;

/// A balance that was told.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// By which invocation, and what that asked for; `None`: at the end.
    pub(super) id: Option<(u64, Action)>,
    pub(super) client: u64,
    pub(super) branch: BranchId,
    pub(super) account: AccountId,
    pub(super) balance: i64,
    pub(super) at: Time,
    /// The version that it shows, if that was told.
    pub(super) version: Option<Version>,
    /// What it must show at least.
    pub(super) floor: Floor,
    /// The place of the write that it answers: what it shows of that page ends there.
    pub(super) place: Option<(Origin, u64)>,
}

impl Read {
    /// "customer 3 read 570 at branch 2 at 12.4 ms"
    pub(super) fn told(&self) -> String {
        let Self { client, branch, balance, at, account, .. } = self;
        let milliseconds = at.0 as f64 / 1e3;
        let of = if *account == AccountId::DEFAULT { String::new() } else { format!(" on account {account}") };
        let before = match self.id {
            None => return format!("branch {branch} has settled at {balance}{of}"),
            Some((_, Action::Query { .. })) => String::new(),
            Some((_, Action::Write(operation))) => match (self.place, operation.kind) {
                (Some(_), OperationKind::Deposit) => format!("deposited {} and ", operation.amount),
                (Some(_), OperationKind::Withdraw) => format!("withdrew {} and ", operation.amount),
                (None, _) => format!("was refused {} and ", operation.amount),
            },
        };
        format!("customer {client} {before}read {balance}{of} at branch {branch} at {milliseconds} ms")
    }

    pub(super) fn anomaly(&self, kind: AnomalyKind, why: &str, others: &[u64]) -> Anomaly {
        let own = self.id.map(|(id, _)| id);
        let others = others.iter().copied().filter(|&id| Some(id) != own);
        Anomaly {
            kind,
            at: self.at,
            branch: Some(self.branch),
            account: Some(self.account),
            witnesses: own.into_iter().chain(others).take(MAX_WITNESSES).collect(),
            story: format!("{}; {why}", self.told()),
        }
    }

    /// From where to where a page may be shown: from the floor to the last write that had been asked for.
    fn window(&self, index: usize, origin: Origin, writes: &Writes) -> (u64, u64) {
        match self.place {
            Some((own, sequence)) if own == origin => (sequence, sequence),
            Some(_) | None => (self.floor.sequence(index), writes.pages[index].asked_by(self.at)),
        }
    }

    /// At the end, what certainly was committed counts, unless it may have been lost.
    fn is_strict(&self, writes: &Writes) -> bool {
        self.id.is_none() && writes.forgot.is_empty()
    }
}

/// What the pages of all other branches can add at one branch. Once possible, it stays possible: with
/// time, more has been asked for. Only a higher floor can take something away.
#[derive(Debug)]
struct Proven {
    at: Time,
    floor: Floor,
    bounds: (i64, i64),
}

/// What is known of the reads so far. Most reads are within what an earlier one has proven, and are
/// done with that; so a history is judged in a time that grows with its length and little more.
#[derive(Debug, Default)]
pub(super) struct Reads {
    proven: BTreeMap<(BranchId, AccountId), Proven>,
}

impl Reads {
    /// Why a read cannot be, if it cannot. `openings` are the accounts' opening balances.
    pub(super) fn judge(
        &mut self,
        read: &Read,
        writes: &Writes,
        openings: &BTreeMap<AccountId, i64>,
    ) -> Option<Anomaly> {
        let opening = *openings.get(&read.account)?;
        let kind = if read.id.is_some() { AnomalyKind::ImpossibleRead } else { AnomalyKind::Conservation };
        let sums = match &read.version {
            None => self.at_any(read, writes, opening),
            Some(version) => match at_version(read, version, writes, opening) {
                Ok(sums) => sums,
                Err(why) => return Some(read.anomaly(kind, &why, &[])),
            },
        };
        if sums.contains(read.balance) {
            return None;
        }
        let (certain, possible) = counted(read, writes);
        let why = match (certain.len(), possible.len()) {
            (0, 0) => format!("no operation could count, so that it is {sums}"),
            (1, 0) => format!("the one operation that it must show gives {sums}"),
            (count, 0) => format!("the {count} operations that it must show give {sums}"),
            (_, 1) => format!("with and without the one operation that could count it is {sums}"),
            (_, count) => format!("every order of the {count} operations that could count gives {sums}"),
        };
        Some(read.anomaly(kind, &why, &[possible, certain].concat()))
    }

    /// The sums of any version that is possible: of each page, any prefix from the floor to the last
    /// write that had been asked for, and any of the open ones.
    fn at_any(&mut self, read: &Read, writes: &Writes, opening: i64) -> Sums {
        let key = (read.branch, read.account);
        let is_at_home = read.place.is_none_or(|(origin, _)| origin.branch == read.branch);
        let holds = |proven: &&Proven| is_at_home && proven.at <= read.at && proven.floor.dominates(&read.floor);
        if let Some(proven) = self.proven.get(&key).filter(holds) {
            let (least, most) = proven.bounds;
            let mut sums = Sums::between(least, most);
            add_own(read, writes, opening, &mut sums);
            if sums.contains(read.balance) {
                return sums;
            }
        }
        let mut sums = Sums::one(0);
        let mut floor = read.floor.clone();
        for (index, origin) in writes.origins.iter().enumerate() {
            if origin.branch == read.branch {
                floor.raise(index, u64::MAX);
            } else {
                add_page(read, writes, (index, origin), &mut sums);
            }
        }
        if is_at_home && !sums.is_exact() {
            self.proven.insert(key, Proven { at: read.at, floor, bounds: sums.bounds() });
        }
        add_own(read, writes, opening, &mut sums);
        sums
    }
}

fn add_page(read: &Read, writes: &Writes, (index, origin): (usize, Origin), sums: &mut Sums) {
    let (least, most) = read.window(index, origin, writes);
    if let Some(stretch) = writes.pages[index].stretch(read.account, least, most) {
        sums.add_stretch(stretch);
    }
}

/// The opening balance, the pages of the branch's own lives, and the open writes of all branches.
fn add_own(read: &Read, writes: &Writes, opening: i64, sums: &mut Sums) {
    sums.add(opening);
    for (index, origin) in writes.origins.of_branch(read.branch) {
        add_page(read, writes, (index, origin), sums);
    }
    let strictly = read.is_strict(writes);
    let (open, (least, most)) = writes.open_on(read.account, read.at, strictly);
    if !sums.is_exact() || open.len() > 10 {
        return sums.add_between(least, most);
    }
    for open in open {
        if strictly && open.certain {
            sums.add(effect(open.operation));
        } else {
            sums.add_maybe(effect(open.operation));
        }
    }
}

/// The sums of a known version: of each page, the placed writes up to there, and as many open ones
/// as are missing.
fn at_version(read: &Read, version: &Version, writes: &Writes, opening: i64) -> Result<Sums, String> {
    let mut sums = Sums::one(opening);
    for (origin, sequence) in version.iter() {
        let page = writes.origins.find(origin).map(|index| &writes.pages[index]);
        let placed = page.map_or(0, |page| page.count(sequence));
        if let Some(page) = page {
            if page.asked_for(placed) > read.at {
                return Err(format!("its version names a write of branch {origin} that nobody had asked for yet"));
            }
            if let Some(stretch) = page.stretch(read.account, sequence, sequence) {
                sums.add_stretch(stretch);
            }
        }
        let missing = usize::try_from(sequence).unwrap_or(usize::MAX).saturating_sub(placed);
        if missing == 0 {
            continue;
        }
        let open = writes.open_by(origin.branch, read.at);
        if missing > open.len() {
            let could = match placed + open.len() {
                0 => "none".to_owned(),
                count => format!("only {count}"),
            };
            let counts = operations(sequence);
            return Err(format!("its version counts {counts} of branch {origin}, but {could} could have been"));
        }
        add_some(&mut sums, read.account, open, missing);
    }
    add_spoken_for(read, version, writes, &mut sums);
    Ok(sums)
}

/// Of a life that a later one speaks for, some prefix counts, and with it some of its branch's open writes.
fn add_spoken_for(read: &Read, version: &Version, writes: &Writes, sums: &mut Sums) {
    let mut branches = BTreeSet::new();
    for (index, origin) in writes.origins.iter().enumerate().filter(|&(_, origin)| is_spoken_for(version, origin)) {
        add_page(read, writes, (index, origin), sums);
        branches.insert(origin.branch);
    }
    let open = branches.into_iter().flat_map(|branch| writes.open_by(branch, read.at));
    for open in open.filter(|open| open.operation.account == read.account) {
        sums.add_maybe(effect(open.operation));
    }
}

/// Adds `missing` of the open writes.
fn add_some(sums: &mut Sums, account: AccountId, open: &[Open], missing: usize) {
    let mut effects: Vec<i64> =
        open.iter().map(|open| if open.operation.account == account { effect(open.operation) } else { 0 }).collect();
    if missing == effects.len() {
        sums.add(effects.iter().sum());
    } else if missing == 1 {
        sums.add_one_of(&effects);
    } else {
        effects.sort_unstable();
        let least = effects.iter().take(missing).sum();
        let most = effects.iter().rev().take(missing).sum();
        sums.add_between(least, most);
    }
}

/// The invocations whose writes on the account a read must show, and those that it may.
fn counted(read: &Read, writes: &Writes) -> (Vec<u64>, Vec<u64>) {
    let (mut certain, mut possible) = (Vec::new(), Vec::new());
    for (index, origin) in writes.origins.iter().enumerate() {
        let page = &writes.pages[index];
        let known = read.version.as_ref().map(|version| version.sequence(origin));
        let (least, most) = known.map_or_else(|| read.window(index, origin, writes), |known| (known, known));
        if let Some(stretch) = page.stretch(read.account, 0, most) {
            let (shown, open) = stretch.sequences().split_at(stretch.sequences().partition_point(|&at| at <= least));
            certain.extend(shown.iter().filter_map(|&sequence| page.id(sequence)));
            possible.extend(open.iter().filter_map(|&sequence| page.id(sequence)));
        }
    }
    let missing = |open: &&Open| {
        let version = read.version.as_ref();
        version.is_none_or(|version| writes.is_short_of(version, open.branch))
    };
    let (open, _) = writes.open_on(read.account, read.at, false);
    for open in open.iter().filter(missing) {
        let is_counted = open.certain && read.version.is_none() && read.is_strict(writes);
        if is_counted { &mut certain } else { &mut possible }.push(open.id);
    }
    (certain, possible)
}
