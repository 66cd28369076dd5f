//! One pass through a history, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Anomaly, AnomalyKind, Event, History, Invocation, Kind, Outcome, Verdict,
    floor::{Floor, shows},
    reads::{Read, Reads},
    verdict::operations,
    writes::{PageKnown, Writes},
};
use crate::types::{
    AccountId, Action, Answer, BranchId, Committed, Concern, Operation, Origin, Queried, Refusal, Time, Version,
};

/// What is known of a branch as the pass goes on.
struct Seen {
    /// What every later answer of it must show.
    floor: Floor,
    forgot_at: Option<Time>,
}

/// An invocation without its completion yet.
struct Pending<'a> {
    invocation: &'a Invocation,
    invoked: Time,
    floor: Floor,
}

struct Judge<'a> {
    history: &'a History,
    writes: Writes,
    seen: BTreeMap<BranchId, Seen>,
    reads: Reads,
    pending: BTreeMap<u64, Pending<'a>>,
    overdrawn: BTreeSet<AccountId>,
    verdict: Verdict,
}

/// Judges a history; see the module's description for what each check promises.
pub fn check(history: &History) -> Verdict {
    let writes = Writes::of(history);
    let seen = |&branch| (branch, Seen { floor: writes.origins.floor(), forgot_at: None });
    let mut judge = Judge {
        history,
        seen: history.branches.iter().map(seen).collect(),
        reads: Reads::default(),
        pending: BTreeMap::new(),
        overdrawn: BTreeSet::new(),
        verdict: Verdict::default(),
        writes,
    };
    judge.verdict.unknown = judge.writes.open.values().map(Vec::len).sum();
    judge.requests();
    for event in &history.events {
        judge.event(event);
    }
    judge.settled();
    judge.verdict
}

impl<'a> Judge<'a> {
    fn accuse(&mut self, anomaly: Anomaly) {
        self.verdict.anomalies.push(anomaly);
    }

    /// Requests that were executed twice, and places that were given twice.
    fn requests(&mut self) {
        for (ids, client, [first, second]) in std::mem::take(&mut self.writes.doubles) {
            let story = format!(
                "one request of customer {client} was committed twice: as operation {} of branch {} and as operation {} of branch {}",
                first.sequence, first.origin, second.sequence, second.origin
            );
            let at = self.history.events.last().map_or(Time(0), |event| event.at);
            let branch = Some(first.origin.branch);
            self.accuse(Anomaly { kind: AnomalyKind::CountedTwice, at, branch, account: None, witnesses: ids, story });
        }
        for (origin, sequence, ids) in std::mem::take(&mut self.writes.shared) {
            let story = format!(
                "two writes were committed as operation {sequence} of branch {origin}: one of them cannot count"
            );
            let (branch, witnesses) = (Some(origin.branch), ids.to_vec());
            self.accuse(Anomaly { kind: AnomalyKind::LostWrite, at: Time(0), branch, account: None, witnesses, story });
        }
    }

    fn event(&mut self, event: &'a Event) {
        match &event.kind {
            Kind::Invoked(invocation) => {
                self.verdict.operations += 1;
                let seen = self.seen.get(&invocation.branch);
                let floor = seen.map_or_else(|| self.writes.origins.floor(), |seen| seen.floor.clone());
                self.pending.insert(invocation.id, Pending { invocation, invoked: event.at, floor });
            }
            Kind::Completed { id, outcome } => {
                if let (Some(pending), Outcome::Answered(answer)) = (self.pending.remove(id), outcome) {
                    self.answer(pending, event.at, answer);
                }
            }
            Kind::Restarted { branch, kept: false } => {
                let floor = self.writes.origins.floor();
                self.seen.insert(*branch, Seen { floor, forgot_at: Some(event.at) });
            }
            Kind::Restarted { .. } | Kind::Final { .. } => {}
        }
    }

    fn answer(&mut self, pending: Pending<'a>, at: Time, answer: &Answer) {
        let Pending { invocation, invoked, mut floor } = pending;
        let Invocation { id, client, branch, action, concern, ref at_least, .. } = *invocation;
        let again = self.writes.again.contains(&id);
        let forgot = |seen: &Seen| seen.forgot_at.is_some_and(|forgot| forgot >= invoked);
        if again || self.seen.get(&branch).is_some_and(forgot) {
            floor = self.writes.origins.floor();
        }
        if !again {
            floor.join(&self.writes.origins, at_least);
        }
        let account = match action {
            Action::Query { account } | Action::Write(Operation { account, .. }) => account,
        };
        let id = Some((id, action));
        let mut read = Read { id, client, branch, account, balance: 0, at, version: None, floor, place: None };
        match answer {
            Answer::Queried(Queried { balance, version }) => {
                (read.balance, read.version) = (*balance, version.clone());
                self.version(&read, at_least);
            }
            Answer::Committed(Committed { origin, sequence, balance }) => {
                (read.balance, read.place) = (*balance, Some((*origin, *sequence)));
                self.place(&read, *origin, *sequence);
            }
            Answer::Refused(Refusal::InsufficientFunds { available, .. }) => read.balance = *available,
            Answer::Refused(_) => return,
        }
        self.read(&read);
        if again {
            return;
        }
        // What was shown is what every later answer must show.
        let place = read.place.and_then(|(origin, sequence)| Some((self.writes.origins.find(origin)?, sequence)));
        for (&other, seen) in self.seen.iter_mut().filter(|(_, seen)| !forgot(seen)) {
            if let Some((index, sequence)) = place.filter(|_| other == branch || concern == Concern::All) {
                seen.floor.raise(index, sequence);
            }
            if let (Answer::Queried(_), true) = (answer, other == branch) {
                seen.floor.join(&self.writes.origins, at_least);
                read.version.iter().for_each(|version| seen.floor.join(&self.writes.origins, version));
            }
        }
    }

