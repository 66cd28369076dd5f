//! A customer's connection to one branch.

use std::{collections::BTreeMap, sync::Arc};

use pyo3::{
    IntoPyObjectExt,
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyList},
};
use tokio::sync::Mutex;

use super::{
    action::Receipt,
    argument,
    call::Call,
    owned::Owned,
    pieces,
    runtime::{self, Driver},
    terms,
    version::Version,
};
use crate::{
    customer,
    types::{AccountId, Action, Answer, Concern, Operation, OperationKind, Terms},
};

/// One branch's customer; its methods return calls.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Customer {
    inner: Owned<customer::Customer>,
    driver: Driver,
}

/// A connected customer on its way to Python.
pub(super) struct Connected(pub(super) customer::Customer, pub(super) Driver);

impl<'py> IntoPyObject<'py> for Connected {
    type Target = Customer;
    type Output = Bound<'py, Customer>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Bound::new(py, Customer { inner: Owned::new(self.0, runtime::handle(py)?), driver: self.1 })
    }
}

/// Connects to "HOST:PORT".
#[pyfunction]
pub(super) fn connect(py: Python<'_>, address: &Bound<'_, PyAny>, timeout: &Bound<'_, PyAny>) -> PyResult<Call> {
    let (address, timeout) = (argument::dialled(address)?, argument::timeout(timeout)?);
    Call::driven_by(Driver::Caller, py, async move {
        Ok(Connected(customer::Customer::connect(&address, timeout).await?, Driver::Caller))
    })
}

#[pymethods]
impl Customer {
    #[getter]
    fn address(&self) -> PyResult<String> {
        Ok(self.inner.value()?.address().to_owned())
    }

    #[pyo3(signature = (account, at_least, timeout))]
    fn query(
        &self,
        py: Python<'_>,
        account: &Bound<'_, PyAny>,
        at_least: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
    ) -> PyResult<Call> {
        let account = argument::account(account)?;
        let customer = self.inner.value()?.clone();
        let terms = terms::terms(Concern::Local, at_least, argument::timeout(timeout)?)?;
        Call::driven_by(self.driver, py, async move { Ok(customer.query(account, false, &terms).await?.balance) })
    }

    /// The balance and the version it was read at.
    #[pyo3(signature = (account, at_least, timeout))]
    fn read(
        &self,
        py: Python<'_>,
        account: &Bound<'_, PyAny>,
        at_least: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
    ) -> PyResult<Call> {
        let account = argument::account(account)?;
        let customer = self.inner.value()?.clone();
        let terms = terms::terms(Concern::Local, at_least, argument::timeout(timeout)?)?;
        Call::driven_by(self.driver, py, async move {
            let queried = customer.query(account, true, &terms).await?;
            Ok((queried.balance, Version(queried.version.unwrap_or_default())))
        })
    }

    #[pyo3(signature = (amount, account, concern, at_least, timeout))]
    fn deposit(
        &self,
        py: Python<'_>,
        amount: &Bound<'_, PyAny>,
        account: &Bound<'_, PyAny>,
        concern: &Bound<'_, PyAny>,
        at_least: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
    ) -> PyResult<Call> {
        self.write(py, OperationKind::Deposit, amount, account, (concern, at_least, timeout))
    }

    #[pyo3(signature = (amount, account, concern, at_least, timeout))]
    fn withdraw(
        &self,
        py: Python<'_>,
        amount: &Bound<'_, PyAny>,
        account: &Bound<'_, PyAny>,
        concern: &Bound<'_, PyAny>,
        at_least: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
    ) -> PyResult<Call> {
        self.write(py, OperationKind::Withdraw, amount, account, (concern, at_least, timeout))
    }

    /// Answer i is to action i: a balance, a Receipt, or a Refused that is not raised.
    #[pyo3(signature = (actions, concern, at_least, timeout))]
    fn execute(
        &self,
        py: Python<'_>,
        actions: &Bound<'_, PyAny>,
        concern: &Bound<'_, PyAny>,
        at_least: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
    ) -> PyResult<Call> {
        self.execute_all(py, pieces::actions(actions)?, (concern, at_least, timeout))
    }

    /// Answer i is to amount i: a Receipt, or a Refused that is not raised.
    #[pyo3(signature = (amounts, account, concern, at_least, timeout))]
    fn deposit_many(
        &self,
        py: Python<'_>,
        amounts: &Bound<'_, PyAny>,
        account: &Bound<'_, PyAny>,
        concern: &Bound<'_, PyAny>,
        at_least: Option<&Bound<'_, PyAny>>,
        timeout: &Bound<'_, PyAny>,
    ) -> PyResult<Call> {
        let deposits = pieces::deposits(amounts, argument::account(account)?)?;
        self.execute_all(py, deposits, (concern, at_least, timeout))
    }

