//! Why a message makes no sense.

use std::fmt;

/// A message that cannot be read: which field, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireError {
    /// The field, as the .proto names it.
    pub field: &'static str,
    /// What was found and what would be right.
    pub reason: String,
}

impl WireError {
    pub(super) fn missing(field: &'static str) -> Self {
        Self { field, reason: "is missing".to_owned() }
    }

    /// A field, and what is wrong with it.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field {}: {}", self.field, self.reason)
    }
}

impl std::error::Error for WireError {}
