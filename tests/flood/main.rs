//! Tests that measure their own process: they take turns, and nothing else runs beside them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![cfg(feature = "net")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../hostile/mod.rs"]
mod hostile;

mod hostile_flood;
mod live_large;
mod live_wide;
mod measured;
mod replica_waits;
