//! Faults, as Python describes them.

use std::{collections::BTreeSet, time::Duration};

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyBool,
};

use super::{argument, error};
use crate::{
    bank::{Fault, Messages},
    types::BranchId,
};

/// Groups of branch ids.
pub(super) fn partition(groups: &[Bound<'_, PyAny>], one_way: bool) -> PyResult<Fault> {
    Ok(Fault::Partition { groups: groups.iter().map(|group| ids("group", group)).collect::<PyResult<_>>()?, one_way })
}

pub(super) fn delay(by: Duration, messages: Messages) -> Fault {
    Fault::Delay { by, messages }
}

pub(super) fn drop(share: f64, messages: Messages) -> Fault {
    Fault::Drop { share, messages }
}

/// A number from 0 to 1.
pub(super) fn share(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let right = "give a number from 0 to 1";
    match value.extract::<f64>() {
        Ok(share) if !value.is_instance_of::<PyBool>() => {
            if (0.0..=1.0).contains(&share) {
                return Ok(share);
            }
            Err(PyValueError::new_err(format!("share {share} is not right: {right}")))
        }
        Ok(_) | Err(_) => Err(PyTypeError::new_err(format!("share {} is not right: {right}", value.repr()?))),
    }
}

/// The messages of some branches, or of some links; of all, if neither is given.
pub(super) fn messages(
    branches: Option<&Bound<'_, PyAny>>,
    links: Option<&Bound<'_, PyAny>>,
    one_way: bool,
) -> PyResult<Messages> {
    match (branches, links) {
        (Some(_), Some(_)) => Err(error::config("branches and links were given: give one of them".to_owned())),
        (_, None) if one_way => Err(error::config(
            "one_way says nothing without links: links=[(1, 2)] with it are the messages from 1 to 2".to_owned(),
        )),
        (Some(branches), None) => Ok(Messages::Of(ids("branches", branches)?)),
        (None, Some(links)) => {
            let links = pairs(links)?;
            Ok(if one_way { Messages::From(links) } else { Messages::Between(links) })
        }
        (None, None) => Ok(Messages::All),
    }
}

/// A list of branch ids.
pub(super) fn ids(name: &str, value: &Bound<'_, PyAny>) -> PyResult<BTreeSet<BranchId>> {
    let Ok(items) = value.try_iter() else {
        return Err(PyTypeError::new_err(format!(
            "{name} {} is not right: give a list of branch ids, such as [1, 2]",
            value.repr()?
        )));
    };
    items.map(|item| argument::branch_of(&item?)).collect()
}

fn pairs(value: &Bound<'_, PyAny>) -> PyResult<Vec<(BranchId, BranchId)>> {
    let wrong = |found: &Bound<'_, PyAny>| {
        let found = found.repr()?;
        Ok::<_, PyErr>(PyTypeError::new_err(format!(
            "links {found} is not right: give a list of pairs of branch ids, such as [(1, 2)]"
        )))
    };
    let Ok(items) = value.try_iter() else { return Err(wrong(value)?) };
    let mut links = Vec::new();
    for item in items {
        let Ok((one, other)) = item?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else {
            return Err(wrong(value)?);
        };
        links.push((argument::branch_of(&one)?, argument::branch_of(&other)?));
    }
    Ok(links)
}
