//! Convergence lag under an open load: from the moment a deposit's answer came until the moment when other
//! branches say that they have it. Queries that ask for a deposit to come wait at those branches
//! beforehand, so that both moments are ends of one way back, and no further way is counted.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use replibank::{
    customer::Customer,
    types::{AccountId, BranchId, Incarnation, Origin, Terms, Version},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Outcome,
    open::{Answered, deposit_at},
    report::Latencies,
    unary::Depositor,
};

#[derive(clap::Args)]
pub struct Options {
    /// "host:port" of branch 1, where the deposits are made.
    #[arg(long)]
    address: String,
    /// "host:port" of a branch that is to see them; repeated, a deposit must be at all of them.
    #[arg(long = "watched", required = true)]
    watched: Vec<String>,
    /// Deposits a second.
    #[arg(long)]
    rate: f64,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds that are not counted, before.
    #[arg(long, default_value_t = 0.5)]
    warm: f64,
}

/// How long before its deposit a query is sent, so that it waits at its branch by then.
const AHEAD: Duration = Duration::from_millis(10);

/// What the load and the probes have in common.
#[derive(Default)]
struct Shared {
    /// The highest sequence answered so far.
    latest: AtomicU64,
    /// The sequence that the current probe is about.
    wanted: AtomicU64,
    /// When the wanted one was answered.
    answered_at: Mutex<Option<Instant>>,
    is_over: AtomicBool,
}

impl Shared {
    fn answered(&self, answered: &Answered) {
        self.latest.fetch_max(answered.sequence, Ordering::Relaxed);
        if answered.sequence == self.wanted.load(Ordering::Relaxed)
            && let Ok(mut at) = self.answered_at.lock()
        {
            *at = Some(answered.at);
        }
    }
}

pub async fn run(options: Options) -> Outcome {
    let depositor = Depositor::open(&options.address, false).await?;
    let mut watchers = Vec::new();
    for address in &options.watched {
        watchers.push(Customer::connect(address, Duration::from_secs(10)).await?);
    }
    let shared: Arc<Shared> = Arc::default();
    let lasts = Duration::from_secs_f64(options.warm + options.seconds);
    let counted_from = Instant::now() + Duration::from_secs_f64(options.warm);
    let load = {
        let shared = shared.clone();
        let rate = options.rate;
        tokio::spawn(async move {
            let told = shared.clone();
            let failures = deposit_at(depositor, rate, lasts, move |answered| told.answered(&answered)).await;
            shared.is_over.store(true, Ordering::Relaxed);
            failures
        })
    };
    let ahead = (options.rate * AHEAD.as_secs_f64()).ceil() as u64 + 1;
    let last = (options.rate * lasts.as_secs_f64()) as u64;
    let mut lags = Latencies::new();
    loop {
        let wanted = shared.latest.load(Ordering::Relaxed) + ahead;
        if wanted > last || shared.is_over.load(Ordering::Relaxed) {
            break;
        }
        if let Ok(mut at) = shared.answered_at.lock() {
            *at = None;
        }
        shared.wanted.store(wanted, Ordering::Relaxed);
        let seen_at = seen_by_all(&watchers, wanted).await?;
        let answered_at = until_answered(&shared).await?;
        if answered_at >= counted_from {
            lags.record(seen_at.saturating_duration_since(answered_at));
        }
    }
    let failures = load.await?;
    if failures > 0 {
        return Err(format!("{failures} deposits failed").into());
    }
    Ok(json!({ "rate": options.rate, "probes": lags.count(), "lag": lags.to_json() }))
}

/// When the last of the watched branches says that it has the deposit.
async fn seen_by_all(
    watchers: &[Customer],
    sequence: u64,
) -> Result<Instant, Box<dyn std::error::Error + Send + Sync>> {
    let branch = BranchId::new(1).ok_or("1 is a branch's id")?;
    let origin = Origin { branch, incarnation: Incarnation(0) };
    let mut asked = JoinSet::new();
    for watcher in watchers {
        let watcher = watcher.clone();
        let terms = Terms { at_least: Version::from_iter([(origin, sequence)]), ..Terms::default() };
        asked.spawn(async move { watcher.query(AccountId::DEFAULT, false, &terms).await.map(|_| Instant::now()) });
    }
    let mut latest = None;
    while let Some(seen) = asked.join_next().await {
        latest = latest.max(Some(seen??));
    }
    latest.ok_or_else(|| "nobody watches".into())
}

/// The deposit is at other branches, so its answer is on its way, if it has not come yet.
async fn until_answered(shared: &Shared) -> Result<Instant, Box<dyn std::error::Error + Send + Sync>> {
    let gives_up = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(at) = shared.answered_at.lock().map_err(|error| error.to_string())?.take() {
            return Ok(at);
        }
        if Instant::now() > gives_up {
            return Err("a deposit that other branches have is not answered".into());
        }
        tokio::task::yield_now().await;
    }
}
