//! A simulation's plan on a live bank: real branches, real customers, the plan's faults at the plan's
//! times; then everything heals, the bank must settle, and the same checkers judge what customers saw.
//! Unlike a simulation, a live run cannot be repeated exactly.

mod customers;
mod script;

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};

use super::{config::BankConfig, error::BankError, run::Progress, running::Bank};
use crate::{
    check::{self, History, Verdict},
    sim::{Latency, Name, Plan, Trouble},
    store::Durability,
    trace::Trace,
    types::{AccountId, BranchId},
};

/// How long the healed bank may take to settle.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);

/// Where a plan is played.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// The command of a child process; `None`: branches are tasks of this process.
    pub program: Option<Vec<OsString>>,
    /// Where the branches' data is, for a plan with disks. It must be empty.
    pub data_dir: Option<PathBuf>,
    /// How many events the trace and the history keep at most.
    pub capacity: usize,
}

/// What came of a play.
#[derive(Clone, Debug)]
pub struct Played {
    /// What the customers saw.
    pub history: History,
    /// How many events of it found no room.
    pub lost: u64,
    /// What the checkers say of it.
    pub verdict: Verdict,
    /// What happened at the branches.
    pub trace: Option<Trace>,
    /// Everything that must never happen, and happened: its kind, and its story.
    pub violations: Vec<(String, String)>,
    /// Faults that befell the bank.
    pub faults: usize,
    /// From the first operation to the settled end.
    pub took: Duration,
}

/// What of a plan is other than in the simulator when it is played.
///
/// # Errors
/// [`BankError::Config`] if it cannot be played at all.
pub fn differences(plan: &Plan) -> Result<Vec<&'static str>, BankError> {
    let wrong = |reason: String| BankError::Config { reason };
    plan.check().map_err(wrong)?;
    if let Some(bug) = plan.bug {
        return Err(wrong(format!("the bug {bug} can be planted in the simulator only: play the plan without it")));
    }
    let mut differences = Vec::new();
    if !plan.network.ordered {
        differences.push("links are streams or calls: nothing is reordered, and a lost message breaks its session");
    }
    if plan.network.duplication > 0.0 {
        differences.push("messages do not arrive twice");
    }
    if !matches!(plan.network.latency, Latency::Fixed(_)) {
        differences.push("every message of a link is held back equally, by what is usual there");
    }
    if plan.disk.is_some() {
        differences.push("a disk takes as long as it takes");
    }
    let is_of_disks = |what: &Trouble| match what {
        Trouble::Restore { .. }
        | Trouble::Clone { .. }
        | Trouble::DiskLoss { .. }
        | Trouble::PowerFailure { .. }
        | Trouble::DiskFailure { .. } => true,
        Trouble::Partition { .. }
        | Trouble::Crash { .. }
        | Trouble::Pause { .. }
        | Trouble::Slow { .. }
        | Trouble::Loss { .. } => false,
    };
    if plan.faults.iter().any(|fault| is_of_disks(&fault.what)) {
        differences.push("disks keep what they have, and each has one process: these faults do not happen");
    }
    let is_named = plan.operations.iter().all(|step| step.name == Name::New);
    if plan.window > 1 || plan.names_life || plan.network.strays.is_some() || !is_named {
        differences.push("customers do one thing at a time, each under a name of its own");
    }
    Ok(differences)
}

/// Plays a plan. Dropping this stops everything.
///
/// # Errors
/// Why the plan cannot be played, or the bank cannot start or cannot be told.
pub async fn play(plan: &Plan, stage: Stage, progress: &Progress) -> Result<Played, BankError> {
    differences(plan)?;
    let config = config(plan, &stage)?;
    let bank = Arc::new(Bank::start(config).await?);
    let played = perform(plan, &bank, progress).await;
    bank.close().await;
    // Of a closed bank, it is everything.
    Ok(Played { trace: bank.trace().await?, ..played? })
}

fn config(plan: &Plan, stage: &Stage) -> Result<BankConfig, BankError> {
    let wrong = |reason| BankError::Config { reason };
    if plan.disk.is_some() && stage.data_dir.is_none() {
        return Err(wrong("this plan's branches have disks: give a data directory".to_owned()));
    }
    let accounts = plan.openings.iter().enumerate();
    Ok(BankConfig {
        accounts: accounts.map(|(id, &opening)| (AccountId(id as u64), opening)).collect(),
        shape: plan.topology,
        propagation: plan.propagation,
        trace_capacity: stage.capacity.max(1),
        data_dir: plan.disk.and(stage.data_dir.clone()),
        durability: Durability::Buffered,
        program: stage.program.clone(),
        ..BankConfig::new((1..=plan.branches).filter_map(BranchId::new), 0)
    })
}

async fn perform(plan: &Plan, bank: &Arc<Bank>, progress: &Progress) -> Result<Played, BankError> {
    script::prevailing(plan, bank).await?;
    let customers = customers::connect(plan, bank).await?;
    let began = Instant::now();
    let mut acting = JoinSet::new();
    let done = Arc::new(Progress::default());
    for steps in customers::by_customer(plan).into_values() {
        let at_branches = customers.clone();
        let done = done.clone();
        acting.spawn(async move { customers::act(steps, at_branches, began, &done).await });
    }
    let shown = async {
        loop {
            progress.done.store(done.done.load(Ordering::Relaxed), Ordering::Relaxed);
            tokio::time::sleep(SHOW_EVERY).await;
        }
    };
    let whole = async {
        script::faults(plan, bank, began).await?;
        while let Some(acted) = acting.join_next().await {
            acted.unwrap_or(Err(BankError::Closed))?;
        }
        Ok::<(), BankError>(())
    };
    tokio::select! {
        ended = whole => ended?,
        () = shown => {}
    }
    progress.done.store(plan.operations.len(), Ordering::Relaxed);
    bank.heal().await?;
    let mut violations = Vec::new();
    match bank.wait_until_converged(SETTLE_WITHIN).await {
        Ok(()) => {}
        Err(BankError::NotConverged { behind }) => violations.push(("not-settled".to_owned(), behind)),
        Err(error) => return Err(error),
    }
    let took = began.elapsed();
    let (history, lost) = bank.history().await?;
    let verdict = check::check(&history);
    let breaches = verdict.anomalies.iter().filter(|anomaly| anomaly.is_breach());
    violations.extend(breaches.map(|anomaly| (anomaly.kind.to_string(), anomaly.to_string())));
    Ok(Played { history, lost, verdict, trace: None, violations, faults: plan.faults.len(), took })
}

/// How often the progress is told.
const SHOW_EVERY: Duration = Duration::from_millis(50);
