//! One pass through a history, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Anomaly, AnomalyKind, Event, History, Invocation, Kind, Outcome, Verdict,
    answers::contradiction,
    floor::{Floor, shows},
    reads::{Read, Reads},
    verdict::operations,
    writes::Writes,
};
use crate::types::{
    AccountId, Action, Answer, BranchId, Committed, Operation, OperationKind, Origin, Queried, Refusal, Time, Version,
};

/// What is known of a branch as the pass goes on.
pub(super) struct Seen {
    /// What every later answer of it must show.
    pub(super) floor: Floor,
    forgot_at: Option<Time>,
    /// Whether it ran more than once at the same time: then it is held to nothing that it has shown.
    is_doubled: bool,
}

impl Seen {
    /// Whether what it answers to a question of that time may be less than it had shown before.
    fn may_show_less(&self, invoked: Time) -> bool {
        self.is_doubled || self.forgot_at.is_some_and(|forgot| forgot >= invoked)
    }
}

/// An invocation without its completion yet.
struct Pending<'a> {
    invocation: &'a Invocation,
    invoked: Time,
    floor: Floor,
    /// Whether a fault lasted when it was asked.
    in_fault: bool,
}

pub(super) struct Judge<'a> {
    pub(super) history: &'a History,
    pub(super) writes: Writes,
    pub(super) seen: BTreeMap<BranchId, Seen>,
    reads: Reads,
    pending: BTreeMap<u64, Pending<'a>>,
    overdrawn: BTreeSet<AccountId>,
    /// The branches at which an overdrawn account was withdrawn from, two at most.
    withdrawn_at: BTreeMap<AccountId, BTreeSet<BranchId>>,
    /// By branch, account and whether they are deposits: what all that could count comes to.
    totals: BTreeMap<(BranchId, AccountId, bool), u128>,
    /// The faults that last.
    lasting: BTreeSet<u64>,
    pub(super) verdict: Verdict,
}

/// Judges a history; see the module's description for what each check promises.
pub fn check(history: &History) -> Verdict {
    let writes = Writes::of(history);
    let seen = |&branch| {
        let is_doubled = writes.lives.is_doubled(branch);
        (branch, Seen { floor: writes.origins.floor(), forgot_at: None, is_doubled })
    };
    let mut judge = Judge {
        history,
        seen: history.branches.iter().map(seen).collect(),
        reads: Reads::default(),
        pending: BTreeMap::new(),
        overdrawn: BTreeSet::new(),
        withdrawn_at: BTreeMap::new(),
        totals: BTreeMap::new(),
        lasting: BTreeSet::new(),
        verdict: Verdict::default(),
        writes,
    };
    judge.verdict.unknown = judge.writes.open.values().map(Vec::len).sum();
    judge.verdict.anomalies = std::mem::take(&mut judge.writes.anomalies);
    for event in &history.events {
        judge.event(event);
    }
    judge.settled();
    judge.verdict
}

impl<'a> Judge<'a> {
    pub(super) fn accuse(&mut self, anomaly: Anomaly) {
        self.verdict.anomalies.push(anomaly);
    }

    fn event(&mut self, event: &'a Event) {
        match &event.kind {
            Kind::Invoked(invocation) => {
                self.verdict.operations += 1;
                let seen = self.seen.get(&invocation.branch);
                let floor = seen.map_or_else(|| self.writes.origins.floor(), |seen| seen.floor.clone());
                let (invoked, in_fault) = (event.at, !self.lasting.is_empty());
                self.pending.insert(invocation.id, Pending { invocation, invoked, floor, in_fault });
            }
            Kind::Completed { id, outcome } => {
                if let (Some(pending), Outcome::Answered(answer)) = (self.pending.remove(id), outcome) {
                    self.verdict.answered += 1;
                    self.verdict.answered_in_faults += usize::from(pending.in_fault || !self.lasting.is_empty());
                    self.answer(pending, event.at, answer);
                }
            }
            Kind::Restarted { branch, kept } => {
                self.verdict.restarts += 1;
                if let Some(seen) = self.seen.get_mut(branch).filter(|_| !kept) {
                    (seen.floor, seen.forgot_at) = (self.writes.origins.floor(), Some(event.at));
                }
            }
            Kind::Struck { fault, .. } => {
                self.verdict.faults += 1;
                self.lasting.insert(*fault);
                self.pending.values_mut().for_each(|pending| pending.in_fault = true);
            }
            Kind::Lifted { fault } => drop(self.lasting.remove(fault)),
            Kind::Doubled { .. } | Kind::Final { .. } => {}
        }
    }

