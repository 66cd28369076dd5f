//! The columns of a trace: one table, of which the cells of a row, their JSON and the columns of data frames and
//! Arrow are made. A new column is one line here, and what fills it in `cells.rs`.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{EventName, MessageId, MessageKind, Trace};
use crate::types::{ClientId, Origin, Time, Word};

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
    /// Whether the texts are of few kinds, such as the names of events.
    pub is_category: bool,
}

/// Every column, in order.
pub type Columns = Vec<Column>;

impl Trace {
    /// The trace by columns.
    pub fn columns(&self) -> Columns {
        let mut table = Table::with_capacity(self.rows.len());
        self.rows.iter().for_each(|row| table.push(row.cells()));
        table.finish()
    }
}

/// Makes all that follows from the list of columns.
macro_rules! columns {
    (
        whole { $($(#[doc = $whole_says:literal])+ $whole:ident: $whole_type:ty,)+ }
        sparse { $($(#[doc = $says:literal])+ $name:ident: $type:ty,)+ }
    ) => {
        /// One row's cells, in the order of the columns.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Cells<'a> {
            $($(#[doc = $whole_says])+ pub $whole: $whole_type,)+
            $(
                $(#[doc = $says])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )+
        }

        impl Cells<'_> {
            /// The cells that every row fills; the others are empty.
            pub(super) fn bare($($whole: $whole_type),+) -> Self {
                Self { $($whole,)+ $($name: None,)+ }
            }

            /// A cell that is filled here and empty there.
            pub(super) fn surplus(&self, there: &Cells<'_>) -> Option<&'static str> {
                let all = [$((stringify!($name), self.$name.is_some() && there.$name.is_none())),+];
                all.into_iter().find(|&(_, is_surplus)| is_surplus).map(|(name, _)| name)
            }
        }

        /// The columns while they fill.
        struct Table<'a> {
            $($whole: <$whole_type as Cell>::Gathered,)+
            $($name: Sparse<$type>,)+
        }

        impl<'a> Table<'a> {
            fn with_capacity(rows: usize) -> Self {
                Self {
                    $($whole: Gather::<$whole_type>::with_room(rows),)+
                    $($name: Sparse { cells: Gather::<$type>::with_room(rows), filled: Vec::with_capacity(rows) },)+
                }
            }

            fn push(&mut self, cells: Cells<'a>) {
                $(Gather::<$whole_type>::take(&mut self.$whole, cells.$whole);)+
                $(self.$name.push(cells.$name);)+
            }

            fn finish(self) -> Columns {
                vec![
                    $(Column {
                        name: stringify!($whole),
                        values: Gather::<$whole_type>::values(self.$whole),
                        filled: None,
                    },)+
                    $(self.$name.column(stringify!($name)),)+
                ]
            }
        }
    };
}

columns! {
    whole {
        /// Microseconds since the run began.
        time_us: Time,
        /// Where it happened.
        branch: u32,
        /// What happened.
        event: EventName,
        /// The branch's Lamport clock after it.
        clock: u64,
        /// How often it ticked.
        ticks: u32,
    }
    sparse {
        /// The other branch.
        peer: u32,
        /// What kind of message.
        message: MessageKind,
        /// The message's name.
        message_id: MessageId,
        /// How many operations it carries.
        operations: u64,
        /// Its encoded size.
        bytes: u64,
        /// Whose operations the row is about.
        origin: Origin,
        /// The first of them.
        sequence_from: u64,
        /// The last of them.
        sequence_through: u64,
        /// Which account.
        account: u64,
        /// How much.
        amount: i64,
        /// The account's balance at the branch after it.
        balance: i64,
        /// How many operations the branch has counted after it.
        known: u64,
        /// The customer.
        client: ClientId,
        /// The number of its request.
        request: u64,
        /// From its arrival to its answer.
        waited_us: u64,
        /// Details, for people.
        reason: Cow<'a, str>,
    }
}

/// What a column may hold.
trait Cell: Sized {
    type Gathered: Gather<Self>;
}

/// The values of a column while it fills.
trait Gather<T> {
    fn with_room(rows: usize) -> Self;
    fn take(&mut self, cell: T);
    /// Some value, where there is none.
    fn pass(&mut self);
    fn values(self) -> Values;
}

/// Cells that may be empty.
struct Sparse<T: Cell> {
    cells: T::Gathered,
    filled: Vec<bool>,
}

impl<T: Cell> Sparse<T> {
    fn push(&mut self, cell: Option<T>) {
        self.filled.push(cell.is_some());
        match cell {
            Some(cell) => self.cells.take(cell),
            None => self.cells.pass(),
        }
    }

    fn column(self, name: &'static str) -> Column {
        Column { name, values: self.cells.values(), filled: Some(self.filled) }
    }
}

macro_rules! numbers {
    ($($type:ty: $number:ty, $values:ident, $of:expr;)+) => {$(
        impl Cell for $type {
            type Gathered = Vec<$number>;
        }

        impl Gather<$type> for Vec<$number> {
            fn with_room(rows: usize) -> Self {
                Self::with_capacity(rows)
            }

            fn take(&mut self, cell: $type) {
                self.push($of(cell));
            }

            fn pass(&mut self) {
                self.push(0);
            }

            fn values(self) -> Values {
                Values::$values(self)
            }
        }
    )+};
}

numbers! {
    u32: u32, U32, |number| number;
    u64: u64, U64, |number| number;
    i64: i64, I64, |number| number;
    MessageId: u64, U64, |id: MessageId| id.0.get();
    Time: i64, I64, |time: Time| i64::try_from(time.0).unwrap_or(i64::MAX);
}

/// What is shown as a text.
trait Shown: Sized + Ord + ToString {
    /// Whether there are few of them.
    const IS_CATEGORY: bool;

    /// Those that are known beforehand: they are in the category, used or not.
    fn known() -> Vec<Self> {
        Vec::new()
    }
}

impl Shown for EventName {
    const IS_CATEGORY: bool = true;

    fn known() -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl Shown for MessageKind {
    const IS_CATEGORY: bool = true;

    fn known() -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl Shown for Origin {
    const IS_CATEGORY: bool = true;
}

impl Shown for ClientId {
    const IS_CATEGORY: bool = false;
}

impl Shown for Cow<'_, str> {
    const IS_CATEGORY: bool = false;
}

impl<K: Shown> Cell for K {
    type Gathered = Texts<K>;
}

/// Texts by what they stand for.
struct Texts<K> {
    codes: Vec<i32>,
    code_of: BTreeMap<K, i32>,
    texts: Vec<String>,
}

impl<K: Shown> Texts<K> {
    fn code(&mut self, shown: K) -> i32 {
        if let Some(&code) = self.code_of.get(&shown) {
            return code;
        }
        let code = i32::try_from(self.texts.len()).unwrap_or(i32::MAX);
        self.texts.push(shown.to_string());
        self.code_of.insert(shown, code);
        code
    }
}

impl<K: Shown> Gather<K> for Texts<K> {
    fn with_room(rows: usize) -> Self {
        let mut texts = Self { codes: Vec::with_capacity(rows), code_of: BTreeMap::new(), texts: Vec::new() };
        for shown in K::known() {
            texts.code(shown);
        }
        texts
    }

    fn take(&mut self, cell: K) {
        let code = self.code(cell);
        self.codes.push(code);
    }

    fn pass(&mut self) {
        self.codes.push(0);
    }

    fn values(self) -> Values {
        Values::Text(Text { codes: self.codes, texts: self.texts, is_category: K::IS_CATEGORY })
    }
}
