//! The branches of a bank as child processes: the parent's side, the child's side, and the words between them.
//!
//! ```text
//!  parent                                          child
//!  processes -> child -> talk    -- a line -->     supervised -> a served branch
//!                        words   <-- a line --     words
//!               child_log        <-- log ----
//!               warden           holds it still, and lets it go on
//! ```

mod child;
mod child_log;
mod epoch;
mod gathered;
mod processes;
mod supervised;
mod talk;
mod warden;
mod words;

pub(super) use processes::Processes;
pub use supervised::supervised;
