//! The words that every floor above uses. Nothing here knows a socket, a clock or a thread.

mod amount;
mod answer;
mod id;
mod propagation;
mod refusal;
mod request;
mod time;
mod version;
mod word;

pub use amount::{Amount, AmountError, MAX_AMOUNT, MAX_OPENING, MAX_ORIGINS};
pub use answer::{Answer, Committed, Queried};
pub use id::{AccountId, BranchId, ClientId, Incarnation, Origin, RequestId};
pub use propagation::Propagation;
pub use refusal::Refusal;
pub use request::{Action, Concern, Operation, OperationKind, Terms, Tried};
pub use time::{Duration, Time};
pub use version::Version;
pub use word::Word;
pub(crate) use word::{as_text, words};
