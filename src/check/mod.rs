//! Histories in, verdicts out. A checker knows what customers saw and nothing else, so it judges any
//! bank: a live one, a simulated one, or another program's.

mod history;

pub use history::{Event, History, Invocation, Kind, Outcome};
