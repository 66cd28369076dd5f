//! A replicated bank. Branch servers each hold a replica of every account; customers deposit,
//! withdraw and query at their branch; branches propagate every change; all replicas converge.
//!
//! The house has floors, and a floor imports lower floors only (a test holds this):
//!
//! | floor | modules | what they know |
//! |---|---|---|
//! | 5 | `python` | PyO3: thin, no logic |
//! | 4 | `bank` | many branches, and a scenario run to its result |
//! | 3 | `branch`, `customer` | tonic server and propagation tasks; tonic client |
//! | 3 | [`sim`] | virtual time, faults from a seed: another driver of the replica |
//! | 2 | [`record`] | what a replica does, as rows of a trace |
//! | 2 | `store`, `wire` | a branch's data directory; protobuf to types and back: the one door for bytes |
//! | 1 | [`check`], [`replica`], [`scenario`], [`topology`], [`trace`] | pure: no I/O, no clock, no threads |
//! | 0 | [`types`] | ids, amounts, versions, refusals |
//!
//! What needs no network and no disk builds alone with `--no-default-features`.

#[cfg(feature = "net")]
pub mod bank;
#[cfg(feature = "net")]
pub mod branch;
pub mod check;
#[cfg(feature = "net")]
pub mod customer;
#[cfg(feature = "python")]
mod python;
pub mod record;
pub mod replica;
pub mod scenario;
pub mod sim;
#[cfg(feature = "net")]
pub mod store;
pub mod topology;
pub mod trace;
pub mod types;
#[cfg(feature = "net")]
pub mod wire;
