//! The bounds of what there can be, as one table. Python takes them from it, in `_base/arguments.py`.

use pyo3::{prelude::*, types::PyDict};

use crate::{sim, types};

/// The longest timeout: one day, in seconds. Longer ones are a mistake in the unit.
pub(super) const TIMEOUT_MAX: u64 = 86_400;

/// Each bound by its name; all of them can be reached.
pub(super) fn bounds(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let table: [(&str, u64); 10] = [
        ("BRANCH_MAX", u32::MAX.into()),
        ("ACCOUNT_MAX", u64::MAX),
        ("OPENING_MAX", types::MAX_OPENING.unsigned_abs()),
        ("PORT_MAX", u16::MAX.into()),
        ("SEED_MAX", u64::MAX),
        ("BRANCHES_MAX", sim::MAX_BRANCHES.into()),
        ("OPERATIONS_MAX", sim::MAX_OPERATIONS as u64),
        ("ACCOUNTS_MAX", sim::MAX_ACCOUNTS as u64),
        ("DURATION_US_MAX", sim::MAX_TIME_US),
        ("TIMEOUT_MAX", TIMEOUT_MAX),
    ];
    let bounds = PyDict::new(py);
    for (name, bound) in table {
        bounds.set_item(name, bound)?;
    }
    Ok(bounds)
}
