//! The two ways in which branches tell each other of an operation. They mean the same.

use std::{fmt, str::FromStr};

/// How a bank propagates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Propagation {
    /// One call per operation and peer, directly: as the course has it. Always a mesh.
    Unary,
    /// One stream a link, with as many operations a message as have gathered.
    #[default]
    Stream,
}

impl fmt::Display for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unary => "unary",
            Self::Stream => "stream",
        })
    }
}

impl FromStr for Propagation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unary" => Ok(Self::Unary),
            "stream" => Ok(Self::Stream),
            other => Err(format!("unknown propagation {other:?}: give stream or unary")),
        }
    }
}
