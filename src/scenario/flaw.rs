//! What can be wrong with a record. Every message says what was found and what would be right.

use std::fmt;

use crate::types::{BranchId, MAX_AMOUNT, MAX_OPENING, MAX_ORIGINS};

/// What is wrong with a record, or with an event of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordFlaw {
    /// A record or an event is not an object.
    NotAnObject {
        /// What it is, shortened.
        found: String,
    },
    /// A key is not there.
    MissingField {
        /// The key.
        field: &'static str,
        /// The keys that are there, shortened.
        found: String,
        /// The one among them that looks like the key.
        near: Option<String>,
    },
    /// The type or the interface is no text.
    NotAText {
        /// What it is, shortened.
        found: String,
        /// The texts that would be right.
        right: &'static str,
    },
    /// The type or the interface is none of those that there are.
    UnknownWord {
        /// The word, in quotes and shortened.
        found: String,
        /// The one that it looks like.
        near: Option<&'static str>,
        /// The words that would be right.
        right: &'static str,
    },
    /// `events` is no array.
    NotAnArray {
        /// What it is, shortened.
        found: String,
    },
    /// An id, a balance or an amount is not what it should be.
    Number {
        /// What it is, shortened.
        found: String,
        /// How it is wrong.
        flaw: NumberFlaw,
        /// What would be right.
        right: NumberRange,
    },
    /// The records are those of the course's project 2.
    LogicalClock,
    /// An event names a branch that is not its customer's, as the course's project 3 has it.
    OtherBranch {
        /// What it names, shortened.
        found: String,
        /// The customer's branch.
        branch: BranchId,
    },
    /// Events are to run by id, and this one has none.
    NoEventId,
    /// The customer's branch is not in the file.
    NoSuchBranch {
        /// The branch it needs.
        branch: BranchId,
        /// Those there are, shortened.
        known: String,
    },
    /// An earlier record is the same branch.
    SecondBranch {
        /// The branch.
        branch: BranchId,
        /// The earlier record's number.
        first: usize,
    },
    /// The first branch starts with another balance.
    UnequalBalance {
        /// This branch's.
        balance: i64,
        /// The first branch.
        first_branch: BranchId,
        /// Its record's number.
        first: usize,
        /// Its balance.
        first_balance: i64,
    },
    /// One branch more than [`MAX_ORIGINS`].
    TooManyBranches,
    /// With this event, what the branch's customers put in (or took out) would pass [`MAX_AMOUNT`].
    TotalTooLarge {
        /// The branch.
        branch: BranchId,
        /// The total until then.
        total: u64,
        /// The event's amount.
        requested: u64,
    },
}

/// How a number is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberFlaw {
    /// A text; `write` is the number inside it, if it holds one that would be right.
    Text {
        /// The number to write.
        write: Option<u64>,
    },
    /// Written with a dot or an exponent; `write` is the whole number it stands for, if it does.
    Fraction {
        /// The number to write.
        write: Option<u64>,
    },
    /// Below zero.
    Negative,
    /// Below the range, but not negative.
    TooSmall,
    /// Above the range.
    TooLarge,
    /// `true` or `false`.
    Boolean,
    /// `null`.
    Null,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Which numbers are right in a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberRange {
    /// A customer's or branch's id: 1 to 2^32 - 1.
    Id,
    /// An event's id: any `i64`.
    EventId,
    /// What an event moves: 1 to [`MAX_AMOUNT`].
    Money,
    /// An opening balance: 0 to [`MAX_OPENING`].
    Balance,
}

impl NumberRange {
    /// The least and the greatest.
    pub fn bounds(self) -> (i64, i64) {
        match self {
            Self::Id => (1, i64::from(u32::MAX)),
            Self::EventId => (i64::MIN, i64::MAX),
            Self::Money => (1, MAX_AMOUNT.cast_signed()),
            Self::Balance => (0, MAX_OPENING),
        }
    }
}

impl fmt::Display for RecordFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject { found } => write!(f, "{found} is not an object: write {{ ... }}"),
            Self::MissingField { field, found, near } => {
                write!(f, "field {field} is missing")?;
                match near {
                    Some(near) => write!(f, ": is {near} meant? (found {found})"),
                    None if found.is_empty() => write!(f, ": the object is empty"),
                    None => write!(f, ": found {found}"),
                }
            }
            Self::NotAText { found, right } => write!(f, "{found} is not a text: write {right}"),
            Self::UnknownWord { found, near: Some(near), right } => {
                write!(f, "{found} is unknown: did you mean {near:?}? (write {right})")
            }
            Self::UnknownWord { found, near: None, right } => write!(f, "{found} is unknown: write {right}"),
            Self::NotAnArray { found } => write!(f, "{found} is not an array: write [ ... ], with one object an event"),
            Self::Number { found, flaw, right } => write_number(f, found, *flaw, *right),
            Self::LogicalClock => {
                write!(
                    f,
                    "field events is missing: customer-requests belong to project 2, and this is read as project 1"
                )
            }
            Self::OtherBranch { found, branch } => write!(
                f,
                "{found} is not branch {branch}: in project 1 customer {branch} talks to branch {branch} alone \
                 (events that choose their branch belong to project 3)"
            ),
            Self::NoEventId => {
                write!(f, "field id is missing: to run events by id, give each one (or run them in file order)")
            }
            Self::NoSuchBranch { branch, known } => {
                write!(
                    f,
                    "there is no branch {branch}: a customer talks to the branch of its own id, and there {known}"
                )
            }
            Self::SecondBranch { branch, first } => {
                write!(f, "branch {branch} is record {first} already: give each branch an id of its own")
            }
            Self::UnequalBalance { balance, first_branch, first, first_balance } => write!(
                f,
                "{balance} differs from {first_balance} in record {first} (branch {first_branch}): \
                 branches are replicas of one balance, so write the same at each"
            ),
            Self::TooManyBranches => write!(f, "one branch too many: a bank has at most {MAX_ORIGINS}"),
            Self::TotalTooLarge { branch, total, requested } => write!(
                f,
                "{requested} on top of {total} so far is too much: what one branch takes in, and what it pays out, \
                 ends at {MAX_AMOUNT} (branch {branch})"
            ),
        }
    }
}

fn write_number(f: &mut fmt::Formatter<'_>, found: &str, flaw: NumberFlaw, right: NumberRange) -> fmt::Result {
    let (what, write) = match flaw {
        NumberFlaw::Text { write } => ("a text", write),
        NumberFlaw::Fraction { write } => ("written as a fraction", write),
        NumberFlaw::Negative => ("negative", None),
        NumberFlaw::TooSmall => ("too small", None),
        NumberFlaw::TooLarge => ("too large", None),
        NumberFlaw::Boolean => ("a boolean", None),
        NumberFlaw::Null => ("no number", None),
        NumberFlaw::Array => ("an array", None),
        NumberFlaw::Object => ("an object", None),
    };
    match (flaw, write) {
        (NumberFlaw::Text { .. }, Some(write)) => write!(f, "{found} is {what}: write {write}, without quotes"),
        (_, Some(write)) => write!(f, "{found} is {what}: write {write}"),
        (_, None) if right == NumberRange::EventId => {
            write!(f, "{found} is {what}: write a whole number of at most 18 digits, or leave the id out")
        }
        (_, None) => {
            let (least, greatest) = right.bounds();
            write!(f, "{found} is {what}: write a whole number from {least} to {greatest}")
        }
    }
}
