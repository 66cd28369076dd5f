//! A whole bank: its branches in this process, or one child process each; a scenario run to its
//! result.

mod config;
mod ending;
mod error;
mod faults;
mod files;
mod history;
mod history_keeper;
mod inflict;
mod local;
mod play;
mod process;
mod run;
mod running;
mod served;
mod together;
mod traced;

pub use config::BankConfig;
pub use error::BankError;
pub use faults::{Fault, FaultId, Messages};
pub use play::{Played, Stage, differences, play};
pub use process::supervised;
pub use run::{Progress, run};
pub use running::Bank;
pub use served::{BranchConfig, Served};
