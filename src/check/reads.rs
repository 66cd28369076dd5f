//! Every balance that a customer was told, held against every balance that it could have been.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Anomaly, AnomalyKind,
    floor::{Floor, is_spoken_for},
    placed::effect,
    prefixes::Stretch,
    sums::Sums,
    verdict::operations,
    writes::{Open, Writes},
};
use crate::types::{AccountId, Action, Answer, BranchId, Incarnation, OperationKind, Origin, Time, Version};

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

    /// What is wrong with an answer that need not tell a balance.
    pub(super) fn answered(&self, kind: AnomalyKind, answer: &Answer, why: &str) -> Anomaly {
        let Self { client, branch, at, .. } = self;
        let told = match answer {
            Answer::Queried(queried) => format!("read {}", queried.balance),
            Answer::Committed(committed) => format!("was told that it is done, and that {} is left", committed.balance),
            Answer::Refused(refusal) => format!("was refused ({refusal})"),
        };
        let story = format!("customer {client} {told} at branch {branch} at {} ms; {why}", at.0 as f64 / 1e3);
        Anomaly { story, ..self.anomaly(kind, "", &[]) }
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
    bounds: (i128, i128),
}

/// What is known of the reads so far. Most reads are within what an earlier one has proven, and are
/// done with that; so a history is judged in a time that grows with its length and little more.
#[derive(Debug, Default)]
pub(super) struct Reads {
    proven: BTreeMap<(BranchId, AccountId), Proven>,
    /// By page: of the operations that answers have told of, how many are none of those with a place.
    claimed: BTreeMap<Origin, usize>,
}

/// The pages that a balance leaves a choice of.
type Choices<'a> = Vec<(usize, Stretch<'a>)>;

impl Reads {
    /// How much of each page a read gives away, by the position of the origin.
    ///
    /// # Errors
    /// Why it cannot be. `openings` are the accounts' opening balances.
    pub(super) fn judge(
        &mut self,
        read: &Read,
        writes: &Writes,
        openings: &BTreeMap<AccountId, i64>,
    ) -> Result<Vec<(usize, u64)>, Anomaly> {
        let kind = if read.id.is_some() { AnomalyKind::ImpossibleRead } else { AnomalyKind::Conservation };
        let Some(&opening) = openings.get(&read.account) else {
            return Err(read.anomaly(kind, "the bank has no such account", &[]));
        };
        let (sums, choices) = match &read.version {
            None => self.at_any(read, writes, opening),
            Some(version) => match self.at_version(read, version, writes, opening) {
                Ok(sums) => (sums, Vec::new()),
                Err(why) => return Err(read.anomaly(kind, &why, &[])),
            },
        };
        if sums.contains(read.balance) {
            return Ok(shown(read, writes, &sums, &choices));
        }
        let (certain, possible) = counted(read, writes);
        let why = match (certain.len(), possible.len()) {
            (0, 0) => format!("no operation could count, so that it is {sums}"),
            (1, 0) => format!("the one operation that it must show gives {sums}"),
            (count, 0) => format!("the {count} operations that it must show give {sums}"),
            (_, 1) => format!("with and without the one operation that could count it is {sums}"),
            (_, count) => format!("every order of the {count} operations that could count gives {sums}"),
        };
        Err(read.anomaly(kind, &why, &[possible, certain].concat()))
    }