    fn status(&self, py: Python<'_>, timeout: &Bound<'_, PyAny>) -> PyResult<Call> {
        let customer = self.inner.value()?.clone();
        let timeout = argument::timeout(timeout)?;
        Call::driven_by(self.driver, py, async move { Ok(Status(customer.status(timeout).await?)) })
    }

    fn watch(&self, py: Python<'_>, interval: &Bound<'_, PyAny>, timeout: &Bound<'_, PyAny>) -> PyResult<Call> {
        let customer = self.inner.value()?.clone();
        let (interval, timeout) = (argument::delay("interval", interval)?, argument::timeout(timeout)?);
        let driver = self.driver;
        Call::driven_by(driver, py, async move { Ok(Watching(customer.watch(interval, timeout).await?, driver)) })
    }
}

/// A request's concern, version and timeout, as Python gives them.
type Conditions<'a, 'py> = (&'a Bound<'py, PyAny>, Option<&'a Bound<'py, PyAny>>, &'a Bound<'py, PyAny>);

impl Customer {
    fn execute_all(
        &self,
        py: Python<'_>,
        actions: Vec<Action>,
        (concern, at_least, timeout): Conditions<'_, '_>,
    ) -> PyResult<Call> {
        let customer = self.inner.value()?.clone();
        let terms = terms::terms(argument::word(concern)?, at_least, argument::timeout(timeout)?)?;
        Call::driven_by(self.driver, py, async move {
            Ok(Answers { answers: customer.execute(&actions, &terms).await?, customer, terms })
        })
    }

    fn write(
        &self,
        py: Python<'_>,
        kind: OperationKind,
        amount: &Bound<'_, PyAny>,
        account: &Bound<'_, PyAny>,
        (concern, at_least, timeout): Conditions<'_, '_>,
    ) -> PyResult<Call> {
        let customer = self.inner.value()?.clone();
        let operation = Operation { kind, account: argument::account(account)?, amount: argument::amount(amount)? };
        let terms = terms::terms(argument::word(concern)?, at_least, argument::timeout(timeout)?)?;
        Call::driven_by(self.driver, py, async move { Ok(Receipt::from(customer.write(operation, &terms).await?)) })
    }
}

/// The answers to a batch on their way to Python.
struct Answers {
    answers: Vec<Answer>,
    customer: customer::Customer,
    terms: Terms,
}

impl<'py> IntoPyObject<'py> for Answers {
    type Target = PyList;
    type Output = Bound<'py, PyList>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let Self { answers, customer, terms } = self;
        pieces::list(py, answers, |answer| match answer {
            Answer::Queried(queried) => queried.balance.into_py_any(py),
            Answer::Committed(committed) => Receipt::from(committed).into_py_any(py),
            Answer::Refused(refusal) => PyErr::from(customer.refused(refusal, &terms)).into_py_any(py),
        })
    }
}

/// A branch's status on its way to Python: a dict.
struct Status(customer::Status);

impl<'py> IntoPyObject<'py> for Status {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let customer::Status { snapshot, origin, links, bank: _, claims } = self.0;
        let claims: BTreeMap<u32, u64> =
            claims.into_iter().map(|origin| (origin.branch.value(), origin.incarnation.0)).collect();
        let links: Vec<(u32, bool, u64)> =
            links.into_iter().map(|link| (link.peer.value(), link.connected, link.behind)).collect();
        let status = PyDict::new(py);
        status.set_item("branch", origin.branch.value())?;
        status.set_item("incarnation", origin.incarnation.0)?;
        status.set_item("balances", balances(&snapshot.balances))?;
        status.set_item("version", Version(snapshot.version))?;
        status.set_item("links", links)?;
        status.set_item("claims", claims)?;
        Ok(status)
    }
}

fn balances(balances: &BTreeMap<AccountId, i64>) -> BTreeMap<u64, i64> {
    balances.iter().map(|(account, &balance)| (account.0, balance)).collect()
}

/// The snapshots of one branch, as they come.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Watch {
    inner: Owned<Arc<Mutex<customer::Watch>>>,
    driver: Driver,
}

/// An open watch on its way to Python.
struct Watching(customer::Watch, Driver);

impl<'py> IntoPyObject<'py> for Watching {
    type Target = Watch;
    type Output = Bound<'py, Watch>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Bound::new(py, Watch { inner: Owned::new(Arc::new(Mutex::new(self.0)), runtime::handle(py)?), driver: self.1 })
    }
}

#[pymethods]
impl Watch {
    /// (branch, {account: balance}, version); None once the branch has closed the stream.
    fn next(&self, py: Python<'_>) -> PyResult<Call> {
        let watch = self.inner.value()?.clone();
        Call::driven_by(self.driver, py, async move {
            let mut watch = watch
                .try_lock()
                .map_err(|_| PyTypeError::new_err("somebody waits for this watch already: open another one"))?;
            let snapshot = watch.next().await?;
            Ok(snapshot.map(|it| (it.branch.value(), balances(&it.balances), Version(it.version))))
        })
    }
}
