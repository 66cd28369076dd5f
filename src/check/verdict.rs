//! What a checker says.

use std::fmt;

use crate::types::{AccountId, BranchId, Time};

/// How many anomalies of each kind a verdict prints.
const SHOWN: usize = 3;

/// What can be wrong with a history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AnomalyKind {
    /// Branches that have settled differ.
    Divergence,
    /// A settled balance that no outcome of the open operations explains.
    Conservation,
    /// An acknowledged write is gone.
    LostWrite,
    /// One request was executed twice.
    CountedTwice,
    /// A request of which a branch said that nothing was done, and that it is done.
    RefusedYetDone,
    /// A place that a write cannot have.
    Misplaced,
    /// An answer that contradicts itself, what was asked for, or another answer to the same request.
    Contradiction,
    /// A balance or a total that is beyond what a bank can hold.
    OutOfBounds,
    /// A balance that was read, and that nothing explains.
    ImpossibleRead,
    /// An answer that does not show what it had to.
    StaleRead,
    /// A branch that shows less than it had shown before.
    WentBack,
    /// A negative balance. Branches judge withdrawals by what they see, so that concurrent ones can
    /// overdraw: a known limit, not a broken promise.
    Overdraft,
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Divergence => "divergence",
            Self::Conservation => "conservation",
            Self::LostWrite => "lost-write",
            Self::CountedTwice => "counted-twice",
            Self::RefusedYetDone => "refused-yet-done",
            Self::Misplaced => "misplaced",
            Self::Contradiction => "contradiction",
            Self::OutOfBounds => "out-of-bounds",
            Self::ImpossibleRead => "impossible-read",
            Self::StaleRead => "stale-read",
            Self::WentBack => "went-back",
            Self::Overdraft => "overdraft",
        })
    }
}

/// "1 operation", "2 operations"
pub(super) fn operations(count: u64) -> String {
    if count == 1 { "1 operation".to_owned() } else { format!("{count} operations") }
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anomaly {
    /// What kind of thing.
    pub kind: AnomalyKind,
    /// When it showed.
    pub at: Time,
    /// Where it showed.
    pub branch: Option<BranchId>,
    /// On which account.
    pub account: Option<AccountId>,
    /// The invocations that show it.
    pub witnesses: Vec<u64>,
    /// What was seen, and why it cannot be: a sentence or two.
    pub story: String,
}

impl Anomaly {
    /// Whether it breaks a promise of the bank.
    pub fn is_breach(&self) -> bool {
        self.kind != AnomalyKind::Overdraft
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.story)
    }
}

/// Everything that the checkers say of a history, and how much it rests on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// What is wrong, each kind in the order of time.
    pub anomalies: Vec<Anomaly>,
    /// How many operations were asked for.
    pub operations: usize,
    /// How many of them a branch has answered. Without any, nothing was examined.
    pub answered: usize,
    /// How many balances were told, by queries, writes and refusals.
    pub reads: usize,
    /// How many writes nobody knows the outcome of.
    pub unknown: usize,
    /// How many branches showed their state at the end.
    pub settled: usize,
    /// How many times a branch came back.
    pub restarts: usize,
    /// How many faults the history tells of. One that tells of none may have had some.
    pub faults: usize,
    /// How many operations were under way while some of them lasted, and were answered.
    pub answered_in_faults: usize,
}

impl Verdict {
    /// Whether something was examined, and no promise was broken.
    pub fn is_ok(&self) -> bool {
        self.has_examined() && !self.is_broken()
    }

    /// Whether some operation was answered. Otherwise there was nothing to hold against anything.
    pub fn has_examined(&self) -> bool {
        self.answered > 0
    }

    /// Whether a promise was broken.
    pub fn is_broken(&self) -> bool {
        self.anomalies.iter().any(Anomaly::is_breach)
    }

    /// "4 faults, in which 31 operations were answered; branches came back 2 times"
    fn faults(&self) -> String {
        let Self { restarts, faults, answered_in_faults, .. } = self;
        let told = match faults {
            0 => "the history tells of none".to_owned(),
            _ => format!("{}, in which {} answered", counted(*faults, "fault"), were(*answered_in_faults)),
        };
        match restarts {
            0 => told,
            1 => format!("{told}; a branch came back once"),
            count => format!("{told}; branches came back {count} times"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, answered, reads, unknown, settled, .. } = self;
        writeln!(
            f,
            "examined     {}, {answered} answered ({unknown} of unknown outcome), {}, {}",
            counted(*operations, "operation"),
            counted(*reads, "balance"),
            counted(*settled, "final state"),
        )?;
        writeln!(f, "faults       {}", self.faults())?;
        let mut kinds: Vec<AnomalyKind> = self.anomalies.iter().map(|anomaly| anomaly.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let all: Vec<&Anomaly> = self.anomalies.iter().filter(|anomaly| anomaly.kind == kind).collect();
            for anomaly in all.iter().take(SHOWN) {
                writeln!(f, "found        {anomaly}")?;
            }
            if all.len() > SHOWN {
                writeln!(f, "{:<12} and {} more like this", "", all.len() - SHOWN)?;
            }
        }
        let limits = self.anomalies.iter().filter(|anomaly| !anomaly.is_breach()).count();
        match (self.is_broken(), self.has_examined(), limits) {
            (true, _, _) => write!(f, "verdict      broken: something happened that must never happen"),
            (false, false, _) => write!(f, "verdict      nothing was examined: no operation was answered"),
            (false, true, 0) => write!(f, "verdict      ok: no promise was broken"),
            (false, true, _) => {
                write!(f, "verdict      ok, with overdrawn accounts: branches alone cannot prevent that")
            }
        }
    }
}

/// "1 balance", "2 balances".
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// "1 operation was", "2 operations were".
fn were(count: usize) -> String {
    format!("{} {}", counted(count, "operation"), if count == 1 { "was" } else { "were" })
}
