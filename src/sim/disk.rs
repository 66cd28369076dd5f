//! A disk that keeps what it is told in memory, and fails when it is told to: what a crash in the
//! middle of a save leaves is all of it or nothing.

use std::{collections::BTreeMap, convert::Infallible};

use crate::{
    replica::{AnswerChange, Delta, Disk, Entry, Remembered, Save, Saved},
    types::{AccountId, Origin, RequestId},
};

#[derive(Clone, Debug, Default)]
struct Page {
    sequence: u64,
    confirm_through: u64,
    entries: BTreeMap<AccountId, Entry>,
}

/// A disk in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryDisk {
    pages: BTreeMap<Origin, Page>,
    answers: BTreeMap<RequestId, Remembered>,
}

impl MemoryDisk {
    pub(super) fn save_pages(&mut self, save: &Save) {
        for delta in &save.deltas {
            let page = self.pages.entry(delta.origin).or_default();
            page.sequence = delta.sequence;
            page.confirm_through = delta.confirm_through;
            page.entries.extend(delta.entries.iter().map(|entry| (entry.account, *entry)));
        }
    }

    fn save_answers(&mut self, save: &Save) {
        for change in &save.answers {
            match *change {
                AnswerChange::Remember(answer) => drop(self.answers.insert(answer.request, answer)),
                AnswerChange::ForgetRequest(request) => drop(self.answers.remove(&request)),
                AnswerChange::ForgetClient(client) => {
                    self.answers.retain(|request, _| request.client != client);
                }
            }
        }
    }
}

impl Disk for MemoryDisk {
    type Error = Infallible;

    fn save(&mut self, save: &Save) -> Result<(), Infallible> {
        self.save_pages(save);
        self.save_answers(save);
        Ok(())
    }

    fn load(&mut self) -> Result<Saved, Infallible> {
        let page = |(&origin, page): (&Origin, &Page)| {
            let mut entries: Vec<Entry> = page.entries.values().copied().collect();
            entries.sort_by_key(|entry| entry.sequence);
            Delta { origin, base: 0, sequence: page.sequence, entries, confirm_through: page.confirm_through }
        };
        Ok(Saved { pages: self.pages.iter().map(page).collect(), answers: self.answers.values().copied().collect() })
    }
}
