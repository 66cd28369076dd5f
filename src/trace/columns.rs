//! The trace by columns, as data frames and Arrow want it: values side by side, and beside them which
//! are there.

use std::collections::BTreeMap;

use super::{EventName, MessageKind, Trace, cells::client_text};
use crate::types::{ClientId, Origin};

/// A column of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its cells; those that are empty have some value here.
    pub values: Values,
    /// Which cells are filled; `None`: all.
    pub filled: Option<Vec<bool>>,
}

/// The cells of a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Values {
    /// Signed numbers.
    I64(Vec<i64>),
    /// Numbers from 0.
    U64(Vec<u64>),
    /// Small numbers from 0.
    U32(Vec<u32>),
    /// Texts.
    Text(Text),
}

/// Texts, each written once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// For each cell, which of the texts it is.
    pub codes: Vec<i32>,
    /// The texts.
    pub texts: Vec<String>,
    /// Whether the texts are known beforehand, such as the names of events.
    pub is_category: bool,
}

/// Every column, in order.
pub type Columns = Vec<Column>;

impl Trace {
    /// The trace by columns.
    pub fn columns(&self) -> Columns {
        let mut table = Table::with_capacity(self.rows.len());
        for row in &self.rows {
            let cells = row.cells();
            table.time_us.push(i64::try_from(cells.time_us).unwrap_or(i64::MAX));
            table.branch.push(cells.branch);
            table.event.push(Some(cells.event));
            table.clock.push(cells.clock);
            table.ticks.push(cells.ticks);
            table.peer.push(cells.peer);
            table.message.push(cells.message);
            table.message_id.push(cells.message_id.map(std::num::NonZeroU64::get));
            table.operations.push(cells.operations);
            table.bytes.push(cells.bytes);
            table.origin.push(cells.origin);
            table.sequence_from.push(cells.sequence_from);
            table.sequence_through.push(cells.sequence_through);
            table.account.push(cells.account);
            table.amount.push(cells.amount);
            table.balance.push(cells.balance);
            table.known.push(cells.known);
            table.client.push(cells.client);
            table.request.push(cells.request);
            table.waited_us.push(cells.waited_us);
            table.reason.push(row.reason());
        }
        table.finish()
    }
}

/// Cells that may be empty.
struct Sparse<T> {
    values: Vec<T>,
    filled: Vec<bool>,
}

impl<T: Default> Sparse<T> {
    fn with_capacity(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), filled: Vec::with_capacity(rows) }
    }

    fn push(&mut self, cell: Option<T>) {
        self.filled.push(cell.is_some());
        self.values.push(cell.unwrap_or_default());
    }

    fn column(self, name: &'static str, values: impl FnOnce(Vec<T>) -> Values) -> Column {
        Column { name, values: values(self.values), filled: Some(self.filled) }
    }
}

/// Texts by what they stand for.
struct Words<K> {
    codes: Sparse<i32>,
    code_of: BTreeMap<K, i32>,
    texts: Vec<String>,
    text: fn(K) -> String,
    is_category: bool,
}

impl<K: Ord + Copy> Words<K> {
    /// Texts that come up as they come up.
    fn new(rows: usize, text: fn(K) -> String) -> Self {
        let (code_of, texts) = (BTreeMap::new(), Vec::new());
        Self { codes: Sparse::with_capacity(rows), code_of, texts, text, is_category: false }
    }

    /// A category: those that are known beforehand are in it, used or not.
    fn category(rows: usize, text: fn(K) -> String, known: impl IntoIterator<Item = K>) -> Self {
        let mut words = Self { is_category: true, ..Self::new(rows, text) };
        for word in known {
            words.code(word);
        }
        words
    }

    fn code(&mut self, word: K) -> i32 {
        if let Some(&code) = self.code_of.get(&word) {
            return code;
        }
        let code = i32::try_from(self.texts.len()).unwrap_or(i32::MAX);
        self.code_of.insert(word, code);
        self.texts.push((self.text)(word));
        code
    }

    fn push(&mut self, word: Option<K>) {
        let code = word.map(|word| self.code(word));
        self.codes.push(code);
    }

    fn column(self, name: &'static str) -> Column {
        let Sparse { values: codes, filled } = self.codes;
        let values = Values::Text(Text { codes, texts: self.texts, is_category: self.is_category });
        Column { name, values, filled: Some(filled) }
    }
}

struct Table<'a> {
    time_us: Vec<i64>,
    branch: Vec<u32>,
    event: Words<EventName>,
    clock: Vec<u64>,
    ticks: Vec<u32>,
    peer: Sparse<u32>,
    message: Words<MessageKind>,
    message_id: Sparse<u64>,
    operations: Sparse<u64>,
    bytes: Sparse<u64>,
    origin: Words<Origin>,
    sequence_from: Sparse<u64>,
    sequence_through: Sparse<u64>,
    account: Sparse<u64>,
    amount: Sparse<i64>,
    balance: Sparse<i64>,
    known: Sparse<u64>,
    client: Words<ClientId>,
    request: Sparse<u64>,
    waited_us: Sparse<u64>,
    reason: Words<&'a str>,
}

impl Table<'_> {
    fn with_capacity(rows: usize) -> Self {
        Self {
            time_us: Vec::with_capacity(rows),
            branch: Vec::with_capacity(rows),
            event: Words::category(rows, |event| event.name().to_owned(), EventName::all()),
            clock: Vec::with_capacity(rows),
            ticks: Vec::with_capacity(rows),
            peer: Sparse::with_capacity(rows),
            message: Words::category(rows, |kind| kind.name().to_owned(), MessageKind::ALL),
            message_id: Sparse::with_capacity(rows),
            operations: Sparse::with_capacity(rows),
            bytes: Sparse::with_capacity(rows),
            origin: Words::category(rows, |origin| origin.to_string(), []),
            sequence_from: Sparse::with_capacity(rows),
            sequence_through: Sparse::with_capacity(rows),
            account: Sparse::with_capacity(rows),
            amount: Sparse::with_capacity(rows),
            balance: Sparse::with_capacity(rows),
            known: Sparse::with_capacity(rows),
            client: Words::new(rows, client_text),
            request: Sparse::with_capacity(rows),
            waited_us: Sparse::with_capacity(rows),
            reason: Words::new(rows, str::to_owned),
        }
    }

    fn finish(self) -> Columns {
        let whole = |name, values| Column { name, values, filled: None };
        let event = Column { filled: None, ..self.event.column("event") };
        vec![
            whole("time_us", Values::I64(self.time_us)),
            whole("branch", Values::U32(self.branch)),
            event,
            whole("clock", Values::U64(self.clock)),
            whole("ticks", Values::U32(self.ticks)),
            self.peer.column("peer", Values::U32),
            self.message.column("message"),
            self.message_id.column("message_id", Values::U64),
            self.operations.column("operations", Values::U64),
            self.bytes.column("bytes", Values::U64),
            self.origin.column("origin"),
            self.sequence_from.column("sequence_from", Values::U64),
            self.sequence_through.column("sequence_through", Values::U64),
            self.account.column("account", Values::U64),
            self.amount.column("amount", Values::I64),
            self.balance.column("balance", Values::I64),
            self.known.column("known", Values::U64),
            self.client.column("client"),
            self.request.column("request", Values::U64),
            self.waited_us.column("waited_us", Values::U64),
            self.reason.column("reason"),
        ]
    }
}
