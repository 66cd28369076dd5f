//! Why a data directory cannot be used. Each says what was found and what would be right; none is
//! told before the file, if there is one, was left as it was.

use std::{fmt, io, path::PathBuf};

/// What can go wrong with a data directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreError {
    /// What is there is not what was written there.
    Damaged {
        /// Where.
        directory: PathBuf,
        /// What was found.
        reason: String,
    },
    /// It is another branch's, or another bank's.
    Foreign {
        /// Where.
        directory: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// A later version of this package wrote it.
    Newer {
        /// Where.
        directory: PathBuf,
        /// The format found.
        found: u64,
        /// The latest format that is known here.
        known: u64,
    },
    /// Another process, or another branch of this one, has it.
    InUse {
        /// Where.
        directory: PathBuf,
    },
    /// The system cannot read or write there.
    Failed {
        /// Where.
        directory: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { directory, reason } => write!(
                f,
                "data directory {} is damaged and was left as it is ({reason}): restore it from a copy, or give the \
                 branch an empty one",
                directory.display()
            ),
            Self::Foreign { directory, found, expected } => {
                write!(f, "data directory {} is that of {found}, not of {expected}", directory.display())
            }
            Self::Newer { directory, found, known } => write!(
                f,
                "data directory {} has format {found}, and format {known} is the latest known here: take a later \
                 replibank",
                directory.display()
            ),
            Self::InUse { directory } => {
                write!(f, "data directory {} is in use by another process or branch", directory.display())
            }
            Self::Failed { directory, reason } => write!(f, "data directory {}: {reason}", directory.display()),
        }
    }
}

impl std::error::Error for StoreError {}

/// What the system said, as a clause: "no space left on device".
pub(super) fn clause(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::StorageFull {
        return "no space left on device".to_owned();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
