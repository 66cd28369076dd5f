//! What must hold in every state of every world. A balance says which requests it counts, and how often: so the
//! laws need not know how a replica keeps its pages, or what its versions list.

use std::{collections::BTreeMap, fmt};

use replibank::types::{AccountId, Answer, Concern};

use super::state::{DEPOSITS, Process, Setting, State, WITHDRAWALS, What, amount};

/// A law that a world may break.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Law {
    /// What the replica says of itself.
    Invariants,
    /// A balance is a sum of requests that were made.
    NothingInvented,
    /// Equal versions have equal balances.
    EqualVersions,
    /// What a process counted, it counts for as long as it lives.
    NothingLeaves,
    /// A request counts once, and has one place.
    OnePlace,
    /// What was refused for good does not count.
    RefusedForGood,
    /// What one branch shows of another that is durable, the other's directory has, unless it was lost.
    SavedBeforeShown,
    /// `all` is told once the newest life of every branch that is known of has it; `majority` alike.
    Concern,
    /// An answer is true at that moment, and comes once.
    Answers,
    /// No process refuses what another says.
    NobodyIsRefused,
    /// After all faults, all agree, and on all that any survivor or directory had.
    Heals,
}

/// A law that does not hold, and how.
#[derive(Clone, Debug)]
pub struct Breach {
    pub law: Law,
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.what)
    }
}

/// How often each request is counted: request `i` moves 4 to the power of `i`, so that each is a digit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Counts([u8; 4]);

impl Counts {
    pub fn of(setting: &Setting, balances: &BTreeMap<AccountId, i64>) -> Result<Self, Breach> {
        let deposited = balances[&AccountId(DEPOSITS)];
        let withdrawn = setting.withdrawable() - balances[&AccountId(WITHDRAWALS)];
        Self::read(setting, deposited, withdrawn)
    }

    fn read(setting: &Setting, deposited: i64, withdrawn: i64) -> Result<Self, Breach> {
        let mut counts = [0; 4];
        for (ask, count) in counts.iter_mut().enumerate() {
            let sum = match setting.asks.get(ask).map(|ask| ask.what) {
                Some(What::Deposit(_)) => deposited,
                Some(What::Withdraw) => withdrawn,
                Some(What::Read(_)) | None => continue,
            };
            *count = (sum / amount(ask) as i64 % 4) as u8;
        }
        let sum = |of: fn(What) -> bool| {
            let asks = setting.asks.iter().enumerate().filter(|(_, ask)| of(ask.what));
            asks.map(|(ask, _)| i64::from(counts[ask]) * amount(ask) as i64).sum::<i64>()
        };
        let is_deposit = |what| matches!(what, What::Deposit(_));
        if (sum(is_deposit), sum(|what| what == What::Withdraw)) == (deposited, withdrawn) {
            Ok(Self(counts))
        } else {
            let what = format!("no requests add up to {deposited} deposited and {withdrawn} withdrawn");
            Err(Breach { law: Law::NothingInvented, what })
        }
    }

    pub fn has(&self, ask: usize) -> bool {
        self.0[ask] > 0
    }

    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(&one, other)| one <= other)
    }

    fn join(self, other: Self) -> Self {
        Self(std::array::from_fn(|ask| self.0[ask].max(other.0[ask])))
    }
}

fn breach(law: Law, what: String) -> Result<(), Breach> {
    Err(Breach { law, what })
}

impl State {
    /// Whether two processes of a branch may serve at once: then a first try may count twice.
    fn has_copies(&self) -> bool {
        self.processes.len() > self.setting.branches
    }

    /// Whether some directory is not what was saved last.
    fn has_lost(&self) -> bool {
        let (faults, left) = (self.setting.faults, self.left);
        (faults.lost, faults.older, faults.copies) != (left.lost, left.older, left.copies)
    }

    /// What must hold in this state, whatever led to it.
    pub fn judge(&self) -> Result<(), Breach> {
        for (number, process) in self.processes.iter().enumerate() {
            for other in &self.processes[..number] {
                let (one, other) = (&process.replica, &other.replica);
                if one.version() == other.version() && one.balances() != other.balances() {
                    let what = format!("{} at {} and {}, with other balances", one.version(), one.own(), other.own());
                    return breach(Law::EqualVersions, what);
                }
            }
            self.judge_counts(number, process)?;
        }
        for (ask, asked) in self.asked.iter().enumerate() {
            if asked.places.len() > 1 && !self.has_copies() {
                return breach(Law::OnePlace, format!("request {ask} is on the pages {:?}", asked.places));
            }
        }
        Ok(())
    }

