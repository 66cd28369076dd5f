//! One branch: a replica behind a gRPC server, and the tasks that keep its links. A request is
//! decided under one short lock; what must finish afterwards (propagation) lives in the links'
//! tasks, never in the future of a call, which a client may drop.
//!
//! ```text
//!   customers' calls and streams          peers' streams and calls       time, the disk
//!             |                                     |                         |
//! +-----------v-------------+       +---------------v-------------+   +-------v-------+
//! | bank_service, execute   |       | link, calls, handover;      |   | clock, disk   |
//! |                         |       | replication_service         |   |               |
//! +-----------+-------------+       +---------------+-------------+   +-------+-------+
//!             | ask                                 | begin a session,        | tick,
//!             |                                     | hand in, poll           | save
//! +-----------v-------------------------------------v-------------------------v-------+
//! | core: the replica behind its lock; bells for whoever must hear of what happens    |
//! +-----------------------------------------------------------------------------------+
//! ```

mod bank_service;
mod calls;
mod channels;
mod clock;
mod complaints;
mod config;
mod core;
mod cork;
mod cut;
mod disk;
mod door;
mod error;
mod execute;
mod faults;
mod handle;
mod handover;
mod link;
mod nearby;
mod panics;
mod recording;
mod recover;
mod replication_service;
mod server;
mod stop;
#[cfg(test)]
mod tests;

pub use channels::Channels;
pub use config::{Config, Data, topology};
pub use error::BranchError;
pub use faults::{Faults, Way, Wire};
pub use handle::Branch;
pub use recording::{Part, Recording};
