//! The input as a whole: its records in turn, then what must hold between them.

use std::collections::BTreeMap;

use super::{
    array::{ReadError, each_element},
    error::{InputError, RecordPlace},
    flaw::RecordFlaw,
    json::Keys,
    model::{CustomerRecord, Order, Scenario},
    record::{self, Record},
    replay::Ledger,
};
use crate::types::{BranchId, MAX_ORIGINS};

impl Scenario {
    /// Reads an input file. Events run in file order, or sorted by id within their record.
    ///
    /// # Errors
    /// [`InputError`] for anything that cannot be run as it stands, at the first place where that
    /// shows. Nothing is guessed: a misspelt key or an amount in quotes is refused, not repaired.
    ///
    /// # Example
    /// ```
    /// use replibank::scenario::{Order, Scenario};
    ///
    /// let input = br#"[{"id": 1, "type": "branch", "balance": 4e2}]"#;
    /// let error = Scenario::parse(input, Order::File).unwrap_err();
    /// assert_eq!(error.to_string(), "record 1 (branch 1), balance: 400.0 is written as a fraction: write 400");
    /// ```
    pub fn parse(bytes: &[u8], order: Order) -> Result<Self, InputError> {
        let mut draft = Draft::default();
        let mut number = 0;
        each_element(bytes, Keys::Trimmed, |value| {
            number += 1;
            let (place, record) = record::read(number, &value, order)?;
            draft.add(place, record)
        })
        .map_err(|error| match error {
            ReadError::Document(error) => InputError::Document(error),
            ReadError::Element(error) => error,
        })?;
        draft.finish()
    }
}

/// The records so far.
#[derive(Default)]
struct Draft {
    branches: Vec<BranchId>,
    /// The number of each branch's record.
    records: BTreeMap<BranchId, usize>,
    first: Option<FirstBranch>,
    customers: Vec<(RecordPlace, CustomerRecord)>,
}

#[derive(Clone, Copy)]
struct FirstBranch {
    record: usize,
    id: BranchId,
    balance: i64,
}

impl Draft {
    fn add(&mut self, place: RecordPlace, record: Record) -> Result<(), InputError> {
        match record {
            Record::Customer(customer) => self.customers.push((place, customer)),
            Record::Branch { id, balance } => self.add_branch(place, id, balance)?,
        }
        Ok(())
    }

    fn add_branch(&mut self, place: RecordPlace, id: BranchId, balance: i64) -> Result<(), InputError> {
        if let Some(&first) = self.records.get(&id) {
            return Err(place.error(RecordFlaw::SecondBranch { branch: id, first }));
        }
        if self.branches.len() == MAX_ORIGINS {
            return Err(place.error(RecordFlaw::TooManyBranches));
        }
        let first = *self.first.get_or_insert(FirstBranch { record: place.record, id, balance });
        if balance != first.balance {
            return Err(place.field("balance").error(RecordFlaw::UnequalBalance {
                balance,
                first_branch: first.id,
                first: first.record,
                first_balance: first.balance,
            }));
        }
        self.records.insert(id, place.record);
        self.branches.push(id);
        Ok(())
    }

    /// What can be told only once every record is known.
    fn finish(self) -> Result<Scenario, InputError> {
        let Some(first) = self.first else { return Err(InputError::NoBranch) };
        let mut ledger = Ledger::new(first.balance);
        for (place, customer) in &self.customers {
            let branch = customer.branch;
            if !self.records.contains_key(&branch) {
                return Err(place.error(RecordFlaw::NoSuchBranch { branch, known: known(self.records.keys()) }));
            }
            for event in &customer.events {
                ledger.reply(branch, event.action).map_err(|limit| {
                    let (total, requested) = (limit.total, limit.requested.value());
                    place.error(RecordFlaw::TotalTooLarge { branch, total, requested })
                })?;
            }
        }
        let customers = self.customers.into_iter().map(|(_, customer)| customer).collect();
        Ok(Scenario { branches: self.branches, opening: first.balance, customers })
    }
}

/// "are branches 1 to 3, 7 and 9", at most four runs of them.
fn known<'a>(branches: impl Iterator<Item = &'a BranchId>) -> String {
    const RUNS_MAX: usize = 4;
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let mut count = 0;
    for id in branches {
        count += 1;
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == id.value() => *last = id.value(),
            Some(_) | None => runs.push((id.value(), id.value())),
        }
    }
    let words: Vec<String> = runs
        .iter()
        .take(RUNS_MAX)
        .map(|&(first, last)| match last - first {
            0 => format!("{first}"),
            1 => format!("{first}, {last}"),
            _ => format!("{first} to {last}"),
        })
        .collect();
    let more = if runs.len() > RUNS_MAX { format!(" and others, {count} in all") } else { String::new() };
    format!("{} {}{more}", if count == 1 { "is branch" } else { "are branches" }, words.join(", "))
}
