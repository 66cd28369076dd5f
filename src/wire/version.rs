//! Ids and version vectors.

use super::{WireError, proto};
use crate::types::{BranchId, Incarnation, Origin, Version};

pub(super) fn branch(field: &'static str, value: u32) -> Result<BranchId, WireError> {
    BranchId::new(value).ok_or_else(|| WireError::new(field, "is 0, and branch ids begin at 1"))
}

pub(super) fn origin(branch_id: u32, incarnation: u64) -> Result<Origin, WireError> {
    Ok(Origin { branch: branch("origin", branch_id)?, incarnation: Incarnation(incarnation) })
}

impl From<(Origin, u64)> for proto::VersionEntry {
    fn from((origin, sequence): (Origin, u64)) -> Self {
        Self { branch: origin.branch.value(), incarnation: origin.incarnation.0, sequence }
    }
}

impl TryFrom<&proto::VersionEntry> for (Origin, u64) {
    type Error = WireError;

    fn try_from(entry: &proto::VersionEntry) -> Result<Self, WireError> {
        Ok((origin(entry.branch, entry.incarnation)?, entry.sequence))
    }
}

impl From<&Version> for proto::Version {
    fn from(version: &Version) -> Self {
        Self { entries: version.iter().map(proto::VersionEntry::from).collect() }
    }
}

impl TryFrom<&proto::Version> for Version {
    type Error = WireError;

    fn try_from(version: &proto::Version) -> Result<Self, WireError> {
        version.entries.iter().map(<(Origin, u64)>::try_from).collect()
    }
}

/// A field that may be left out; then the version is empty.
pub(super) fn version(field: &Option<proto::Version>) -> Result<Version, WireError> {
    field.as_ref().map_or(Ok(Version::EMPTY), Version::try_from)
}
