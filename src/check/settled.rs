//! What every branch shows in the end, when nobody waits for anything any more.

use std::collections::BTreeMap;

use super::{
    Anomaly, AnomalyKind, Event, Kind,
    floor::{Floor, shows},
    judge::Judge,
    placed::PageKnown,
    reads::Read,
    verdict::operations,
};
use crate::types::{AccountId, BranchId, Origin, Time, Version};

impl<'a> Judge<'a> {
    /// What the branches show at the end. Most show the same, which is judged once.
    pub(super) fn settled(&mut self) {
        let surviving = self.surviving();
        let mut floor = self.writes.origins.floor();
        floor.join(&self.writes.origins, &surviving);
        // All have what any has shown.
        self.seen.values().for_each(|seen| floor.join_floor(&seen.floor));
        let mut first: Option<(BranchId, &BTreeMap<AccountId, i64>, Option<&Version>)> = None;
        for Event { at, kind } in &self.history.events {
            let Kind::Final { branch, balances, version } = kind else { continue };
            self.verdict.settled += 1;
            match first {
                Some((_, others, known)) if (others, known) == (balances, version.as_ref()) => {
                    self.verdict.reads += balances.len();
                    continue;
                }
                None => first = Some((*branch, balances, version.as_ref())),
                Some((other, others, known)) => {
                    self.compare(*at, (*branch, balances), (other, others));
                    if let (Some(version), Some(known)) = (version, known)
                        && version != known
                    {
                        let story = format!("branches {other} and {branch} have settled at different versions");
                        self.accuse(divergence(*at, *branch, None, story));
                    }
                }
            }
            if let Some(version) = version
                && !self.lost(*at, *branch, version, &surviving)
            {
                self.went_back(*at, *branch, version, &floor);
            }
            self.complete(*at, *branch, balances);
            for (&account, &balance) in balances {
                let (version, floor) = (version.clone(), floor.clone());
                let (id, client, branch, at, place) = (None, 0, *branch, *at, None);
                self.read(&Read { id, client, branch, account, balance, at, version, floor, place });
            }
        }
    }

    pub(super) fn compare(
        &mut self,
        at: Time,
        mine: (BranchId, &BTreeMap<AccountId, i64>),
        other: (BranchId, &BTreeMap<AccountId, i64>),
    ) {
        for (&account, &balance) in mine.1 {
            let there = other.1.get(&account).copied();
            if there != Some(balance) {
                let story = format!(
                    "branch {} has settled at {balance} and branch {} at {} on account {account}",
                    mine.0,
                    other.0,
                    there.map_or("nothing".to_owned(), |balance| balance.to_string())
                );
                self.accuse(divergence(at, mine.0, Some(account), story));
            }
        }
    }

    /// Of each page, what nobody may have lost.
    pub(super) fn surviving(&self) -> Version {
        let branches = self.history.branches.len();
        let last = |(origin, page): (Origin, &PageKnown)| {
            let kept = page.writes.iter().rev().find(|write| !self.writes.may_be_lost(origin, write, branches));
            kept.map(|write| (origin, write.sequence))
        };
        self.writes.origins.iter().zip(&self.writes.pages).filter_map(last).collect()
    }

    /// Whether a settled branch does not have some acknowledged write.
    pub(super) fn lost(&mut self, at: Time, branch: BranchId, version: &Version, surviving: &Version) -> bool {
        let lack = surviving.iter().find(|&(origin, sequence)| !shows(version, origin, sequence));
        let Some((origin, sequence)) = lack else { return false };
        let page = self.writes.page(origin);
        let write = page.and_then(|page| page.writes.iter().find(|write| write.sequence == sequence));
        let Some(write) = write else { return false };
        let (id, client) = (write.id, write.client);
        let story = format!(
            "branch {branch} has settled without operation {sequence} of branch {origin}, which customer {client} was told is done"
        );
        self.accuse(settled(AnomalyKind::LostWrite, at, branch, None, vec![id], story));
        true
    }

    /// A settled branch has everything that it or another had shown.
    pub(super) fn went_back(&mut self, at: Time, branch: BranchId, version: &Version, floor: &Floor) {
        if let Some((origin, sequence)) = self.writes.origins.lack(version, floor) {
            let (needed, known) = (operations(sequence), version.sequence(origin));
            let story = format!(
                "branch {branch} has settled with {known} of page {origin}, of which {needed} had been shown before"
            );
            self.accuse(settled(AnomalyKind::WentBack, at, branch, None, Vec::new(), story));
        }
    }

    /// A settled branch has every account.
    pub(super) fn complete(&mut self, at: Time, branch: BranchId, balances: &BTreeMap<AccountId, i64>) {
        for &account in self.history.accounts.keys().filter(|account| !balances.contains_key(account)) {
            let story = format!("branch {branch} has settled without account {account}");
            self.accuse(settled(AnomalyKind::Conservation, at, branch, Some(account), Vec::new(), story));
        }
    }
}

fn settled(
    kind: AnomalyKind,
    at: Time,
    branch: BranchId,
    account: Option<AccountId>,
    witnesses: Vec<u64>,
    story: String,
) -> Anomaly {
    Anomaly { kind, at, branch: Some(branch), account, witnesses, story }
}

fn divergence(at: Time, branch: BranchId, account: Option<AccountId>, story: String) -> Anomaly {
    settled(AnomalyKind::Divergence, at, branch, account, Vec::new(), story)
}
