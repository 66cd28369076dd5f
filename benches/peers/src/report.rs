//! What a load tells: operations, seconds, percentiles, and the processor's time of the server.

use std::{fs, time::Duration};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// Latencies from 1 us on, to three digits; what takes longer than a minute counts as a minute.
pub struct Latencies(Histogram<u64>);

const LONGEST_NANOSECONDS: u64 = 60_000_000_000;

impl Latencies {
    pub fn new() -> Self {
        // The bounds are constants that hdrhistogram takes.
        Self(Histogram::new_with_bounds(1_000, LONGEST_NANOSECONDS, 3).unwrap_or_else(|error| panic!("{error}")))
    }

    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(LONGEST_NANOSECONDS));
    }

    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).unwrap_or_else(|error| panic!("{error}"));
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// In microseconds.
    pub fn to_json(&self) -> Value {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        json!({
            "mean_us": self.0.mean() / 1e3,
            "p50_us": at(0.5), "p90_us": at(0.9), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": at(1.0),
        })
    }
}

/// What the processors have done so far for the server and for this process.
pub struct Processors {
    server: Option<u32>,
    server_seconds: Option<f64>,
    own_seconds: Option<f64>,
}

impl Processors {
    pub fn read(server: Option<u32>) -> Self {
        let server_seconds = server.and_then(processor_seconds);
        Self { server, server_seconds, own_seconds: processor_seconds(std::process::id()) }
    }

    /// Microseconds an operation since then: the server's, and this process's own.
    pub fn per_operation(&self, operations: u64) -> (Option<f64>, Option<f64>) {
        let now = Self::read(self.server);
        let each = |before: Option<f64>, after: Option<f64>| {
            before.zip(after).map(|(before, after)| (after - before) * 1e6 / operations as f64)
        };
        (each(self.server_seconds, now.server_seconds), each(self.own_seconds, now.own_seconds))
    }
}

/// The time that a process has had on the processors, in seconds: user and system (proc(5), stat).
fn processor_seconds(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold spaces; what follows it does not.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks as f64 / TICKS_PER_SECOND)
}

/// USER_HZ, which is 100 on every Linux that one meets.
const TICKS_PER_SECOND: f64 = 100.0;

/// The most memory that this process has had resident, in MiB (proc(5), status).
pub fn most_resident_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}
