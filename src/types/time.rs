//! Time as the core sees it: microseconds that the driver hands in. The core never reads a clock.

use std::ops::Add;

use serde::{Deserialize, Serialize};

/// Microseconds since the driver's own beginning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

/// A span in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Duration(pub u64);

impl Duration {
    /// Longer than anything takes.
    pub const MAX: Self = Self(u64::MAX);

    /// From milliseconds.
    pub const fn milliseconds(value: u64) -> Self {
        Self(value * 1_000)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates: the end of time is never passed.
    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}
