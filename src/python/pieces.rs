//! Long lists, from Python and to it, in pieces: between two of them other threads of Python may run,
//! so that a million actions stop nobody for as long as they take.

use std::time::{Duration, Instant};

use pyo3::{exceptions::PyTypeError, prelude::*, types::PyList};

use super::{action::action, argument};
use crate::types::{AccountId, Action, Operation, OperationKind};

/// After how many objects to look at the clock.
const PIECE: usize = 1_000;

/// How long the GIL is held in one go: longer than Python's own interval for changing threads (5 ms), after
/// which a thread that waits demands its turn. Who lets go earlier has it back before the other has woken.
const HELD: Duration = Duration::from_millis(6);

/// Gives other threads of Python their turns.
struct Turns {
    since: Instant,
    converted: usize,
}

impl Turns {
    fn new() -> Self {
        Self { since: Instant::now(), converted: 0 }
    }

    /// One more object was converted; whether the GIL was let go.
    fn pass(&mut self, py: Python<'_>) -> bool {
        self.converted += 1;
        if !self.converted.is_multiple_of(PIECE) || self.since.elapsed() < HELD {
            return false;
        }
        py.detach(|| ());
        self.since = Instant::now();
        true
    }
}

/// While it lives, Python's collector does not run by itself. What is made meanwhile cannot be garbage yet, and
/// among a million new objects the collector would look at each several times.
struct Uncollected<'py>(Option<Bound<'py, PyModule>>);

impl<'py> Uncollected<'py> {
    fn new(py: Python<'py>) -> PyResult<Self> {
        let collector = py.import("gc")?;
        if !collector.call_method0("isenabled")?.extract::<bool>()? {
            return Ok(Self(None));
        }
        collector.call_method0("disable")?;
        Ok(Self(Some(collector)))
    }
}

impl Drop for Uncollected<'_> {
    fn drop(&mut self) {
        if let Some(collector) = &self.0 {
            // It has no way to fail.
            let _ = collector.call_method0("enable");
        }
    }
}

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
        return Err(PyTypeError::new_err(format!("{name} {} is not right: give {right}", items.repr()?)));
    };
    let mut taken = Vec::with_capacity(items.len().unwrap_or(0));
    let mut turns = Turns::new();
    for item in iterator {
        taken.push(convert(&item?)?);
        if turns.pass(py) {
            py.check_signals()?;
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
    let _uncollected = if items.len() > PIECE { Some(Uncollected::new(py)?) } else { None };
    let mut turns = Turns::new();
    for item in items {
        made.append(convert(item)?)?;
        turns.pass(py);
    }
    Ok(made)
}