    fn judge_counts(&self, number: usize, process: &Process) -> Result<(), Breach> {
        for (ask, asked) in self.asked.iter().enumerate() {
            let count = process.counts.0[ask];
            if count > 1 && !self.has_copies() {
                return breach(Law::OnePlace, format!("process {number} counts request {ask} {count} times"));
            }
            if count > 0 && asked.tries == asked.refused {
                let what = format!("process {number} counts request {ask}, which was refused {} times", asked.refused);
                return breach(Law::RefusedForGood, what);
            }
            let at = self.setting.asks[ask].branch;
            let mut homes = self.processes.iter().filter(|home| home.branch == at);
            let is_saved = homes.any(|home| home.directory.as_ref().is_none_or(|saved| saved.counts.has(ask)));
            if count > 0 && process.branch != at && !is_saved && !self.has_lost() {
                let what = format!("process {number} counts request {ask}, which branch {} has not saved", at + 1);
                return breach(Law::SavedBeforeShown, what);
            }
        }
        Ok(())
    }

    /// What an answer says must be true when it is said.
    pub fn judge_answer(&self, number: usize, ask: usize, answer: &Answer) -> Result<(), Breach> {
        let process = &self.processes[number];
        let setting = self.setting;
        let told = match answer {
            Answer::Committed(committed) if setting.asks[ask].what == What::Withdraw => {
                if committed.balance < 0 {
                    return breach(Law::Answers, format!("request {ask} was paid and left {}", committed.balance));
                }
                Counts::read(setting, 0, setting.withdrawable() - committed.balance)?
            }
            Answer::Committed(committed) => Counts::read(setting, committed.balance, 0)?,
            Answer::Queried(queried) => Counts::read(setting, queried.balance, 0)?,
            Answer::Refused(_) => return Ok(()),
        };
        let wanted = if let What::Read(write) = setting.asks[ask].what { write } else { ask };
        if !told.has(wanted) || !process.counts.has(wanted) {
            return breach(Law::Answers, format!("the answer to request {ask} does not count request {wanted}"));
        }
        if process.directory.as_ref().is_some_and(|directory| !told.is_within(&directory.counts)) {
            let what = format!("the answer to request {ask} shows {told:?}, which is not on disk");
            return breach(Law::SavedBeforeShown, what);
        }
        self.judge_concern(process, ask)
    }

    /// Each branch that counts has it in some life, of which no later one has been heard here.
    fn judge_concern(&self, at: &Process, ask: usize) -> Result<(), Breach> {
        let concern = self.concern(ask);
        if concern == Concern::Local {
            return Ok(());
        }
        let living = self.processes.iter().map(|process| (process.branch, process.born, process.counts));
        let ended = self.ended.iter().map(|ended| (ended.branch, ended.born, ended.counts));
        let lives: Vec<_> = living.chain(ended).collect();
        let has = |&branch: &usize| {
            let heard = at.heard[branch];
            lives.iter().any(|&(of, born, counts)| of == branch && born >= heard && counts.has(ask))
        };
        let reached = (0..self.setting.branches).filter(has).count();
        if reached < concern.replicas(self.setting.branches) {
            return breach(Law::Concern, format!("{concern} was told of request {ask}, and {reached} have it"));
        }
        Ok(())
    }

    /// All faults end, all meet: then all agree.
    pub fn heal(&self) -> Result<(), Breach> {
        let mut state = self.clone();
        let mut certain = Counts::default();
        for process in &state.processes {
            certain = certain.join(process.counts);
            certain = process.directory.as_ref().map_or(certain, |directory| certain.join(directory.counts));
        }
        // Of two processes of a branch, each meets everybody; the one that was started last stays.
        let of = |branch: usize| {
            let numbers = (0..state.processes.len()).filter(|&number| state.processes[number].branch == branch);
            let mut numbers: Vec<usize> = numbers.collect();
            numbers.sort_by_key(|&number| state.processes[number].born);
            numbers
        };
        let all: Vec<Vec<usize>> = (0..self.setting.branches).map(of).collect();
        let most = all.iter().map(Vec::len).max().unwrap_or(0);
        let mut last = Vec::new();
        for round in 0..most {
            last = all.iter().map(|of| of[round.min(of.len() - 1)]).collect();
            state.meet_all(&last)?;
            state.notice_all()?;
            state.settle()?;
        }
        for &number in &last {
            let (process, first) = (&state.processes[number], &state.processes[last[0]]);
            let (one, other) = (&process.replica, &first.replica);
            if (process.counts, one.version()) != (first.counts, other.version()) {
                let what = format!(
                    "{} has {:?} at {}, {} has {:?} at {}",
                    one.own(),
                    process.counts,
                    one.version(),
                    other.own(),
                    first.counts,
                    other.version()
                );
                return breach(Law::Heals, what);
            }
            if !certain.is_within(&process.counts) {
                let what = format!("{certain:?} was there, and after healing {:?} is", process.counts);
                return breach(Law::Heals, what);
            }
            if !process.open.is_empty() {
                return breach(Law::Heals, format!("process {number} never answers {:?}", process.open));
            }
        }
        state.judge()
    }
}
