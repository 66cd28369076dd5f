//! Version vectors in Python: compared, joined, hashed, pickled.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use pyo3::{
    basic::CompareOp,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyDict,
};

use crate::types::{self, BranchId, Incarnation, Origin};

/// What a replica has seen: for each branch, how many of its operations, with nothing missing.
///
/// Versions are partially ordered: `a >= b` says that whatever `b` has seen, `a` has seen too, and
/// two versions may each lack something of the other. `a | b` is the least version that has seen
/// both. A version is a value: frozen, hashable, and it can be pickled. What a branch tells leaves out the
/// lives that a later life of the same branch stands on: ask with `at_least` whether it has seen those.
///
/// Args:
///     sequences: Operations seen, by branch id; or by `(branch, incarnation)` for a later life of
///         a branch: one that was started again. A count of 0 is the same as none.
///
/// Raises:
///     TypeError: A key is neither of the two, or a count is no whole number.
///     ValueError: A branch id is 0, or a count is negative.
///
/// Example:
///     >>> from replibank import Version
///     >>> a, b = Version({1: 3, 2: 1}), Version({1: 2, 3: 1})
///     >>> a >= b, b >= a
///     (False, False)
///     >>> a | b
///     Version({1: 3, 2: 1, 3: 1})
///     >>> (a | b) >= a
///     True
#[pyclass(frozen, module = "replibank")]
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Version(pub(super) types::Version);

#[pymethods]
impl Version {
    #[new]
    #[pyo3(signature = (sequences = None, /))]
    fn new(sequences: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut version = types::Version::EMPTY;
        for (key, count) in sequences.into_iter().flatten() {
            let origin = origin(&key)?;
            let sequence = count.extract::<u64>().map_err(|_| {
                let message = format!("count {count} of {key} is not right: give a whole number from 0");
                if count.extract::<i128>().is_ok() {
                    PyValueError::new_err(message)
                } else {
                    PyTypeError::new_err(message)
                }
            })?;
            version.raise(origin, sequence);
        }
        Ok(Self(version))
    }

    /// Operations seen, by branch id; or by `(branch, incarnation)` where a branch began anew.
    ///
    /// Returns:
    ///     A new dict, in the order of the branch ids, without zeros.
    ///
    /// Example:
    ///     >>> from replibank import Version
    ///     >>> Version({2: 1, 1: 3, 4: 0}).to_dict()
    ///     {1: 3, 2: 1}
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let sequences = PyDict::new(py);
        for (origin, sequence) in self.0.iter() {
            match (origin.branch.value(), origin.incarnation) {
                (branch, Incarnation(0)) => sequences.set_item(branch, sequence)?,
                (branch, Incarnation(incarnation)) => sequences.set_item((branch, incarnation), sequence)?,
            }
        }
        Ok(sequences)
    }

    fn __richcmp__(&self, other: &Self, operator: CompareOp) -> bool {
        match operator {
            CompareOp::Eq => self == other,
            CompareOp::Ne => self != other,
            CompareOp::Ge => self.0.dominates(&other.0),
            CompareOp::Le => other.0.dominates(&self.0),
            CompareOp::Gt => self != other && self.0.dominates(&other.0),
            CompareOp::Lt => self != other && other.0.dominates(&self.0),
        }
    }

    fn __or__(&self, other: &Self) -> Self {
        let mut joined = self.0.clone();
        joined.join(&other.0);
        Self(joined)
    }

    fn __bool__(&self) -> bool {
        !self.0.is_empty()
    }

    fn __len__(&self) -> usize {
        self.0.iter().count()
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.iter().collect::<BTreeMap<_, _>>().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Version({})", self.to_dict(py)?.repr()?))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyDict>,))> {
        Ok((py.get_type::<Self>().into_any(), (self.to_dict(py)?,)))
    }
}

/// `branch`, or `(branch, incarnation)`.
fn origin(key: &Bound<'_, PyAny>) -> PyResult<Origin> {
    let (branch, incarnation) =
        key.extract::<u32>().map(|branch| (branch, 0)).or_else(|_| key.extract::<(u32, u64)>()).map_err(|_| {
            PyTypeError::new_err(format!("key {key} is not right: give a branch id or (branch, incarnation)"))
        })?;
    let branch =
        BranchId::new(branch).ok_or_else(|| PyValueError::new_err("branch id 0 is not right: ids begin at 1"))?;
    Ok(Origin { branch, incarnation: Incarnation(incarnation) })
}
