//! The one table of errors at Python's border: what becomes which exception of replibank.errors.

use pyo3::{import_exception, prelude::*};

use crate::{bank::BankError, customer::CustomerError, scenario::InputError, types::Refusal};

/// The exceptions, which are Python classes: typed, documented and picklable.
mod raised {
    use super::import_exception;

    import_exception!(replibank.errors, AddressInUse);
    import_exception!(replibank.errors, AlreadyRunning);
    import_exception!(replibank.errors, Closed);
    import_exception!(replibank.errors, ConcernNotReached);
    import_exception!(replibank.errors, ConfigError);
    import_exception!(replibank.errors, DeadlineExceeded);
    import_exception!(replibank.errors, ForkedError);
    import_exception!(replibank.errors, InputError);
    import_exception!(replibank.errors, InsufficientFunds);
    import_exception!(replibank.errors, InvalidAmount);
    import_exception!(replibank.errors, NotConverged);
    import_exception!(replibank.errors, NotRunning);
    import_exception!(replibank.errors, Overloaded);
    import_exception!(replibank.errors, ProcessError);
    import_exception!(replibank.errors, ProtocolError);
    import_exception!(replibank.errors, RequestConflict);
    import_exception!(replibank.errors, RequestExpired);
    import_exception!(replibank.errors, StorageError);
    import_exception!(replibank.errors, TotalLimit);
    import_exception!(replibank.errors, UnknownAccount);
    import_exception!(replibank.errors, UnknownBranch);
    import_exception!(replibank.errors, Unreachable);
    import_exception!(replibank.errors, VersionLost);
    import_exception!(replibank.errors, VersionNotReached);
}

/// A refusal. Every one carries its message and whether it is definite.
pub(super) fn refused(refusal: &Refusal) -> PyErr {
    refused_with(refusal, refusal.to_string())
}

fn refused_with(refusal: &Refusal, message: String) -> PyErr {
    let definite = refusal.is_definite();
    match *refusal {
        Refusal::InvalidAmount { .. } => raised::InvalidAmount::new_err((message, definite)),
        Refusal::UnknownAccount { account } => raised::UnknownAccount::new_err((message, definite, account.0)),
        Refusal::InsufficientFunds { available, requested } => {
            raised::InsufficientFunds::new_err((message, definite, available, requested.value()))
        }
        Refusal::TotalLimit { .. } => raised::TotalLimit::new_err((message, definite)),
        Refusal::RequestConflict { .. } => raised::RequestConflict::new_err((message, definite)),
        Refusal::RequestExpired { .. } => raised::RequestExpired::new_err((message, definite)),
        Refusal::Overloaded { .. } => raised::Overloaded::new_err((message, definite)),
        Refusal::VersionNotReached => raised::VersionNotReached::new_err((message, definite)),
        Refusal::VersionLost { .. } => raised::VersionLost::new_err((message, definite)),
        Refusal::ConcernNotReached { reached, needed, .. } => {
            raised::ConcernNotReached::new_err((message, definite, reached, needed))
        }
    }
}

impl From<CustomerError> for PyErr {
    fn from(error: CustomerError) -> Self {
        unanswered(&error, error.to_string())
    }
}

/// A customer's failure, told with this message.
fn unanswered(error: &CustomerError, message: String) -> PyErr {
    let may_have_happened = error.may_have_happened();
    match error {
        CustomerError::Refused(refusal) => refused_with(refusal, message),
        CustomerError::Behind { .. } => refused_with(&Refusal::VersionNotReached, message),
        CustomerError::Closed { .. } => raised::Closed::new_err((message, may_have_happened)),
        CustomerError::Deadline { .. } => raised::DeadlineExceeded::new_err((message, may_have_happened)),
        CustomerError::Unreachable { tried, .. } => {
            raised::Unreachable::new_err((message, may_have_happened, tried.map(|tried| tried.as_secs_f64())))
        }
        CustomerError::Protocol { .. } => raised::ProtocolError::new_err((message,)),
    }
}

impl From<BankError> for PyErr {
    fn from(error: BankError) -> Self {
        let message = error.to_string();
        match error {
            BankError::Config { .. } | BankError::Listen { in_use: false, .. } => {
                raised::ConfigError::new_err((message,))
            }
            BankError::Listen { in_use: true, .. } => raised::AddressInUse::new_err((message,)),
            BankError::Process { .. } => raised::ProcessError::new_err((message,)),
            BankError::Store { .. } => raised::StorageError::new_err((message,)),
            BankError::NotRunning { .. } => raised::NotRunning::new_err((message,)),
            BankError::Paused { .. } => raised::DeadlineExceeded::new_err((message, false)),
            BankError::AlreadyRunning { .. } => raised::AlreadyRunning::new_err((message,)),
            BankError::UnknownBranch { .. } => raised::UnknownBranch::new_err((message,)),
            BankError::NotConverged { .. } => raised::NotConverged::new_err((message,)),
            BankError::Customer(error) => error.into(),
            BankError::Event { error, .. } => unanswered(&error, message),
            BankError::Closed => raised::Closed::new_err((message,)),
        }
    }
}

impl From<InputError> for PyErr {
    fn from(error: InputError) -> Self {
        raised::InputError::new_err((error.to_string(),))
    }
}

/// What cannot be as it is described.
pub(super) fn config(message: String) -> PyErr {
    raised::ConfigError::new_err((message,))
}

/// An object of the parent, used in a forked child.
pub(super) fn forked(owner: u32) -> PyErr {
    let message = format!(
        "this object belongs to process {owner}, and its connections do not survive fork(): make a new one here"
    );
    raised::ForkedError::new_err((message,))
}
