//! The conditions of a request, from Python.

use std::time::Duration;

use pyo3::{exceptions::PyTypeError, prelude::*};

use super::{action::Receipt, version::Version};
use crate::types::{self, Concern, Terms};

/// The conditions of a request.
pub(super) fn terms(concern: Concern, at_least: Option<&Bound<'_, PyAny>>, timeout: Duration) -> PyResult<Terms> {
    let at_least = match at_least {
        None => types::Version::EMPTY,
        Some(value) => version(value)?,
    };
    let wait = types::Duration(u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX));
    Ok(Terms { concern, at_least, wait, ..Terms::default() })
}

/// A version, or the receipt that holds one.
fn version(value: &Bound<'_, PyAny>) -> PyResult<types::Version> {
    if let Ok(version) = value.cast::<Version>() {
        Ok(version.get().0.clone())
    } else if let Ok(receipt) = value.cast::<Receipt>() {
        Ok(receipt.get().version().0)
    } else {
        Err(PyTypeError::new_err(format!("at_least {} is not right: give a Version or a Receipt", value.repr()?)))
    }
}
