//! What a grader finds wrong with an output: where, what is there, and what would be right.

use std::{fmt, slice};

use super::document::DocumentError;

/// The most problems that are listed; the rest are counted.
pub const MAX_PROBLEMS: usize = 20;

/// Everything wrong with one output. Never empty when returned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Problems {
    /// In the order of the output, at most [`MAX_PROBLEMS`].
    pub listed: Vec<Problem>,
    /// How many more there are.
    pub unlisted: usize,
}

/// One thing wrong with an output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where.
    pub place: ProblemPlace,
    /// What is wrong there.
    pub kind: ProblemKind,
}

/// A part of an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProblemPlace {
    /// The file as a whole.
    File,
    /// An entry of the output that answers no customer record.
    Surplus {
        /// The entry's number in the output, from 1.
        entry: usize,
    },
    /// The answer to a customer record, or to one event of it.
    Record {
        /// The record's number among customer records, from 1. It is its entry's number too, as long
        /// as no entry before it is missing or one too many.
        record: usize,
        /// The customer's id.
        customer: u64,
        /// The event's number in the record, from 1.
        event: Option<usize>,
    },
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProblemKind {
    /// The file is not one JSON array.
    Document(DocumentError),
    /// A customer record has no entry.
    MissingEntry,
    /// An entry too many.
    ExtraEntry {
        /// The entry, shortened.
        found: String,
        /// How many entries are right.
        right: usize,
    },
    /// An entry or a reply is not an object, or `recv` is not an array.
    WrongType {
        /// What it is, shortened.
        found: String,
        /// What would be right.
        right: &'static str,
    },
    /// A key is not there.
    MissingField {
        /// The key, with the value that would be right.
        right: String,
        /// The keys that are there, shortened.
        found: String,
    },
    /// A key that does not belong there.
    ExtraField {
        /// The key with its value, shortened.
        found: String,
    },
    /// A value that is wrong, or of the wrong type.
    WrongValue {
        /// The key.
        field: &'static str,
        /// The value, shortened.
        found: String,
        /// The value that would be right.
        right: String,
    },
    /// An event has no reply.
    MissingReply {
        /// The reply that would be right.
        right: String,
    },
    /// A reply too many.
    ExtraReply {
        /// The reply, shortened.
        found: String,
        /// How many replies are right.
        right: usize,
    },
}

impl Problems {
    /// Lists one more, or counts it.
    pub(super) fn add(&mut self, place: ProblemPlace, kind: ProblemKind) {
        if self.listed.len() < MAX_PROBLEMS {
            self.listed.push(Problem { place, kind });
        } else {
            self.unlisted += 1;
        }
    }

    /// Those that are listed.
    pub fn iter(&self) -> slice::Iter<'_, Problem> {
        self.listed.iter()
    }

    /// Listed or not.
    pub fn count(&self) -> usize {
        self.listed.len() + self.unlisted
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "\n" })?;
        }
        if self.unlisted > 0 {
            write!(f, "\nand {} more", self.unlisted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            ProblemPlace::File => {}
            ProblemPlace::Surplus { entry } => write!(f, "entry {entry}: ")?,
            ProblemPlace::Record { record, customer, event: None } => {
                write!(f, "entry {record} (customer {customer}): ")?
            }
            ProblemPlace::Record { record, customer, event: Some(event) } => {
                write!(f, "entry {record} (customer {customer}), event {event}: ")?;
            }
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::MissingEntry => write!(f, "the entry is missing: each customer record has one, in file order"),
            Self::ExtraEntry { found, right } => {
                let entries = if *right == 1 { "1 entry is".to_owned() } else { format!("{right} entries are") };
                write!(f, "{found} is one too many: {entries} right")
            }
            Self::WrongType { found, right } => write!(f, "{found} is not {right}"),
            Self::MissingField { right, found } if found.is_empty() => write!(f, "{right} is missing"),
            Self::MissingField { right, found } => write!(f, "{right} is missing: found {found}"),
            Self::ExtraField { found } => write!(f, "{found} does not belong here: remove it"),
            Self::WrongValue { field, found, right } => write!(f, "{field} is {found}: {right} is right"),
            Self::MissingReply { right } => write!(f, "the reply is missing: {right} is right"),
            Self::ExtraReply { found, right } => {
                let are = if *right == 1 { "is" } else { "are" };
                write!(f, "{found} is one reply too many: {right} {are} right")
            }
        }
    }
}