    /// The sums of any version that is possible: of each page, any prefix from the floor to the last
    /// write that had been asked for, and any of the open ones; and the pages of which there is a choice,
    /// if every sum is known.
    fn at_any<'a>(&mut self, read: &Read, writes: &'a Writes, opening: i64) -> (Sums, Choices<'a>) {
        let key = (read.branch, read.account);
        let is_at_home = read.place.is_none_or(|(origin, _)| origin.branch == read.branch);
        let holds = |proven: &&Proven| is_at_home && proven.at <= read.at && proven.floor.dominates(&read.floor);
        let mut choices = Vec::new();
        if let Some(proven) = self.proven.get(&key).filter(holds) {
            let (least, most) = proven.bounds;
            let mut sums = Sums::between(least, most);
            add_own(read, writes, opening, &mut sums, &mut choices);
            if sums.contains(read.balance) {
                return (sums, Vec::new());
            }
            choices.clear();
        }
        let mut sums = Sums::one(0);
        let mut floor = read.floor.clone();
        for (index, origin) in writes.origins.iter().enumerate() {
            if origin.branch == read.branch {
                floor.raise(index, u64::MAX);
            } else {
                add_page(read, writes, (index, origin), &mut sums, &mut choices);
            }
        }
        if is_at_home && !sums.is_exact() {
            self.proven.insert(key, Proven { at: read.at, floor, bounds: sums.bounds() });
        }
        add_own(read, writes, opening, &mut sums, &mut choices);
        (sums, choices)
    }

    /// The sums of a known version: of each page, the placed writes up to there, and as many open ones
    /// as are missing.
    fn at_version(&mut self, read: &Read, version: &Version, writes: &Writes, opening: i64) -> Result<Sums, String> {
        let mut sums = Sums::one(opening);
        let mut missing_of: Option<(BranchId, usize)> = None;
        for (origin, sequence) in version.iter() {
            let index = writes.origins.find(origin);
            if let Some(index) = index
                && let Some(stretch) = writes.pages[index].stretch(read.account, sequence, sequence)
            {
                sums.add_stretch(stretch);
            }
            if index.is_some_and(|index| writes.has_all(index, sequence, read.at)) {
                continue;
            }
            let missing = self.claim(writes, origin, sequence, read.at).map_err(|why| format!("it {why}"))?;
            // Of several lives of a branch, each shows other open writes.
            let before = missing_of.filter(|&(branch, _)| branch == origin.branch && !writes.lives.is_doubled(branch));
            if before.is_none() {
                add_missing(&mut sums, read, writes, missing_of);
            }
            missing_of = Some((origin.branch, missing + before.map_or(0, |(_, missing)| missing)));
        }
        add_missing(&mut sums, read, writes, missing_of);
        add_spoken_for(&mut sums, read, version, writes);
        Ok(sums)
    }

    /// An answer tells of the first operations of a page: how many of them are none of those with a place.
    ///
    /// # Errors
    /// Why they cannot have been by then.
    pub(super) fn claim(&mut self, writes: &Writes, origin: Origin, sequence: u64, by: Time) -> Result<usize, String> {
        let missing = writes.missing(origin, sequence, by)?;
        if missing == 0 {
            return Ok(0);
        }
        let open = writes.open_by(origin.branch, by).len();
        let in_life = writes.lives.end(origin).map_or(open, |end| writes.open_by(origin.branch, end.min(by)).len());
        let known = self.claimed.entry(origin).or_default();
        *known = missing.max(*known);
        let counts = operations(sequence);
        if missing > in_life {
            let placed = usize::try_from(sequence).unwrap_or(usize::MAX) - missing;
            let asked = match placed + in_life {
                0 => "none had".to_owned(),
                count => format!("only {count} had"),
            };
            return Err(format!("counts {counts} of branch {origin}, where {asked} been asked for"));
        }
        let lives = self.claimed.iter().filter(|(other, _)| other.branch == origin.branch);
        let in_all = lives.map(|(_, &missing)| missing).fold(0, usize::saturating_add);
        if in_all > open
            && !writes.lives.is_doubled(origin.branch)
            && in_all > open + writes.done_again_by(origin.branch, by)
        {
            return Err(format!(
                "counts {counts} of branch {origin}; with what other answers show of its lives, {in_all} writes of \
                 unknown outcome have counted, where only {open} had been asked for"
            ));
        }
        Ok(missing)
    }
}

/// The most pages of which there is a choice, and the most sums, for a look at what a balance gives away.
const FEW: (usize, usize) = (4, 64);

