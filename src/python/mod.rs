//! The extension module `replibank._core`: what Python sees of the bank. It translates arguments,
//! results and errors, and holds no logic of its own; the public API, with its documentation, is
//! Python (python/replibank).

mod action;
mod argument;
mod bank;
mod bounds;
mod call;
mod callers;
mod customer;
mod error;
mod fault;
mod owned;
mod pieces;
mod play;
mod runtime;
mod scenario;
mod served;
mod sim;
mod terms;
mod trace;
mod version;

use pyo3::{prelude::*, types::PyTuple};

use crate::{sim::FaultKind, types::Word};

/// The module that Python imports.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::action::{Deposit, Query, Receipt, Withdraw};
    #[pymodule_export]
    use super::bank::{Bank, start_bank, topology};
    #[pymodule_export]
    use super::call::Call;
    #[pymodule_export]
    use super::customer::{Customer, Watch, connect};
    #[pymodule_export]
    use super::play::{Played, differences, play};
    #[pymodule_export]
    use super::scenario::{Progress, Replies, Scenario, run};
    #[pymodule_export]
    use super::served::{Served, serve_branch, supervised_branch};
    #[pymodule_export]
    use super::sim::{PyPlan, Run, Verdict, bugs, check_history};
    #[pymodule_export]
    use super::trace::{Span, Trace};
    #[pymodule_export]
    use super::version::Version;

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("BOUNDS", bounds::bounds(py)?)?;
        module.add("FAULTS", PyTuple::new(py, FaultKind::ALL.iter().map(|kind| kind.word()))?)?;
        // Warnings only: each record needs the interpreter, and the hot path must never wait for it.
        // A second import (after a module reload) finds the logger installed: that is fine.
        let logger = pyo3_log::Logger::new(py, pyo3_log::Caching::LoggersAndLevels)?;
        let _ = logger.filter(log::LevelFilter::Warn).install();
        let end = wrap_pyfunction!(super::runtime::shut_down, module)?;
        py.import("atexit")?.call_method1("register", (end,))?;
        Ok(())
    }
}
