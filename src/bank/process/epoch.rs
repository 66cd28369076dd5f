//! One time for processes of one machine. A process counts from an `Instant`, which no other can read;
//! so it is told as a time since 1970, at the moment at which it is needed. Whoever sets the system's
//! clock in that very moment shifts what follows; at any other time, nobody notices.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often both clocks are read. A process may be interrupted between the two, but hardly each time.
const READINGS: usize = 16;

/// What an instant of this process is for others, in nanoseconds since 1970.
pub(in crate::bank) fn nanoseconds(instant: Instant) -> u64 {
    let (now, since) = both_clocks();
    let then = since.saturating_sub(now.saturating_duration_since(instant));
    u64::try_from(then.as_nanos()).unwrap_or(u64::MAX)
}

/// The instant of this process that another has told.
pub(in crate::bank) fn instant(nanoseconds: u64) -> Instant {
    let (now, since) = both_clocks();
    let ago = since.saturating_sub(Duration::from_nanos(nanoseconds));
    now.checked_sub(ago).unwrap_or(now)
}

/// One moment on both clocks: of several readings, the one that took the least time.
fn both_clocks() -> (Instant, Duration) {
    let read = || {
        let before = Instant::now();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let took = before.elapsed();
        (took, before + took / 2, since)
    };
    let mut best = read();
    for _ in 1..READINGS {
        let again = read();
        if again.0 < best.0 {
            best = again;
        }
    }
    (best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_that_is_told_comes_back() {
        for ago in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(1)] {
            let began = Instant::now() - ago;
            let again = instant(nanoseconds(began));
            let apart = again.max(began) - again.min(began);
            assert!(apart < Duration::from_micros(100), "{apart:?} apart");
        }
    }
}