    fn answer(&mut self, pending: Pending<'a>, at: Time, answer: &Answer) {
        let Pending { invocation, invoked, mut floor, .. } = pending;
        let Invocation { id, client, branch, action, concern, ref at_least, .. } = *invocation;
        let again = self.writes.again.contains(&id);
        if again || self.seen.get(&branch).is_some_and(|seen| seen.may_show_less(invoked)) {
            floor = self.writes.origins.floor();
        }
        let account = match action {
            Action::Query { account } | Action::Write(Operation { account, .. }) => account,
        };
        let id = Some((id, action));
        let mut read = Read { id, client, branch, account, balance: 0, at, version: None, floor, place: None };
        if let Some(why) = contradiction(self.history, invocation, answer) {
            self.accuse(read.answered(AnomalyKind::Contradiction, answer, &why));
        }
        if *answer == Answer::Refused(Refusal::VersionNotReached) {
            return self.not_reached(&read, at_least, answer);
        }
        if !again {
            read.floor.join(&self.writes.origins, at_least);
        }
        match answer {
            Answer::Queried(Queried { balance, version }) => (read.balance, read.version) = (*balance, version.clone()),
            Answer::Committed(Committed { origin, sequence, balance }) => {
                (read.balance, read.place) = (*balance, Some((*origin, *sequence)));
            }
            Answer::Refused(Refusal::InsufficientFunds { available, .. }) => read.balance = *available,
            Answer::Refused(Refusal::TotalLimit { total, .. }) => return self.total(&read, *total, answer),
            Answer::Refused(_) => return,
        }
        let given_away = self.read(&read);
        match (&read.version, read.place) {
            (_, Some((origin, sequence))) => self.place(&read, origin, sequence),
            (Some(_), None) => self.version(&read, at_least),
            (None, None) => {}
        }
        if !again && read.version.is_none() {
            self.reached(&read, at_least);
        }
        // What was shown is what every later answer must show.
        let is_everywhere = concern.replicas(self.history.branches.len()) == self.history.branches.len();
        let place = read.place.and_then(|(origin, sequence)| Some((self.writes.origins.find(origin)?, sequence)));
        let asked = place.and_then(|(index, sequence)| self.writes.pages[index].asked(sequence)).unwrap_or(invoked);
        for (&other, seen) in self.seen.iter_mut().filter(|(_, seen)| !seen.may_show_less(invoked)) {
            // Of another branch, a life may have confirmed it that was over when it was asked for again.
            let has_it = || other == branch || is_everywhere && !seen.may_show_less(asked);
            if let Some((index, sequence)) = place.filter(|_| has_it()) {
                seen.floor.raise(index, sequence);
            }
            // What a request asks for again may have been shown long ago; but it is still there.
            if other != branch || again {
                continue;
            }
            given_away.iter().for_each(|&(index, sequence)| seen.floor.raise(index, sequence));
            if matches!(answer, Answer::Queried(_)) {
                seen.floor.join(&self.writes.origins, at_least);
                read.version.iter().for_each(|version| seen.floor.join(&self.writes.origins, version));
            }
        }
    }

    /// A branch says that it has not reached a version: it must lack some of it. (Another try of the same
    /// request may be told what the first was; and a history may leave out what was named.)
    fn not_reached(&mut self, read: &Read, at_least: &Version, answer: &Answer) {
        let is_tried_again = |id: u64| self.writes.again.contains(&id) || self.writes.tried_again.contains(&id);
        if !at_least.is_empty()
            && !read.id.is_some_and(|(id, _)| is_tried_again(id))
            && self.writes.origins.is_within(at_least, &read.floor)
        {
            let why = "it had shown all of the version that was named";
            self.accuse(read.answered(AnomalyKind::Contradiction, answer, why));
        }
    }

