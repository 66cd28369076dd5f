//! What can be wrong with a file before its content counts: its size, its encoding, its JSON. Inputs
//! and outputs share these rules, since both are one array.

use std::fmt;

use crate::types::MAX_OPENING;

/// The largest file that is read: 64 MiB, which holds more than a million events.
pub const MAX_INPUT_BYTES: usize = 64 << 20;

/// The most values one file may hold. A well-formed file of [`MAX_INPUT_BYTES`] stays below, so only
/// a file of padding gets here; the limit is what bounds memory.
pub(super) const MAX_VALUES: usize = 1 << 23;

/// The most keys of one object.
pub(super) const MAX_KEYS: usize = 64;

/// A file that cannot be read as one JSON array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DocumentError {
    /// Where; `None`: the file as a whole.
    pub position: Option<Position>,
    /// What is wrong there.
    pub flaw: DocumentFlaw,
}

/// A place in a text, as editors count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// What is wrong with the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DocumentFlaw {
    /// More than [`MAX_INPUT_BYTES`].
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Nothing, or blanks alone.
    Empty,
    /// It starts with a byte order mark, or is not UTF-8 throughout by the look of its start.
    ByteOrderMark {
        /// The encoding that the mark stands for.
        encoding: &'static str,
    },
    /// A byte that UTF-8 does not allow.
    NotUtf8 {
        /// Counted from 0.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// The top level is something else.
    NotAnArray {
        /// What it is, or how it begins.
        found: String,
    },
    /// Not JSON from here on.
    Syntax {
        /// What was found.
        reason: String,
        /// The text that leads there; empty if the line has none.
        near: String,
        /// What would be right.
        right: &'static str,
    },
    /// More text after the array.
    SecondDocument,
    /// One object has one key twice.
    DuplicateKey {
        /// The key, shortened.
        key: String,
    },
    /// An object of more than 64 keys.
    TooManyKeys,
    /// Arrays and objects in each other, 128 deep or more.
    TooDeep,
    /// More values than any well-formed file of the largest size holds.
    TooManyValues,
    /// A number beyond what any reader of JSON holds.
    NumberTooLarge {
        /// The number, shortened.
        found: String,
    },
}

impl DocumentError {
    /// About the file as a whole.
    pub(super) fn whole(flaw: DocumentFlaw) -> Self {
        Self { position: None, flaw }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(f, "{position}: ")?;
        }
        self.flaw.fmt(f)
    }
}

impl std::error::Error for DocumentError {}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl fmt::Display for DocumentFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size } => {
                write!(f, "the file has {size} bytes: at most {MAX_INPUT_BYTES} (64 MiB) are read")
            }
            Self::Empty => write!(f, "the file is empty: write one JSON array of records, [ ... ]"),
            Self::ByteOrderMark { encoding } => {
                write!(f, "the file starts with a byte order mark ({encoding}): save it as UTF-8 without one")
            }
            Self::NotUtf8 { offset, byte } => {
                write!(f, "byte {offset} of the file, 0x{byte:02x}, is not UTF-8: save the file as UTF-8")
            }
            Self::NotAnArray { found } => {
                write!(f, "the top level is {found}: write one array of records, [ ... ]")
            }
            Self::Syntax { reason, near, right } if near.is_empty() => write!(f, "not JSON: {reason}: {right}"),
            Self::Syntax { reason, near, right } => write!(f, "not JSON: {reason}, near `{near}`: {right}"),
            Self::SecondDocument => {
                write!(f, "a second document begins after the array has ended: write one array (was it appended?)")
            }
            Self::DuplicateKey { key } => {
                write!(f, "the key {key} stands twice in one object: keep one of the two")
            }
            Self::TooManyKeys => write!(f, "an object has more than {MAX_KEYS} keys: a record needs three or four"),
            Self::TooDeep => {
                write!(f, "arrays and objects are nested 128 deep: a record's events are 4 deep")
            }
            Self::TooManyValues => {
                write!(f, "the file holds more than {MAX_VALUES} values: divide it into several files")
            }
            Self::NumberTooLarge { found } => {
                write!(f, "the number {found} is too large to read: write a whole number up to {MAX_OPENING}")
            }
        }
    }
}
