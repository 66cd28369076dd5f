//! Names of things. Each is a newtype, so that none can stand in for another.

use std::{fmt, num::NonZeroU32, str::FromStr};

use super::as_text;

/// A branch: the process that hosts one replica. From 1 to 2^32 - 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BranchId(NonZeroU32);

impl BranchId {
    /// `None` for zero, which protobuf could not tell from a field left out.
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number.
    pub const fn value(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for BranchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An account. Every replica holds every account of its bank; 0 is the default one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AccountId(pub u64);

impl AccountId {
    /// The account that is meant when none is named.
    pub const DEFAULT: Self = Self(0);
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which life of a branch wrote a page. A branch that comes back without its data must take a new
/// incarnation: with its old one and an empty page, every total would be wrong for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Incarnation(pub u64);

/// Who first accepted an operation: one life of one branch. The only writer of its page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin {
    /// The branch.
    pub branch: BranchId,
    /// Which of its lives.
    pub incarnation: Incarnation,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            Incarnation(0) => self.branch.fmt(f),
            Incarnation(incarnation) => write!(f, "{}.{incarnation}", self.branch),
        }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (branch, life) = text.split_once('.').unwrap_or((text, "0"));
        match (branch.parse().ok().and_then(BranchId::new), life.parse()) {
            (Some(branch), Ok(life)) => Ok(Self { branch, incarnation: Incarnation(life) }),
            _ => Err(format!("origin {text:?} is unknown: give \"2\", or \"2.1764\" for a later life of branch 2")),
        }
    }
}

as_text!(Origin);

/// A customer's program, drawn at random once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub u64);

impl ClientId {
    /// Up to here they are numbers that people gave. Real ones are drawn from all 64 bits, and written in hex.
    const GIVEN_MAX: u64 = u32::MAX as u64;
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 <= Self::GIVEN_MAX { self.0.fmt(f) } else { write!(f, "{:016x}", self.0) }
    }
}

impl FromStr for ClientId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = if text.len() == 16 { u64::from_str_radix(text, 16) } else { text.parse() };
        let wrong = |_| format!("client {text:?} is unknown: give 16 hex digits, or a small number");
        number.map(Self).map_err(wrong)
    }
}

as_text!(ClientId);

/// Names a request, so that a retry is recognised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId {
    /// Whose request.
    pub client: ClientId,
    /// Counts the client's requests from 1.
    pub number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of client {:016x}", self.number, self.client.0)
    }
}
