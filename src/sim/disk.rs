//! A disk that keeps what it is told in memory, and fails when it is told to: what a crash in the
//! middle of a save leaves is all of it or nothing.

use std::{collections::BTreeMap, convert::Infallible};

use crate::{
    replica::{AnswerChange, Delta, Disk, Entry, Past, Remembered, Save, Saved},
    types::{AccountId, ClientId, Incarnation, Origin, RequestId},
};

#[derive(Clone, Debug, Default)]
struct Page {
    sequence: u64,
    confirm_through: u64,
    entries: BTreeMap<AccountId, Entry>,
    past: Vec<Past>,
}

/// A disk in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryDisk {
    pages: BTreeMap<Origin, Page>,
    answers: BTreeMap<RequestId, Remembered>,
    lives: Vec<Incarnation>,
    had_others: bool,
    forgotten: BTreeMap<ClientId, u64>,
    forgot_clients: bool,
}

impl MemoryDisk {
    pub(super) fn save_pages(&mut self, save: &Save) {
        for delta in &save.deltas {
            let page = self.pages.entry(delta.origin).or_default();
            page.sequence = delta.sequence;
            page.confirm_through = delta.confirm_through;
            page.entries.extend(delta.entries.iter().map(|entry| (entry.account, *entry)));
            page.past.extend(&delta.past);
        }
    }

    fn save_answers(&mut self, save: &Save) {
        for change in &save.answers {
            match *change {
                AnswerChange::Remember(answer) => drop(self.answers.insert(answer.request, answer)),
                AnswerChange::ForgetRequest(request) => {
                    self.answers.remove(&request);
                    let through = self.forgotten.entry(request.client).or_default();
                    *through = request.number.max(*through);
                }
                AnswerChange::ForgetClient(client) => {
                    self.forgotten.remove(&client);
                    self.forgot_clients = true;
                }
            }
        }
    }
}

impl Disk for MemoryDisk {
    type Error = Infallible;

    fn save(&mut self, save: &Save) -> Result<(), Infallible> {
        if let Some(life) = save.begins {
            if self.lives.last() != Some(&life.number) {
                self.lives.push(life.number);
            }
            self.had_others = life.had_others;
        }
        self.save_pages(save);
        self.save_answers(save);
        Ok(())
    }

    fn load(&mut self) -> Result<Saved, Infallible> {
        let page = |(&origin, page): (&Origin, &Page)| {
            let mut entries: Vec<Entry> = page.entries.values().copied().collect();
            entries.sort_by_key(|entry| entry.sequence);
            let (sequence, confirm_through, past) = (page.sequence, page.confirm_through, page.past.clone());
            Delta { origin, base: 0, sequence, entries, confirm_through, past }
        };
        Ok(Saved {
            pages: self.pages.iter().map(page).collect(),
            answers: self.answers.values().copied().collect(),
            lives: self.lives.clone(),
            had_others: self.had_others,
            forgotten: self.forgotten.iter().map(|(&client, &through)| (client, through)).collect(),
            forgot_clients: self.forgot_clients,
        })
    }
}
