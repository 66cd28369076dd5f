//! Arguments from Python into the core's types. Each message names the argument, what was found and
//! what would be right.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyBool,
};

use crate::{
    store::Durability,
    topology::Shape,
    types::{self, AccountId, Amount, BranchId, Propagation},
};

/// The longest timeout: one day, in seconds. Longer ones are a mistake in the unit.
const TIMEOUT_MAX: f64 = 86_400.0;

/// A whole number from 1 to `MAX_AMOUNT`. Neither `True` nor 1.0 is one.
pub(super) fn amount(value: &Bound<'_, PyAny>) -> PyResult<Amount> {
    let wrong =
        |found: String| format!("amount {found} is not right: a whole number from 1 to {} is", types::MAX_AMOUNT);
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(wrong(value.to_string())));
    }
    if let Ok(value) = value.extract::<u64>() {
        return Amount::new(value).map_err(|_| PyValueError::new_err(wrong(value.to_string())));
    }
    // Whole, but negative or huge; or no whole number at all.
    match value.call_method0("__index__") {
        Ok(whole) => Err(PyValueError::new_err(wrong(whole.to_string()))),
        Err(_) => Err(PyTypeError::new_err(wrong(value.repr()?.to_string()))),
    }
}

/// Seconds, above 0 and at most a day.
pub(super) fn timeout(seconds: f64) -> PyResult<Duration> {
    if seconds > 0.0 && seconds <= TIMEOUT_MAX {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(PyValueError::new_err(format!(
            "timeout {seconds} is not right: seconds above 0 and up to {TIMEOUT_MAX} are"
        )))
    }
}

/// Seconds, from 0 to a day.
pub(super) fn delay(name: &str, seconds: f64) -> PyResult<Duration> {
    if (0.0..=TIMEOUT_MAX).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(PyValueError::new_err(format!("{name} {seconds} is not right: seconds from 0 to {TIMEOUT_MAX} are")))
    }
}

/// A branch id from 1.
pub(super) fn branch(id: u32) -> PyResult<BranchId> {
    BranchId::new(id).ok_or_else(zero_branch)
}

/// What is wrong with branch 0.
pub(super) fn zero_branch() -> PyErr {
    PyValueError::new_err("branch 0 is not right: branch ids begin at 1")
}

/// "HOST:PORT" with a literal host.
pub(super) fn address(name: &str, text: &str) -> PyResult<SocketAddr> {
    text.parse()
        .map_err(|_| PyValueError::new_err(format!("{name} {text:?} is not right: \"127.0.0.1:5001\" would be")))
}

/// `auto`, `mesh`, ...
pub(super) fn shape(name: &str) -> PyResult<Shape> {
    name.parse().map_err(PyValueError::new_err::<String>)
}

/// `unary` or `stream`.
pub(super) fn propagation(name: &str) -> PyResult<Propagation> {
    name.parse().map_err(PyValueError::new_err::<String>)
}

/// `synced` or `buffered`.
pub(super) fn durability(name: &str) -> PyResult<Durability> {
    name.parse().map_err(PyValueError::new_err::<String>)
}

/// Opening balances by account id.
pub(super) fn accounts(openings: BTreeMap<u64, i64>) -> BTreeMap<AccountId, i64> {
    openings.into_iter().map(|(id, opening)| (AccountId(id), opening)).collect()
}