    /// A version that was told must have reached what was asked for, and what was shown before.
    fn version(&mut self, read: &Read, at_least: &Version) {
        let Some(version) = &read.version else { return };
        let short = at_least.iter().find(|&(origin, sequence)| !shows(version, origin, sequence));
        let (kind, what, (origin, sequence)) = match (short, self.writes.origins.lack(version, &read.floor)) {
            (Some(lack), _) => (AnomalyKind::StaleRead, "was to show", lack),
            (None, Some(lack)) => (AnomalyKind::WentBack, "had shown", lack),
            (None, None) => return,
        };
        let (known, needed) = (version.sequence(origin), operations(sequence));
        let why = format!("the branch {what} {needed} of branch {origin}, and its version has {known}");
        let lacking = self.writes.page(origin).and_then(|page| page.id(sequence));
        self.accuse(read.anomaly(kind, &why, lacking.as_slice()));
    }

    /// A new write comes after everything that its branch had shown.
    fn place(&mut self, read: &Read, origin: Origin, sequence: u64) {
        let index = self.writes.origins.find(origin);
        let shown = index.map_or(0, |index| read.floor.sequence(index));
        if sequence <= shown && read.id.is_some_and(|(id, _)| !self.writes.again.contains(&id)) {
            let why = format!("its write is operation {sequence} of branch {origin}, which had shown {shown} before");
            self.accuse(read.anomaly(AnomalyKind::WentBack, &why, &[]));
        }
    }

    fn read(&mut self, read: &Read) {
        self.verdict.reads += 1;
        if read.balance < 0 && self.overdrawn.insert(read.account) {
            self.accuse(read.anomaly(
                AnomalyKind::Overdraft,
                "withdrawals at several branches at once were each covered, and together were not",
                &[],
            ));
        }
        if let Some(anomaly) = self.reads.judge(read, &self.writes, &self.history.accounts) {
            self.accuse(anomaly);
        }
    }

    /// What the branches show at the end. Most show the same, which is judged once.
    fn settled(&mut self) {
        let surviving = self.surviving();
        let mut floor = self.writes.origins.floor();
        floor.join(&self.writes.origins, &surviving);
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
            self.lost(*at, *branch, version.as_ref(), &surviving);
            for (&account, &balance) in balances {
                let (version, floor) = (version.clone(), floor.clone());
                let (id, client, branch, at, place) = (None, 0, *branch, *at, None);
                self.read(&Read { id, client, branch, account, balance, at, version, floor, place });
            }
        }
    }

    fn compare(
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
    fn surviving(&self) -> Version {
        let branches = self.history.branches.len();
        let last = |(origin, page): (Origin, &PageKnown)| {
            let kept = page.writes.iter().rev().find(|write| !self.writes.may_be_lost(origin, write, branches));
            kept.map(|write| (origin, write.sequence))
        };
        self.writes.origins.iter().zip(&self.writes.pages).filter_map(last).collect()
    }

    /// Acknowledged writes that a settled branch does not have.
    fn lost(&mut self, at: Time, branch: BranchId, version: Option<&Version>, surviving: &Version) {
        let Some(version) = version else { return };
        let lack = surviving.iter().find(|&(origin, sequence)| !shows(version, origin, sequence));
        let Some((origin, sequence)) = lack else { return };
        let page = self.writes.page(origin);
        let write = page.and_then(|page| page.writes.iter().find(|write| write.sequence == sequence));
        let Some(write) = write else { return };
        let (id, client) = (write.id, write.client);
        let story = format!(
            "branch {branch} has settled without operation {sequence} of branch {origin}, which customer {client} was told is done"
        );
        let witnesses = vec![id];
        self.accuse(Anomaly {
            kind: AnomalyKind::LostWrite,
            at,
            branch: Some(branch),
            account: None,
            witnesses,
            story,
        });
    }
}

fn divergence(at: Time, branch: BranchId, account: Option<AccountId>, story: String) -> Anomaly {
    Anomaly { kind: AnomalyKind::Divergence, at, branch: Some(branch), account, witnesses: Vec::new(), story }
}
