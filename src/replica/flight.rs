//! What a link has sent, and what its peer is known to have.

use super::ledger::PageIndex;

/// What was sent and is not yet acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InFlight {
    pub(super) number: u64,
    /// Which pages, and how far they went.
    pub(super) pages: Vec<(PageIndex, Known)>,
    /// Where the cursors will stand once this is acknowledged.
    pub(super) cursor: u64,
    pub(super) receipt_cursor: u64,
    /// Whether it carried the first of `operations`.
    pub(super) carries_operation: bool,
}

/// What the peer has of one page, at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Known {
    pub(super) sequence: u64,
    /// Up to where it knows that the origin wants receipts.
    pub(super) confirm_through: u64,
}
