//! Traces for Python: as columns, as an Arrow stream, as text.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::CStr,
    sync::Arc,
};

use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray, UInt32Array,
    UInt64Array, ffi_stream::FFI_ArrowArrayStream, types::Int32Type,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, Field, Schema};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
    types::{PyBytes, PyCapsule},
};

use super::version::Version;
use crate::{
    trace::{self, Column, Text, Values, Versions},
    types::{BranchId, Time, Word},
};

/// The name that the Arrow PyCapsule interface gives to streams.
const STREAM: &CStr = c"arrow_array_stream";

/// A trace; it does not change.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Trace {
    inner: trace::Trace,
}

impl Trace {
    pub(super) fn new(inner: trace::Trace) -> Self {
        Self { inner }
    }
}

/// (name, "int64", "uint64", "uint32" or "text", the values' bytes in this machine's order, a byte a cell
/// that is 1 where it is empty, the texts, whether they are a category).
type PyColumn<'py> =
    (&'static str, &'static str, Bound<'py, PyBytes>, Option<Bound<'py, PyBytes>>, Option<Vec<String>>, bool);

#[pymethods]
impl Trace {
    /// Reads JSON lines; a `ValueError` names the first line that is wrong.
    #[staticmethod]
    fn parse(py: Python<'_>, text: &str) -> PyResult<Self> {
        let parsed = py.detach(|| trace::Trace::parse(text));
        parsed.map(Self::new).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn __len__(&self) -> usize {
        self.inner.rows().len()
    }

    #[getter]
    fn branches(&self) -> Vec<u32> {
        self.inner.header().branches.iter().map(|branch| branch.value()).collect()
    }

    #[getter]
    fn accounts(&self) -> BTreeMap<u64, i64> {
        self.inner.header().accounts.iter().map(|(account, &opening)| (account.0, opening)).collect()
    }

    #[getter]
    fn links(&self) -> Vec<(u32, u32)> {
        self.inner.header().links.iter().map(|(one, other)| (one.value(), other.value())).collect()
    }

    #[getter]
    fn lost(&self) -> u64 {
        self.inner.header().lost
    }

    #[getter]
    fn source(&self) -> &'static str {
        self.inner.header().source.word()
    }

    /// The times of the first row and the last; `None`: there is none.
    #[getter]
    fn span(&self) -> Option<(u64, u64)> {
        let rows = self.inner.rows();
        Some((rows.first()?.at.0, rows.last()?.at.0))
    }

    fn columns<'py>(&self, py: Python<'py>) -> Vec<PyColumn<'py>> {
        let columns = py.detach(|| self.inner.columns());
        columns.into_iter().map(|column| hand_over(py, column)).collect()
    }

    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A schema that is asked for is a wish, and may be left to the consumer.
        drop(requested_schema);
        let batch = py.detach(|| batch(self.inner.columns()));
        let batch = batch.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        let schema = batch.schema();
        let stream = FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
        PyCapsule::new_with_value(py, stream, STREAM)
    }

    fn to_jsonl(&self, py: Python<'_>) -> String {
        py.detach(|| self.inner.to_jsonl())
    }

    fn to_shiviz(&self, py: Python<'_>) -> String {
        py.detach(|| self.inner.to_shiviz())
    }

    /// The rows from one time to another, the latter excluded, in microseconds.
    fn window(&self, py: Python<'_>, start: u64, end: u64) -> Self {
        Self::new(py.detach(|| self.inner.window(Time(start), Time(end))))
    }

    /// What was wrong, in the order of time.
    fn faults(&self, py: Python<'_>) -> Vec<Span> {
        py.detach(|| self.inner.faults().into_iter().map(Span::new).collect())
    }

    /// Each branch's version after everything up to a time.
    #[pyo3(signature = (time_us = None))]
    fn versions(&self, py: Python<'_>, time_us: Option<u64>) -> BTreeMap<u32, Version> {
        let versions = py.detach(|| self.inner.versions(time_us.map(Time)));
        versions.into_iter().map(|(branch, version)| (branch.value(), Version(version))).collect()
    }

    /// The version of each row's branch after the row.
    fn row_versions(&self, py: Python<'_>) -> Vec<Version> {
        py.detach(|| {
            let mut versions: Versions = self.inner.header().before.clone();
            let after = |row| {
                versions.take(row);
                Version(versions.of(row.branch))
            };
            self.inner.rows().iter().map(after).collect()
        })
    }
}

