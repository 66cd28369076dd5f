//! Long lists, from Python and to it, in pieces: between two of them other threads of Python may run,
//! so that a million actions stop nobody for as long as they take.

use pyo3::{exceptions::PyTypeError, prelude::*, types::PyList};

use super::action::action;
use crate::types::Action;

/// How many objects are converted in one go: some milliseconds, about the interval at which Python
/// itself changes threads.
const PIECE: usize = 10_000;

/// The actions of a batch, from any iterable.
pub(super) fn actions(items: &Bound<'_, PyAny>) -> PyResult<Vec<Action>> {
    let py = items.py();
    let wrong = |shown: String| {
        PyTypeError::new_err(format!("actions {shown} is not right: a list of Deposit, Withdraw and Query is"))
    };
    let Ok(iterator) = items.try_iter() else { return Err(wrong(items.repr()?.to_string())) };
    let mut taken = Vec::with_capacity(items.len().unwrap_or(0));
    for item in iterator {
        taken.push(action(&item?)?);
        if taken.len().is_multiple_of(PIECE) {
            py.check_signals()?;
            py.detach(|| ());
        }
    }
    Ok(taken)
}

/// A list of what `convert` makes of the items.
pub(super) fn list<'py, T>(
    py: Python<'py>,
    items: Vec<T>,
    convert: impl Fn(T) -> PyResult<Py<PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    let made = PyList::empty(py);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 && index.is_multiple_of(PIECE) {
            py.detach(|| ());
        }
        made.append(convert(item)?)?;
    }
    Ok(made)
}