    /// A branch names its total of an account: no more than could ever have come to it.
    fn total(&mut self, read: &Read, total: u64, answer: &Answer) {
        let Some((_, Action::Write(operation))) = read.id else { return };
        let writes = &self.writes;
        let key = (read.branch, read.account, operation.kind == OperationKind::Deposit);
        let most = *self.totals.entry(key).or_insert_with(|| writes.most_total(read.branch, operation));
        if u128::from(total) > most {
            let why = format!("the writes that were asked for there come to no more than {most}");
            self.accuse(read.answered(AnomalyKind::Contradiction, answer, &why));
        }
    }

    /// A branch has shown what a request named: then that must have been possible.
    fn reached(&mut self, read: &Read, at_least: &Version) {
        for (origin, sequence) in at_least.iter() {
            let index = self.writes.origins.find(origin);
            if index.is_some_and(|index| self.writes.has_all(index, sequence, read.at)) {
                continue;
            }
            if let Err(why) = self.reads.claim(&self.writes, origin, sequence, read.at) {
                return self.accuse(read.anomaly(
                    AnomalyKind::ImpossibleRead,
                    &format!("what it had to show {why}"),
                    &[],
                ));
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

    /// A new write is on a page of its branch, and comes after everything that the branch had shown of it.
    fn place(&mut self, read: &Read, origin: Origin, sequence: u64) {
        if origin.branch != read.branch {
            let why = format!("its write is on page {origin}, which only branch {} writes", origin.branch);
            self.accuse(read.anomaly(AnomalyKind::Misplaced, &why, &[]));
        }
        if sequence == 0 {
            self.accuse(read.anomaly(AnomalyKind::Misplaced, "its write is operation 0: they count from 1", &[]));
        }
        let index = self.writes.origins.find(origin);
        // A second place of one request is accused as such.
        let is_known = || self.writes.page(origin).is_some_and(|page| page.id(sequence).is_some());
        if !index.is_some_and(|index| self.writes.has_all(index, sequence, read.at))
            && is_known()
            && let Err(why) = self.reads.claim(&self.writes, origin, sequence, read.at)
        {
            self.accuse(read.anomaly(AnomalyKind::ImpossibleRead, &format!("its place {why}"), &[]));
        }
        let shown = index.map_or(0, |index| read.floor.sequence(index));
        if sequence <= shown && read.id.is_some_and(|(id, _)| !self.writes.again.contains(&id)) {
            let why = format!("its write is operation {sequence} of branch {origin}, which had shown {shown} before");
            self.accuse(read.anomaly(AnomalyKind::WentBack, &why, &[]));
        }
    }

    /// Holds a balance against all that it could be; says how much of each page it gives away.
    pub(super) fn read(&mut self, read: &Read) -> Vec<(usize, u64)> {
        self.verdict.reads += 1;
        if read.balance < 0 {
            self.overdrawn(read);
        }
        match self.reads.judge(read, &self.writes, &self.history.accounts) {
            Ok(given_away) => given_away,
            Err(anomaly) => {
                self.accuse(anomaly);
                Vec::new()
            }
        }
    }

    /// Only branches that do not see each other's withdrawals can overdraw an account. One branch alone
    /// cannot, as itself sees it, nor as all do at the end, if nothing was lost.
    fn overdrawn(&mut self, read: &Read) {
        let writes = &self.writes;
        let at = self.withdrawn_at.entry(read.account).or_insert_with(|| writes.withdrawn_at(read.account));
        let is_seen_by = |branch: &BranchId| read.id.is_none() || *branch == read.branch;
        let is_alone = at.len() < 2
            && at.iter().all(|branch| is_seen_by(branch) && !writes.lives.is_doubled(*branch))
            && writes.forgot.is_empty();
        let kind = if read.id.is_none() { AnomalyKind::Conservation } else { AnomalyKind::ImpossibleRead };
        if is_alone && self.history.accounts.get(&read.account).is_some_and(|&opening| opening >= 0) {
            let why = "withdrawals were asked for at no more than one branch, which pays no more than it sees";
            self.accuse(read.anomaly(kind, why, &[]));
        } else if self.overdrawn.insert(read.account) {
            self.accuse(read.anomaly(
                AnomalyKind::Overdraft,
                "withdrawals at several branches at once were each covered, and together were not",
                &[],
            ));
        }
    }
}