/// (branch, from, until, the row that began it, the row that ended it); rows that are not there are `None`.
type Part = (u32, u64, u64, Option<usize>, Option<usize>);

/// A fault; it does not change.
#[pyclass(frozen, get_all, module = "replibank._core")]
pub(super) struct Span {
    kind: &'static str,
    text: String,
    reason: Option<String>,
    branches: Vec<u32>,
    links: Vec<(u32, u32)>,
    sides: Vec<Vec<u32>>,
    start_us: u64,
    end_us: u64,
    lifted: bool,
    parts: Vec<Part>,
}

impl Span {
    fn new(span: trace::Span) -> Self {
        let ids = |branches: BTreeSet<BranchId>| branches.into_iter().map(BranchId::value).collect();
        let part = |part: trace::Part| (part.branch.value(), part.start.0, part.end.0, part.row, part.end_row);
        Self {
            kind: span.kind.word(),
            text: span.text,
            reason: span.reason,
            branches: ids(span.branches),
            links: span.links.into_iter().map(|(from, to)| (from.value(), to.value())).collect(),
            sides: span.sides.into_iter().map(ids).collect(),
            start_us: span.start.0,
            end_us: span.end.0,
            lifted: span.is_lifted,
            parts: span.parts.into_iter().map(part).collect(),
        }
    }
}

fn hand_over(py: Python<'_>, column: Column) -> PyColumn<'_> {
    let Column { name, values, filled } = column;
    let empty = filled.map(|filled| {
        let empty: Vec<u8> = filled.into_iter().map(|filled| u8::from(!filled)).collect();
        PyBytes::new(py, &empty)
    });
    let bytes = |bytes: Vec<u8>| PyBytes::new(py, &bytes);
    match values {
        Values::I64(values) => {
            (name, "int64", bytes(values.into_iter().flat_map(i64::to_ne_bytes).collect()), empty, None, false)
        }
        Values::U64(values) => {
            (name, "uint64", bytes(values.into_iter().flat_map(u64::to_ne_bytes).collect()), empty, None, false)
        }
        Values::U32(values) => {
            (name, "uint32", bytes(values.into_iter().flat_map(u32::to_ne_bytes).collect()), empty, None, false)
        }
        Values::Text(Text { codes, texts, is_category }) => {
            let codes = bytes(codes.into_iter().flat_map(i32::to_ne_bytes).collect());
            (name, "text", codes, empty, Some(texts), is_category)
        }
    }
}

/// All columns as one batch.
fn batch(columns: Vec<Column>) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for Column { name, values, filled } in columns {
        let nullable = filled.is_some();
        let array = array(values, filled)?;
        fields.push(Field::new(name, array.data_type().clone(), nullable));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

fn array(values: Values, filled: Option<Vec<bool>>) -> Result<ArrayRef, ArrowError> {
    let nulls = || filled.as_deref().map(|filled| NullBuffer::from(filled.to_vec()));
    Ok(match values {
        Values::I64(values) => Arc::new(Int64Array::try_new(values.into(), nulls())?),
        Values::U64(values) => Arc::new(UInt64Array::try_new(values.into(), nulls())?),
        Values::U32(values) => Arc::new(UInt32Array::try_new(values.into(), nulls())?),
        Values::Text(Text { codes, texts, is_category: true }) => {
            let keys = Int32Array::try_new(codes.into(), nulls())?;
            let texts = Arc::new(StringArray::from_iter_values(texts));
            Arc::new(DictionaryArray::<Int32Type>::try_new(keys, texts)?)
        }
        Values::Text(Text { codes, texts, is_category: false }) => {
            let is_filled = |index: usize| filled.as_ref().is_none_or(|filled| filled[index]);
            let text = |(index, &code): (usize, &i32)| {
                usize::try_from(code).ok().filter(|_| is_filled(index)).and_then(|code| texts.get(code))
            };
            Arc::new(codes.iter().enumerate().map(text).collect::<StringArray>())
        }
    })
}
