//! Every balance that a customer was told, held against every balance that it could have been.

use std::collections::BTreeMap;

use super::{
    Anomaly, AnomalyKind,
    sums::Sums,
    writes::{Open, Writes, effect},
};
use crate::types::{AccountId, BranchId, Origin, Time, Version};

/// A balance that was told.
#[derive(Clone, Debug)]
pub(super) struct Read {
    /// By which invocation; `None`: at the end.
    pub(super) id: Option<u64>,
    pub(super) client: u64,
    pub(super) branch: BranchId,
    pub(super) account: AccountId,
    pub(super) balance: i64,
    pub(super) at: Time,
    /// The version that it shows, if that was told.
    pub(super) version: Option<Version>,
    /// What it must show at least.
    pub(super) floor: Version,
    /// The place of the write that it answers: what it shows of that page ends there.
    pub(super) place: Option<(Origin, u64)>,
}

impl Read {
    /// "customer 3 read 570 at branch 2 at 12.4 ms"
    pub(super) fn told(&self) -> String {
        let Self { client, branch, balance, at, .. } = self;
        let milliseconds = at.0 as f64 / 1e3;
        match self.id {
            Some(_) => format!("customer {client} read {balance} at branch {branch} at {milliseconds} ms"),
            None => format!("branch {branch} has settled at {balance}"),
        }
    }

    pub(super) fn anomaly(&self, kind: AnomalyKind, why: &str) -> Anomaly {
        let account = (self.account != AccountId::DEFAULT).then(|| format!(" (account {})", self.account));
        Anomaly {
            kind,
            at: self.at,
            branch: Some(self.branch),
            account: Some(self.account),
            witnesses: self.id.into_iter().collect(),
            story: format!("{}{}; {why}", self.told(), account.unwrap_or_default()),
        }
    }
}

/// Why a read cannot be, if it cannot. `openings` are the accounts' opening balances.
pub(super) fn judge(read: &Read, writes: &Writes, openings: &BTreeMap<AccountId, i64>) -> Option<Anomaly> {
    let opening = *openings.get(&read.account)?;
    let kind = if read.id.is_some() { AnomalyKind::ImpossibleRead } else { AnomalyKind::Conservation };
    let mut sums = Sums::one(opening);
    let mut count = 0;
    let told = match &read.version {
        Some(version) => at_version(read, version, writes, &mut sums, &mut count),
        None => {
            at_any(read, writes, &mut sums, &mut count);
            Ok(())
        }
    };
    if let Err(why) = told {
        return Some(read.anomaly(kind, &why));
    }
    if sums.contains(read.balance) {
        return None;
    }
    let why = match count {
        0 => format!("the operations that it must show give {sums}"),
        1 => format!("with and without the one operation that could count it is {sums}"),
        _ => format!("every order of the {count} operations that could count gives {sums}"),
    };
    Some(read.anomaly(kind, &why))
}

/// The sums of a known version: of each page, the placed writes up to there, and as many open ones
/// as are missing.
fn at_version(
    read: &Read,
    version: &Version,
    writes: &Writes,
    sums: &mut Sums,
    count: &mut usize,
) -> Result<(), String> {
    for (origin, sequence) in version.iter() {
        let page = writes.pages.get(&origin);
        if let Some(page) = page {
            if page.asked_for(sequence) > read.at {
                return Err(format!("its version names a write of branch {origin} that nobody had asked for yet"));
            }
            sums.add_one_of(std::iter::once(page.sum(read.account, sequence)));
        }
        let placed = page.map_or(0, |page| page.count(sequence));
        let open = writes.open_by(origin.branch, read.at);
        let missing = usize::try_from(sequence).unwrap_or(usize::MAX).saturating_sub(placed);
        if missing > open.len() {
            return Err(format!(
                "its version counts {sequence} operations of branch {origin}, but only {} could have been",
                placed + open.len()
            ));
        }
        *count += if missing > 0 { open.len() } else { 0 };
        add_some(sums, read.account, open, missing);
    }
    Ok(())
}

/// Adds `missing` of the open writes.
fn add_some(sums: &mut Sums, account: AccountId, open: &[Open], missing: usize) {
    let mut effects: Vec<i64> =
        open.iter().map(|open| if open.operation.account == account { effect(open.operation) } else { 0 }).collect();
    if missing == 0 {
        return;
    }
    if missing == effects.len() {
        return sums.add_one_of(std::iter::once(effects.iter().sum()));
    }
    effects.sort_unstable();
    let least = effects.iter().take(missing).sum();
    let most = effects.iter().rev().take(missing).sum();
    if missing == 1 {
        return sums.add_one_of(effects.iter().copied());
    }
    sums.add_between(least, most);
    sums.blur();
}

/// The sums of any version that is possible: of each page, any prefix from the floor to the last
/// write that had been asked for, and any of the open ones.
fn at_any(read: &Read, writes: &Writes, sums: &mut Sums, count: &mut usize) {
    for (&origin, page) in &writes.pages {
        let (mut least, mut most) = (read.floor.sequence(origin), page.asked_by(read.at));
        if let Some((_, sequence)) = read.place.filter(|&(own, _)| own == origin) {
            (least, most) = (sequence, sequence);
        }
        *count += page.count(most).saturating_sub(page.count(least));
        sums.add_one_of(page.sums_from(read.account, least, most));
    }
    for &branch in writes.open.keys() {
        let open = writes.open_by(branch, read.at);
        for open in open.iter().filter(|open| open.operation.account == read.account) {
            if open.certain && read.id.is_none() && writes.forgot.is_empty() {
                sums.add_one_of(std::iter::once(effect(open.operation)));
            } else {
                *count += 1;
                sums.add_maybe(effect(open.operation));
            }
        }
    }
}
