//! One branch: a replica behind a gRPC server, and the tasks that keep its links. A request is
//! decided under one short lock; what must finish afterwards (propagation) lives in the links'
//! tasks, never in the future of a call, which a client may drop.
//!
//! ```text
//!   customers' calls and streams          peers' streams and calls       time, the disk
//!             |                                     |                         |
//! +-----------v-------------+       +---------------v-------------+   +-------v-------+
//! | services: bank, execute |       | services: replication       |   | clock, disk   |
//! |                         |       | peers: link, calls          |   |               |
//! +-----------+-------------+       +---------------+-------------+   +-------+-------+
//!             | ask                                 | begin a session,        | tick,
//!             |                                     | hand in, poll           | save
//! +-----------v-------------------------------------v-------------------------v-------+
//! | shared: the replica behind its lock; bells for whoever must hear of what happens  |
//! +-----------------------------------------------------------------------------------+
//! ```

mod clock;
mod config;
mod connection;
mod disk;
mod error;
mod faults;
mod handle;
mod panics;
mod peers;
mod recording;
mod recover;
mod server;
mod services;
mod shared;
mod stop;
#[cfg(test)]
mod tests;

pub use config::{Config, Data, topology};
pub use connection::channels::Channels;
pub use error::BranchError;
pub use faults::{Faults, Way, Wire};
pub use handle::Branch;
pub use recording::{Part, Recording};
