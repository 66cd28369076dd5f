//! Why an input is refused: where, what was found there, and what would be right.

use std::fmt;

use super::{document::DocumentError, flaw::RecordFlaw};

/// An input that cannot be run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InputError {
    /// The file is not one JSON array.
    Document(DocumentError),
    /// A record of it is wrong.
    Record(Box<RecordError>),
    /// It holds no branch.
    NoBranch,
}

/// A record that is wrong in itself, or beside an earlier one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordError {
    /// Where.
    pub place: RecordPlace,
    /// What is wrong there.
    pub flaw: RecordFlaw,
}

/// A record of the input, or a part of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordPlace {
    /// The record's number in the file, from 1.
    pub record: usize,
    /// What the record says of itself.
    pub title: RecordTitle,
    /// The event's number in the record, from 1.
    pub event: Option<usize>,
    /// The key, if the flaw is in one value.
    pub field: Option<&'static str>,
}

/// What a record says of itself, as far as that can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecordTitle {
    /// Its type.
    pub kind: Option<RecordKind>,
    /// Its id.
    pub id: Option<u64>,
}

/// The two types of record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RecordKind {
    /// `customer`; older: `client`.
    Customer,
    /// `branch`; older: `bank`.
    Branch,
}

impl RecordKind {
    /// Every type's name, as files spell it.
    pub(super) const NAMES: [&'static str; 4] = ["customer", "branch", "client", "bank"];

    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "customer" | "client" => Some(Self::Customer),
            "branch" | "bank" => Some(Self::Branch),
            _ => None,
        }
    }
}

impl RecordPlace {
    /// The same record's event of that number.
    pub(super) fn event(self, event: usize) -> Self {
        Self { event: Some(event), ..self }
    }

    /// The value of that key here.
    pub(super) fn field(self, field: &'static str) -> Self {
        Self { field: Some(field), ..self }
    }

    pub(super) fn error(self, flaw: RecordFlaw) -> InputError {
        InputError::Record(Box::new(RecordError { place: self, flaw }))
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::Record(error) => error.fmt(f),
            Self::NoBranch => {
                write!(
                    f,
                    r#"the input has no branch: add a record such as {{"id": 1, "type": "branch", "balance": 400}}"#
                )
            }
        }
    }
}

impl std::error::Error for InputError {}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.flaw)
    }
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.record)?;
        match (self.title.kind, self.title.id) {
            (Some(kind), Some(id)) => write!(f, " ({kind} {id})")?,
            (Some(kind), None) => write!(f, " ({kind})")?,
            (None, Some(id)) => write!(f, " (id {id})")?,
            (None, None) => {}
        }
        if let Some(event) = self.event {
            write!(f, ", event {event}")?;
        }
        if let Some(field) = self.field {
            write!(f, ", {field}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Customer => "customer",
            Self::Branch => "branch",
        })
    }
}
