//! What each branch knew, rebuilt from the rows that changed it.

use std::collections::BTreeMap;

use super::{Event, FaultKind, Row, Trace};
use crate::types::{BranchId, Time, Version};

/// The version of every branch after the rows that were taken, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Versions(pub(super) BTreeMap<BranchId, Version>);

impl Versions {
    /// Takes the next row. A branch that restarts knows nothing, until it has recovered what its disk had.
    pub fn take(&mut self, row: &Row) {
        if let Some((origin, sequence)) = row.event.raises() {
            self.0.entry(row.branch).or_default().raise(origin, sequence);
        } else if let Event::Fault(fault) = &row.event
            && fault.kind == FaultKind::Restarted
        {
            self.0.insert(row.branch, Version::EMPTY);
        }
    }

    /// What a branch knows now.
    pub fn of(&self, branch: BranchId) -> Version {
        self.0.get(&branch).cloned().unwrap_or_default()
    }
}

impl Trace {
    /// Each branch's version after everything up to a time, or after all rows.
    pub fn versions(&self, until: Option<Time>) -> BTreeMap<BranchId, Version> {
        let mut versions = self.header.before.clone();
        let rows = self.rows.iter().take_while(|row| until.is_none_or(|until| row.at <= until));
        rows.for_each(|row| versions.take(row));
        self.header.branches.iter().map(|&branch| (branch, versions.of(branch))).collect()
    }
}
