//! The two ways in which branches tell each other of an operation. They mean the same.

use super::words;

/// How a bank propagates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Propagation {
    /// One call per operation and peer, directly: as the course has it. Always a mesh.
    Unary,
    /// One stream a link, with as many operations a message as have gathered.
    #[default]
    Stream,
}

words!(Propagation, "propagation": Stream = "stream", Unary = "unary");