/// What a balance gives away: of each page, as much as every explanation of it shows.
fn shown(read: &Read, writes: &Writes, sums: &Sums, choices: &Choices<'_>) -> Vec<(usize, u64)> {
    let are_few = choices.len() <= FEW.0 && sums.count().is_some_and(|count| count <= FEW.1);
    if choices.is_empty() || !are_few || read.id.is_none() {
        return Vec::new();
    }
    let (open, (least_open, _)) = writes.open_on(read.account, read.at, false);
    let least_of_choices: i128 = choices.iter().map(|(_, choice)| i128::from(choice.bounds().0)).sum();
    let Ok(fixed) = i64::try_from(sums.bounds().0 - least_of_choices - least_open) else { return Vec::new() };
    let least = |position: usize| {
        let mut others = Sums::one(fixed);
        let not_this = choices.iter().enumerate().filter(|&(other, _)| other != position);
        not_this.for_each(|(_, (_, choice))| others.add_stretch(*choice));
        open.iter().for_each(|open| others.add_maybe(effect(open.operation)));
        let (index, choice) = choices[position];
        let explains = |&sum: &i64| others.contains(read.balance.saturating_sub(sum));
        let after = choice.sums().iter().position(explains)?.checked_sub(1)?;
        choice.sequences().get(after).map(|&sequence| (index, sequence))
    };
    (0..choices.len()).filter_map(least).collect()
}

fn add_page<'a>(
    read: &Read,
    writes: &'a Writes,
    (index, origin): (usize, Origin),
    sums: &mut Sums,
    choices: &mut Choices<'a>,
) {
    let (least, most) = read.window(index, origin, writes);
    if let Some(stretch) = writes.pages[index].stretch(read.account, least, most) {
        sums.add_stretch(stretch);
        if sums.is_exact() && stretch.sums().len() > 1 {
            choices.push((index, stretch));
        }
    }
}

/// The opening balance, the pages of the branch's own lives, and the open writes of all branches.
fn add_own<'a>(read: &Read, writes: &'a Writes, opening: i64, sums: &mut Sums, choices: &mut Choices<'a>) {
    sums.add(opening);
    for (index, origin) in writes.origins.of_branch(read.branch) {
        add_page(read, writes, (index, origin), sums, choices);
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

/// Of a life that a later one speaks for, some prefix counts, and with it some of its branch's open writes: also of
/// lives that nothing else in the history names.
fn add_spoken_for(sums: &mut Sums, read: &Read, version: &Version, writes: &Writes) {
    for (index, origin) in writes.origins.iter().enumerate().filter(|&(_, origin)| is_spoken_for(version, origin)) {
        add_page(read, writes, (index, origin), sums, &mut Vec::new());
    }
    let later = version.iter().filter(|(origin, _)| origin.incarnation > Incarnation(0));
    let branches: BTreeSet<BranchId> = later.map(|(origin, _)| origin.branch).collect();
    let open = branches.into_iter().flat_map(|branch| writes.open_by(branch, read.at));
    for open in open.filter(|open| open.operation.account == read.account) {
        sums.add_maybe(effect(open.operation));
    }
}

/// Adds so many of the open writes of a branch.
fn add_missing(sums: &mut Sums, read: &Read, writes: &Writes, missing: Option<(BranchId, usize)>) {
    let Some((branch, missing)) = missing else { return };
    let open = writes.open_by(branch, read.at);
    let on_account = |open: &Open| if open.operation.account == read.account { effect(open.operation) } else { 0 };
    let mut effects: Vec<i64> = open.iter().map(on_account).collect();
    if missing == 1 {
        return sums.add_one_of(&effects);
    }
    let whole = |effects: &[i64]| effects.iter().map(|&effect| i128::from(effect)).sum::<i128>();
    if missing >= effects.len()
        && let Ok(sum) = i64::try_from(whole(&effects))
    {
        return sums.add(sum);
    }
    effects.sort_unstable();
    let (few, most) = (missing.min(effects.len()), effects.len().saturating_sub(missing));
    sums.add_between(whole(&effects[..few]), whole(&effects[most..]));
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
