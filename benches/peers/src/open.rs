//! The open loop: deposits begin when they are due, whether or not earlier ones have ended, and each is
//! timed from when it was due. A server that stalls is charged for all that waited (Tene, "coordinated
//! omission").

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use replibank::types::Terms;
use serde_json::json;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};

use super::{
    Outcome,
    report::Latencies,
    unary::{Depositor, Numbers},
};

#[derive(clap::Args)]
pub struct Options {
    #[arg(long)]
    address: String,
    /// Deposits a second.
    #[arg(long)]
    rate: f64,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds that are not counted, before.
    #[arg(long, default_value_t = 0.5)]
    warm: f64,
}

/// Deposits under way at most. h2 ends a connection on which more than some 8,000 small answers wait to be
/// read, which a busy machine can bring about.
const UNDER_WAY: usize = 4096;

/// A deposit that was answered.
pub struct Answered {
    pub due: Instant,
    pub at: Instant,
    pub sequence: u64,
}

/// Deposits at `rate` a second from now on, for so long; hands each answer to `answered`, from its task.
/// Ends when all are answered, with how many failed. Of a server that stalls, [`UNDER_WAY`] wait at most;
/// the others wait here, and are charged all the same.
pub async fn deposit_at(
    depositor: Depositor,
    rate: f64,
    lasts: Duration,
    answered: impl Fn(Answered) + Send + Sync + 'static,
) -> u64 {
    let (done, mut all_done) = mpsc::channel::<()>(1);
    let (failed, mut failures) = mpsc::unbounded_channel();
    let shared = Arc::new((answered, Numbers::default(), Terms::default(), Semaphore::new(UNDER_WAY)));
    let runtime = Handle::current();
    // A thread of its own: tokio's timer is a millisecond wide, and the load must not wait for its turn.
    let dispatcher = thread::spawn(move || {
        let began = Instant::now();
        let count = (rate * lasts.as_secs_f64()) as u64;
        for index in 0..count {
            let due = began + Duration::from_secs_f64(index as f64 / rate);
            if let Some(early) = due.checked_duration_since(Instant::now()) {
                thread::sleep(early);
            }
            let (mut depositor, shared) = (depositor.clone(), shared.clone());
            let (done, failed) = (done.clone(), failed.clone());
            runtime.spawn(async move {
                let _done = done;
                let (answered, numbers, terms, places) = &*shared;
                let _place = places.acquire().await;
                match depositor.deposit(numbers, 1, terms).await {
                    Ok(sequence) => answered(Answered { due, at: Instant::now(), sequence }),
                    // Whoever counts them may have gone: then the program ends anyway.
                    Err(_) => drop(failed.send(())),
                }
            });
        }
    });
    all_done.recv().await;
    // It has ended: it held the last sender.
    let _ = dispatcher.join();
    failures.close();
    let mut count = 0;
    while failures.recv().await.is_some() {
        count += 1;
    }
    count
}

pub async fn run(options: Options) -> Outcome {
    let depositor = Depositor::open(&options.address, false).await?;
    let latencies = Arc::new(std::sync::Mutex::new(Latencies::new()));
    let counted_from = Instant::now() + Duration::from_secs_f64(options.warm);
    let lasts = Duration::from_secs_f64(options.warm + options.seconds);
    let record = latencies.clone();
    let failures = deposit_at(depositor, options.rate, lasts, move |answered| {
        if answered.due >= counted_from
            && let Ok(mut latencies) = record.lock()
        {
            latencies.record(answered.at - answered.due);
        }
    })
    .await;
    if failures > 0 {
        return Err(format!("{failures} deposits failed").into());
    }
    let latencies = latencies.lock().map_err(|error| error.to_string())?;
    Ok(json!({ "rate": options.rate, "operations": latencies.count(), "latency": latencies.to_json() }))
}
