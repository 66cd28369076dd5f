//! A disk that keeps what it is told in memory, and fails when it is told to: what a crash in the
//! middle of a save leaves is all of it or nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
};

use crate::{
    replica::{AnswerChange, Delta, Disk, Entry, Past, Remembered, Save, Saved},
    types::{AccountId, ClientId, Incarnation, Origin, RequestId, Time},
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
    /// If it is buffered: what is on the disk itself.
    written: Option<Box<Written>>,
}

/// What a buffered disk has for certain, and what the system holds back.
#[derive(Clone, Debug)]
struct Written {
    after_us: u64,
    disk: MemoryDisk,
    waiting: VecDeque<(Time, Save)>,
}

impl Written {
    /// What is old enough is on the disk.
    fn write_out(&mut self, now: Time) {
        while self.waiting.front().is_some_and(|(at, _)| at.0 + self.after_us <= now.0)
            && let Some((_, save)) = self.waiting.pop_front()
        {
            self.disk.take(&save);
        }
    }
}

impl MemoryDisk {
    /// An empty disk; buffered, if what it is told reaches it only so long after.
    pub(super) fn new(flush_us: Option<u64>) -> Self {
        let written = |after_us| Box::new(Written { after_us, disk: Self::default(), waiting: VecDeque::new() });
        Self { written: flush_us.map(written), ..Self::default() }
    }

    /// Takes a save, at this time.
    pub(super) fn write(&mut self, save: &Save, now: Time) {
        self.take(save);
        if let Some(written) = &mut self.written {
            written.waiting.push_back((now, save.clone()));
            written.write_out(now);
        }
    }

    /// The machine fails: what was not written out is lost. Returns whether there was any.
    pub(super) fn lose_unwritten(&mut self, now: Time) -> bool {
        let Some(mut written) = self.written.take() else { return false };
        written.write_out(now);
        let lost = !written.waiting.is_empty();
        if lost {
            *self = Self { written: None, ..written.disk.clone() };
            written.waiting.clear();
        }
        self.written = Some(written);
        lost
    }

    /// Everything is lost.
    pub(super) fn lose(&mut self) {
        *self = Self::new(self.written.as_ref().map(|written| written.after_us));
    }

    fn take(&mut self, save: &Save) {
        if let Some(life) = save.begins {
            if self.lives.last() != Some(&life.number) {
                self.lives.push(life.number);
            }
            self.had_others = life.had_others;
        }
        self.save_pages(save);
        self.save_answers(save);
    }

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
        self.take(save);
        Ok(())
    }

    fn load(&mut self) -> Result<Saved, Infallible> {
        let page = |(&origin, page): (&Origin, &Page)| {
            let mut entries: Vec<Entry> = page.entries.values().copied().collect();
            entries.sort_by_key(|entry| entry.sequence);
            let (sequence, confirm_through, mut past) = (page.sequence, page.confirm_through, page.past.clone());
            // A table has an order of its own, not that in which it was written.
            past.sort_by_key(|past| (past.from, past.origin));
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
