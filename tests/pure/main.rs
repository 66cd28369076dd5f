//! Tests of all that knows no clock, no socket and no disk: what `cargo test --no-default-features` runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../fuzz/mod.rs"]
mod fuzz;

mod architecture;
mod check_history;
mod check_recorded;
mod circles;
mod fuzz_scenario;
mod replica_concern;
mod replica_convergence;
mod replica_durable;
mod replica_edges;
mod replica_lives;
mod replica_overtaken;
mod replica_peers;
mod replica_requests;
mod replica_restarts;
mod replica_tempo;
mod replica_waits;
mod replica_window;
mod scenario_grade;
mod scenario_input;
mod scenario_output;
mod scenario_refusal;
mod sim_bugs;
mod sim_faults;
mod sim_restarts;
mod sim_seeds;
mod topology;
mod trace_faults;
mod trace_simulated;
mod worlds;
