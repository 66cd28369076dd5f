//! The one door for bytes: protobuf messages to the core's types and back. Nothing that comes from
//! outside is trusted here, nothing panics, and every refusal names the field.

mod customer;
mod error;
mod execute;
mod parts;
mod peer;
mod refusal;
mod status;
mod version;

pub use error::WireError;
pub use execute::{Batch, MAX_OPERATIONS};
pub use parts::{Cutter, Joiner, MAX_CALL_ACCOUNTS, most_bytes};
pub use peer::{Hello, PropagateRequest, Propagated, entries};
pub use status::{LinkStatus, Snapshot, Status};

/// The generated messages, clients and servers of `replibank.v1`.
#[allow(missing_docs, clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]
pub mod proto {
    tonic::include_proto!("replibank.v1");

    /// The descriptors of every message and service, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}

/// The largest message between branches that travels in one piece: a whole page of a million accounts fits.
pub const MAX_PEER_MESSAGE_BYTES: usize = 64 << 20;

/// The most accounts of a bank.
pub const MAX_ACCOUNTS: usize = 1 << 24;

/// The largest message of a branch to a customer: the balances of the largest bank fit, 24 bytes each.
pub const MAX_STATUS_BYTES: usize = 512 << 20;

/// The largest message of a customer to a branch.
pub const MAX_CUSTOMER_MESSAGE_BYTES: usize = 4 << 20;
