//! Arguments from Python into the core's types. Each message names the argument, what was found and
//! what would be right.

use std::{
    collections::BTreeMap,
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyBool,
};

use super::{bounds::TIMEOUT_MAX, error};
use crate::types::{self, AccountId, Amount, BranchId, Word};

/// A whole number from 1 to `MAX_AMOUNT`.
pub(super) fn amount(value: &Bound<'_, PyAny>) -> PyResult<Amount> {
    let number = whole("amount", value, 1, types::MAX_AMOUNT)?;
    Amount::new(number).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// An account's id, from 0.
pub(super) fn account(value: &Bound<'_, PyAny>) -> PyResult<AccountId> {
    whole("account", value, 0, u64::MAX).map(AccountId)
}

/// A branch's id, from 1.
pub(super) fn branch_of(value: &Bound<'_, PyAny>) -> PyResult<BranchId> {
    let number: u32 = whole("branch", value, 1, u32::MAX.into())?;
    branch(number)
}

/// A whole number in a range. Neither `True` nor 1.0 is one; NumPy's integers are.
fn whole<T: TryFrom<u64>>(name: &str, value: &Bound<'_, PyAny>, least: u64, most: u64) -> PyResult<T> {
    let wrong = |found: String| format!("{name} {found} is not right: give a whole number from {least} to {most}");
    if value.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(wrong(value.to_string())));
    }
    match value.extract::<u64>() {
        Ok(number) => {
            let known = (least..=most).contains(&number).then(|| T::try_from(number).ok()).flatten();
            known.ok_or_else(|| PyValueError::new_err(wrong(number.to_string())))
        }
        // Whole, but negative or huge; or no whole number at all.
        Err(_) => match value.call_method0("__index__") {
            Ok(number) => Err(PyValueError::new_err(wrong(number.to_string()))),
            Err(_) => Err(PyTypeError::new_err(wrong(value.repr()?.to_string()))),
        },
    }
}

/// Seconds, above 0 and at most a day.
pub(super) fn timeout(value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let right = format!("give seconds above 0 and up to {TIMEOUT_MAX}");
    seconds("timeout", value, &right, |seconds| seconds > 0.0)
}

/// Seconds, from 0 to a day.
pub(super) fn delay(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    seconds(name, value, &format!("give seconds from 0 to {TIMEOUT_MAX}"), |seconds| seconds >= 0.0)
}

fn seconds(name: &str, value: &Bound<'_, PyAny>, right: &str, enough: fn(f64) -> bool) -> PyResult<Duration> {
    match value.extract::<f64>() {
        Ok(seconds) if !value.is_instance_of::<PyBool>() => {
            if enough(seconds) && seconds <= TIMEOUT_MAX as f64 {
                return Ok(Duration::from_secs_f64(seconds));
            }
            Err(PyValueError::new_err(format!("{name} {seconds} is not right: {right}")))
        }
        Ok(_) | Err(_) => Err(PyTypeError::new_err(format!("{name} {} is not right: {right}", value.repr()?))),
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

/// "HOST:PORT" to dial, with a host by name or number.
pub(super) fn dialled(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let right = "give HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:5001";
    let Ok(text) = value.extract::<String>() else {
        return Err(PyTypeError::new_err(format!("address {} is not right: {right}", value.repr()?)));
    };
    let parts = text.rsplit_once(':').filter(|(host, port)| is_host(host) && is_port(port));
    match parts {
        Some(_) => Ok(text),
        None => Err(error::config(format!("address {text:?} is not right: {right}"))),
    }
}

fn is_host(text: &str) -> bool {
    let number = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match number {
        Some(number) => number.parse::<Ipv6Addr>().is_ok(),
        None => !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter)),
    }
}

fn is_port(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// "HOST:PORT" with a literal host.
pub(super) fn address(name: &str, text: &str) -> PyResult<SocketAddr> {
    text.parse().map_err(|_| PyValueError::new_err(format!("{name} {text:?} is not right: give \"127.0.0.1:5001\"")))
}

/// One of the words of an enumeration.
pub(super) fn word<T: Word>(value: &Bound<'_, PyAny>) -> PyResult<T> {
    match value.extract::<String>() {
        Ok(text) => of_text(&text),
        Err(_) => Err(PyTypeError::new_err(T::unknown(&value.repr()?.to_string()))),
    }
}

/// The same, of what is known to be a text.
pub(super) fn of_text<T: Word>(text: &str) -> PyResult<T> {
    T::read(text).map_err(PyValueError::new_err)
}

/// Opening balances by account id.
pub(super) fn accounts(openings: BTreeMap<u64, i64>) -> BTreeMap<AccountId, i64> {
    openings.into_iter().map(|(id, opening)| (AccountId(id), opening)).collect()
}
