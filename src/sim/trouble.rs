//! What can befall a bank.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that befalls the bank at `at_us` and ends after `for_us`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When it begins.
    pub at_us: u64,
    /// How long it lasts.
    pub for_us: u64,
    /// What it is.
    pub what: Trouble,
}

/// What can befall a bank.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Trouble {
    /// These branches and the others cannot reach each other.
    Partition {
        /// One side.
        side: Vec<u32>,
        /// Only what this side says is lost.
        one_way: bool,
    },
    /// The branch is killed, and started again at the end.
    Crash {
        /// Which branch.
        branch: u32,
    },
    /// The branch does nothing, and goes on at the end.
    Pause {
        /// Which branch.
        branch: u32,
    },
    /// Messages from and to the branch take this many times as long.
    Slow {
        /// Which branch.
        branch: u32,
        /// How many times as long.
        factor: u32,
    },
    /// The branch's disk is copied at the beginning. At the end the branch is killed, and goes on with that
    /// older copy. Without disks, nothing happens.
    Restore {
        /// Which branch.
        branch: u32,
    },
    /// A second process serves the branch, on a copy of its disk. At the end the older of the two serves no
    /// customers any more, and it stops once the other has all that it has. Without disks, nothing happens.
    Clone {
        /// Which branch.
        branch: u32,
    },
    /// The branch is killed and its disk is lost. It is started again at the end on a new disk, which it
    /// keeps from then on.
    DiskLoss {
        /// Which branch.
        branch: u32,
    },
    /// The branch's machine fails, and starts again at the end. A buffered disk has lost what it had not
    /// yet written out.
    PowerFailure {
        /// Which branch.
        branch: u32,
    },
    /// From the beginning on, the branch's next save fails, and whoever asks it then is told that it has
    /// failed. It is started again at the end, with all that its disk has. Without disks, nothing happens.
    DiskFailure {
        /// Which branch.
        branch: u32,
    },
    /// More messages than usual are lost, everywhere.
    Loss {
        /// The share of messages.
        share: f64,
    },
}

impl Trouble {
    /// The branches it names.
    pub fn branches(&self) -> &[u32] {
        match self {
            Self::Partition { side, .. } => side,
            Self::Crash { branch }
            | Self::Pause { branch }
            | Self::Slow { branch, .. }
            | Self::Restore { branch }
            | Self::Clone { branch }
            | Self::DiskLoss { branch }
            | Self::PowerFailure { branch }
            | Self::DiskFailure { branch } => std::slice::from_ref(branch),
            Self::Loss { .. } => &[],
        }
    }

    /// The same, to be renamed.
    pub(super) fn branches_mut(&mut self) -> &mut [u32] {
        match self {
            Self::Partition { side, .. } => side,
            Self::Crash { branch }
            | Self::Pause { branch }
            | Self::Slow { branch, .. }
            | Self::Restore { branch }
            | Self::Clone { branch }
            | Self::DiskLoss { branch }
            | Self::PowerFailure { branch }
            | Self::DiskFailure { branch } => std::slice::from_mut(branch),
            Self::Loss { .. } => &mut [],
        }
    }
}

/// In a few words, for people: "branch 2 is down".
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition { side, one_way } => {
                let side: Vec<String> = side.iter().map(u32::to_string).collect();
                let what = if *one_way { "are not heard by" } else { "are parted from" };
                write!(f, "branches {} {what} the others", side.join(", "))
            }
            Self::Crash { branch } => write!(f, "branch {branch} is down"),
            Self::Pause { branch } => write!(f, "branch {branch} does nothing"),
            Self::Slow { branch, factor } => write!(f, "branch {branch} is {factor} times as slow"),
            Self::Restore { branch } => write!(f, "branch {branch} goes back to an older copy of its disk"),
            Self::Clone { branch } => write!(f, "branch {branch} is two processes on copies of one disk"),
            Self::DiskLoss { branch } => write!(f, "branch {branch} is down, and its disk is lost"),
            Self::PowerFailure { branch } => write!(f, "the machine of branch {branch} is down"),
            Self::DiskFailure { branch } => write!(f, "the disk of branch {branch} fails"),
            Self::Loss { share } => write!(f, "{:.1} % of all messages are lost", share * 100.0),
        }
    }
}
