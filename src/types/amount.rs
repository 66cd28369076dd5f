//! Money. Amounts are whole numbers of the account's smallest unit, never fractions.
//!
//! The bounds make overflow impossible by construction rather than by luck: a bank has at most
//! [`MAX_ORIGINS`] pages, each total on a page is at most [`MAX_AMOUNT`], and an opening balance is
//! at most [`MAX_OPENING`], so every balance that any join can produce fits an `i64`. Both bounds
//! are below 2^53: they survive every JSON reader.

use std::fmt;

/// The largest amount of one operation, and of one origin's total deposits (or withdrawals) to one
/// account: 2^48 - 1.
pub const MAX_AMOUNT: u64 = (1 << 48) - 1;

/// The largest opening balance of an account: 2^53 - 1.
pub const MAX_OPENING: i64 = (1 << 53) - 1;

/// The most origins that a bank may have: every branch, and every restart without its data.
pub const MAX_ORIGINS: usize = 1 << 14;

const _: () = assert!(
    MAX_OPENING as i128 + MAX_ORIGINS as i128 * MAX_AMOUNT as i128 <= i64::MAX as i128,
    "the largest reachable balance fits an i64"
);

/// What one operation moves: 1 to [`MAX_AMOUNT`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Amount(u64);

impl Amount {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`AmountError`] for zero and for more than [`MAX_AMOUNT`].
    ///
    /// # Example
    /// ```
    /// use replibank::types::Amount;
    /// assert_eq!(Amount::new(170).map(Amount::value), Ok(170));
    /// assert!(Amount::new(0).is_err());
    /// ```
    pub fn new(value: u64) -> Result<Self, AmountError> {
        if (1..=MAX_AMOUNT).contains(&value) { Ok(Self(value)) } else { Err(AmountError { value }) }
    }

    /// In the account's smallest unit.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An amount out of bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AmountError {
    /// What was given.
    pub value: u64,
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "amount {} is out of range: give a whole number from 1 to {MAX_AMOUNT}", self.value)
    }
}

impl std::error::Error for AmountError {}
