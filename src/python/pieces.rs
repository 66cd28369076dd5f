//! Long lists, from Python and to it, in pieces: between two of them other threads of Python may run,
//! so that a million actions stop nobody for as long as they take.

use pyo3::{exceptions::PyTypeError, prelude::*, types::PyList};

use super::{action::action, argument};
use crate::types::{AccountId, Action, Operation, OperationKind};

/// How many objects are converted in one go: some milliseconds, about the interval at which Python
/// itself changes threads.
const PIECE: usize = 10_000;

/// The actions of a batch, from any iterable.
pub(super) fn actions(items: &Bound<'_, PyAny>) -> PyResult<Vec<Action>> {
    collect("actions", items, "a list of Deposit, Withdraw and Query", action)
}

/// Deposits of these amounts, from any iterable.
pub(super) fn deposits(amounts: &Bound<'_, PyAny>, account: AccountId) -> PyResult<Vec<Action>> {
    collect("amounts", amounts, "a list of whole numbers", |amount| {
        let amount = argument::amount(amount)?;
        Ok(Action::Write(Operation { kind: OperationKind::Deposit, account, amount }))
    })
}

fn collect<'py>(
    name: &str,
    items: &Bound<'py, PyAny>,
    right: &str,
    convert: impl Fn(&Bound<'py, PyAny>) -> PyResult<Action>,
) -> PyResult<Vec<Action>> {
    let py = items.py();
    let Ok(iterator) = items.try_iter() else {
        return Err(PyTypeError::new_err(format!("{name} {} is not right: {right} is", items.repr()?)));
    };
    let mut taken = Vec::with_capacity(items.len().unwrap_or(0));
    for item in iterator {
        taken.push(convert(&item?)?);
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
