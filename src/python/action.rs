//! What a customer asks for in a batch, and the receipt of a write.

use pyo3::{exceptions::PyTypeError, prelude::*};

use super::{argument, version::Version};
use crate::types::{
    self, AccountId, Action, Amount, BranchId, Committed, Incarnation, Operation, OperationKind, Origin,
};

/// A deposit, for [`Customer.execute`][replibank.Customer.execute].
///
/// Args:
///     amount: In the account's smallest unit, from 1 to 2**48 - 1.
///     account: The account's id.
///
/// Raises:
///     TypeError, ValueError: The amount is not a whole number in that range.
///
/// Example:
///     >>> from replibank import Deposit
///     >>> Deposit(10)
///     Deposit(10, account=0)
#[pyclass(frozen, eq, hash, module = "replibank")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Deposit(Operation);

/// A withdrawal, for [`Customer.execute`][replibank.Customer.execute].
///
/// Args:
///     amount: In the account's smallest unit, from 1 to 2**48 - 1.
///     account: The account's id.
///
/// Raises:
///     TypeError, ValueError: The amount is not a whole number in that range.
///
/// Example:
///     >>> from replibank import Withdraw
///     >>> Withdraw(10).amount
///     10
#[pyclass(frozen, eq, hash, module = "replibank")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Withdraw(Operation);

/// A reading of an account's balance, for [`Customer.execute`][replibank.Customer.execute].
///
/// Args:
///     account: The account's id.
///
/// Example:
///     >>> from replibank import Query
///     >>> Query()
///     Query(account=0)
#[pyclass(frozen, eq, hash, module = "replibank")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Query {
    /// The account's id.
    #[pyo3(get)]
    account: u64,
}

macro_rules! operation {
    ($class:ident, $kind:expr) => {
        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(
                                                                signature = (amount, *, account = AccountId::DEFAULT),
                                                                text_signature = "(amount, *, account=0)",
                                                            )]
            fn new(
                #[pyo3(from_py_with = argument::amount)] amount: Amount,
                #[pyo3(from_py_with = argument::account)] account: AccountId,
            ) -> Self {
                Self(Operation { kind: $kind, account, amount })
            }

            /// In the account's smallest unit.
            #[getter]
            fn amount(&self) -> u64 {
                self.0.amount.value()
            }

            /// The account's id.
            #[getter]
            fn account(&self) -> u64 {
                self.0.account.0
            }

            fn __repr__(&self) -> String {
                format!("{}({}, account={})", stringify!($class), self.0.amount, self.0.account)
            }

            fn __getnewargs_ex__(&self) -> ((u64,), std::collections::BTreeMap<&'static str, u64>) {
                ((self.amount(),), [("account", self.account())].into())
            }
        }
    };
}

operation!(Deposit, OperationKind::Deposit);
operation!(Withdraw, OperationKind::Withdraw);

#[pymethods]
impl Query {
    #[new]
    #[pyo3(signature = (*, account = AccountId::DEFAULT), text_signature = "(*, account=0)")]
    fn new(#[pyo3(from_py_with = argument::account)] account: AccountId) -> Self {
        Self { account: account.0 }
    }

    fn __repr__(&self) -> String {
        format!("Query(account={})", self.account)
    }

    fn __getnewargs_ex__(&self) -> ((), std::collections::BTreeMap<&'static str, u64>) {
        ((), [("account", self.account)].into())
    }
}

/// The core's own form of a Deposit, Withdraw or Query.
pub(super) fn action(item: &Bound<'_, PyAny>) -> PyResult<Action> {
    if let Ok(deposit) = item.cast::<Deposit>() {
        Ok(Action::Write(deposit.get().0))
    } else if let Ok(withdraw) = item.cast::<Withdraw>() {
        Ok(Action::Write(withdraw.get().0))
    } else if let Ok(query) = item.cast::<Query>() {
        Ok(Action::Query { account: AccountId(query.get().account) })
    } else {
        Err(PyTypeError::new_err(format!(
            "action {} is not right: give a Deposit, a Withdraw or a Query",
            item.repr()?
        )))
    }
}

/// A committed write: what its branch says right after it.
///
/// Attributes:
///     branch: Id of the branch that took the write.
///     sequence: The write's place among that branch's own writes, from 1.
///     balance: The account's balance at that branch right after the write, in its smallest unit.
///     version: The version that holds this write and those before it: pass it as `at_least` to
///         another branch's customer to read your write there.
///
/// Example:
///     >>> import replibank
///     >>> with replibank.Bank({1: 400, 2: 400}) as bank:
///     ...     receipt = bank.customer(1).deposit(100)
///     ...     bank.customer(2).query(at_least=receipt.version)
///     500
#[pyclass(frozen, eq, hash, module = "replibank")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Receipt {
    origin: Origin,
    sequence: u64,
    balance: i64,
}

impl From<Committed> for Receipt {
    fn from(Committed { origin, sequence, balance }: Committed) -> Self {
        Self { origin, sequence, balance }
    }
}

#[pymethods]
impl Receipt {
    /// Not for users: pickling needs it.
    #[new]
    fn new(branch: u32, incarnation: u64, sequence: u64, balance: i64) -> PyResult<Self> {
        let branch = BranchId::new(branch).ok_or_else(argument::zero_branch)?;
        Ok(Self { origin: Origin { branch, incarnation: Incarnation(incarnation) }, sequence, balance })
    }

    #[getter]
    fn branch(&self) -> u32 {
        self.origin.branch.value()
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.sequence
    }

    #[getter]
    fn balance(&self) -> i64 {
        self.balance
    }

    #[getter]
    pub(super) fn version(&self) -> Version {
        Version(types::Version::from_iter([(self.origin, self.sequence)]))
    }

    fn __repr__(&self) -> String {
        format!("Receipt(branch={}, sequence={}, balance={})", self.origin, self.sequence, self.balance)
    }

    fn __getnewargs__(&self) -> (u32, u64, u64, i64) {
        (self.branch(), self.origin.incarnation.0, self.sequence, self.balance)
    }
}
