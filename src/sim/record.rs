//! What is written down of a simulation.

/// What a simulation writes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Whether to keep the history: without, the customers' part cannot be judged.
    pub history: bool,
    /// How many events the trace keeps; 0: none.
    pub trace_capacity: usize,
}

impl Default for Record {
    fn default() -> Self {
        Self { history: true, trace_capacity: 0 }
    }
}
