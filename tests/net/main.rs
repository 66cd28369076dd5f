//! Tests of branches as they are served: sockets, disks and bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![cfg(feature = "net")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../fuzz/draw.rs"]
mod draw;
#[path = "../fuzz/mod.rs"]
mod fuzz;
#[path = "../hostile/mod.rs"]
mod hostile;

mod bank_faults;
mod bank_live;
mod bank_restores;
mod customer_retry;
mod customer_together;
mod fuzz_decoders;
mod fuzz_replica;
mod hostile_dialled;
mod hostile_peer;
mod hostile_session;
mod live_disk;
mod live_ending;
mod live_faults;
mod live_refused;
mod live_twice;
mod live_waits;
mod served;
mod store_damage;
mod store_round_trip;
mod store_upgrade;
mod trace_live;
