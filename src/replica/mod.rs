//! The replica: a state machine without sockets, clocks, threads or randomness. It is a delta-state
//! PN-counter (Almeida, Shoker and Baquero 2018, arXiv 1603.01529) with a page per origin, eager
//! propagation, and anti-entropy by comparing versions (Demers et al. 1987).
//!
//! A driver calls [`Replica::step`] with what happened, [`Replica::poll_send`] for the peers that the
//! outputs name, and `step(Input::Tick)` once [`Replica::next_deadline`] has passed. The gRPC branch
//! is one such driver; a simulator is another.
//!
//! ```text
//!      customers, peers, time
//!     |
//! +---v----------------------------------------------------------------------+
//! | a driver: the branch that is served, the simulator, the tests' network   |
//! | owns sockets, tasks, the clock, the disk                                 |
//! +---+--------------^-----------+----------^------------+----------^--------+
//!     | step(Input)  | Output    | poll_    | message    | poll_    | save
//!     |              |           |   send   |            |   save   |
//! +---v--------------+-----------v----------+------------v----------+--------+
//! | Replica                                                                  |
//! |   decides      customer, peer             what customers and peers say   |
//! |   remembers    ledger, answers, lives     pages, decisions, other lives  |
//! |   lets wait    waits, receipts            for versions, for other disks  |
//! |   tells        link, wake, disk           the peers, and its own disk    |
//! +--------------------------------------------------------------------------+
//! ```

mod answers;
mod branches;
mod changes;
mod config;
mod customer;
mod delta;
mod disk;
mod entries;
mod flight;
mod input;
mod judge;
mod ledger;
mod link;
mod lives;
mod machine;
mod message;
mod news;
mod offence;
mod output;
mod owed;
mod page;
mod peer;
mod poll;
mod receipts;
mod route;
mod save;
mod tempo;
mod waits;
mod wake;

pub use answers::{ANSWERS_PER_CLIENT, CLIENT_REMEMBERED_FOR, CLIENTS_REMEMBERED, Memory};
pub use config::Config;
pub use delta::{Delta, Entry, Past};
pub use input::{Input, Request};
pub use machine::Replica;
pub use message::{Call, PeerMessage, Receipt, Update};
pub use news::News;
pub use offence::PeerOffence;
pub use output::Output;
pub use save::{AnswerChange, Disk, Life, Remembered, Save, Saved};
pub use waits::MAX_WAITING;
