//! A branch's data directory: an embedded database (redb) behind [`Disk`]. It is checked whole
//! whenever it is opened, and what cannot be right is an error, never a guess: nothing in the directory
//! is changed before everything in it was found to be sound and to be this branch's.

mod directory;
mod doubt;
mod error;
mod file;
mod owner;
mod schema;
mod upgrade;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use redb::{Database, ReadableDatabase, ReadableTable, WriteTransaction};

use crate::{
    replica::{AnswerChange, Delta, Disk, Life, Save, Saved},
    types::{ClientId, Incarnation, words},
};
use directory::Lock;

pub use error::StoreError;
pub use file::Fuse;
pub use owner::Owner;

/// When a write counts as being on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// When the disk says so (fsync): it survives the machine.
    #[default]
    Synced,
    /// When the system has it: it survives the process, kill -9 included. If the machine fails (power,
    /// kernel), the last writes are lost, and the directory may be found damaged as a whole.
    Buffered,
}

words!(Durability, "durability": Synced = "synced", Buffered = "buffered");

/// An open data directory. No other process can open it until it is dropped.
#[derive(Debug)]
pub struct Store {
    // Dropped in this order: the database is closed before the directory is let go.
    database: Database,
    fuse: Fuse,
    directory: PathBuf,
    _lock: Lock,
}

impl Store {
    /// Opens the directory, or makes it. Reads all of it, so it may take a while: some 0.1 s for 100,000
    /// accounts.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was changed.
    pub fn open(directory: &Path, owner: Owner, durability: Durability) -> Result<Self, StoreError> {
        let lock = directory::claim(directory)?;
        let file = directory::file(directory, owner)?;
        let format = directory::examine(directory, &file, owner)?;
        let fuse = Fuse::default();
        let real = file::Real { file, synced: durability == Durability::Synced, fuse: fuse.clone() };
        let failed = Self::failure(directory);
        doubt::settle(&real).map_err(|error| failed(error.into()))?;
        let database = directory::builder().create_with_backend(real).map_err(|error| failed(error.into()))?;
        if format == schema::FORMAT_OF_ONE_LIFE {
            upgrade::from_one_life(&database, owner).map_err(failed)?;
        }
        Ok(Self { database, fuse, directory: directory.to_owned(), _lock: lock })
    }

    /// Whether a branch has kept its data in the directory; where nobody can tell, it may have.
    pub fn is_in(directory: &Path) -> bool {
        directory::has_data(directory)
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What can keep it from writing.
    pub fn fuse(&self) -> Fuse {
        self.fuse.clone()
    }

    fn failure(directory: &Path) -> impl Fn(redb::Error) -> StoreError {
        let directory = directory.to_owned();
        move |error| directory::failure(&directory, error)
    }

    fn write(&self, save: &Save) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        // The second phase is a second fsync. Without it, a damaged last commit could not be told from
        // one that a power failure cut short, and would silently be taken back, acknowledged or not.
        transaction.set_two_phase_commit(true);
        if let Some(life) = save.begins {
            write_life(&transaction, life)?;
        }
        for delta in &save.deltas {
            write_delta(&transaction, delta)?;
        }
        write_answers(&transaction, &save.answers)?;
        transaction.commit()?;
        Ok(())
    }

    fn read(&self) -> Result<Result<Saved, String>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut pages = BTreeMap::new();
        for row in transaction.open_table(schema::PAGES)?.iter()? {
            let (key, value) = row?;
            let (sequence, confirm_through) = value.value();
            let origin = match schema::origin(key.value()) {
                Ok(origin) => origin,
                Err(reason) => return Ok(Err(reason)),
            };
            let (entries, past) = (Vec::new(), Vec::new());
            pages.insert(origin, Delta { origin, base: 0, sequence, entries, confirm_through, past });
        }
        for row in transaction.open_table(schema::PAST)?.iter()? {
            let (key, value) = row?;
            match schema::past(key.value(), value.value()) {
                Ok((origin, past)) => match pages.get_mut(&origin) {
                    Some(page) => page.past.push(past),
                    None => return Ok(Err(format!("page {origin} stands on another, and is not there"))),
                },
                Err(reason) => return Ok(Err(reason)),
            }
        }
        for row in transaction.open_table(schema::ENTRIES)?.iter()? {
            let (key, value) = row?;
            let (branch, incarnation, account) = key.value();
            let page = schema::origin((branch, incarnation)).map(|origin| pages.get_mut(&origin));
            let Ok(Some(page)) = page else {
                return Ok(Err(format!("an entry is of page {branch}.{incarnation}, which is not there")));
            };
            page.entries.push(schema::entry(account, value.value()));
        }
        let mut pages: Vec<Delta> = pages.into_values().collect();
        pages.iter_mut().for_each(|page| page.entries.sort_unstable_by_key(|entry| entry.sequence));
        let mut answers = Vec::new();
        for row in transaction.open_table(schema::REQUESTS)?.iter()? {
            let (key, value) = row?;
            match schema::answer(key.value(), value.value()) {
                Ok(answer) => answers.push(answer),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        let mut saved = Saved { pages, answers, ..Saved::default() };
        for row in transaction.open_table(schema::FORGOTTEN)?.iter()? {
            let (client, through) = row?;
            saved.forgotten.push((ClientId(client.value()), through.value()));
        }
        for row in transaction.open_table(schema::LIVES)?.iter()? {
            saved.lives.push(Incarnation(row?.0.value()));
        }
        let meta = transaction.open_table(schema::META)?;
        let is_set = |name| Ok::<bool, redb::Error>(meta.get(name)?.is_some_and(|value| value.value() != 0));
        saved.had_others = is_set(schema::META_HAD_OTHERS)?;
        saved.forgot_clients = is_set(schema::META_FORGOT_CLIENTS)?;
        Ok(Ok(saved))
    }
}

impl Disk for Store {
    type Error = StoreError;

    fn save(&mut self, save: &Save) -> Result<(), StoreError> {
        self.write(save).map_err(Self::failure(&self.directory))
    }

    fn load(&mut self) -> Result<Saved, StoreError> {
        let damaged = |reason| StoreError::Damaged { directory: self.directory.clone(), reason };
        self.read().map_err(Self::failure(&self.directory))?.map_err(damaged)
    }
}

fn write_life(transaction: &WriteTransaction, life: Life) -> Result<(), redb::Error> {
    transaction.open_table(schema::LIVES)?.insert(life.number.0, ())?;
    transaction.open_table(schema::META)?.insert(schema::META_HAD_OTHERS, u64::from(life.had_others))?;
    Ok(())
}

fn write_delta(transaction: &WriteTransaction, delta: &Delta) -> Result<(), redb::Error> {
    let (branch, incarnation) = schema::origin_key(delta.origin);
    let page = (delta.sequence, delta.confirm_through);
    let before = transaction.open_table(schema::PAGES)?.insert((branch, incarnation), page)?.map(|row| row.value().0);
    if before.unwrap_or(0) != delta.base {
        let (base, before) = (delta.base, before.unwrap_or(0));
        let reason = format!("a save of page {} begins at {base}, but {before} is what was saved", delta.origin);
        return Err(redb::Error::Corrupted(reason));
    }
    let mut entries = transaction.open_table(schema::ENTRIES)?;
    for entry in &delta.entries {
        entries.insert((branch, incarnation, entry.account.0), schema::entry_row(entry))?;
    }
    for past in &delta.past {
        let key = (branch, incarnation, past.from, past.origin.incarnation.0);
        transaction.open_table(schema::PAST)?.insert(key, past.sequence)?;
    }
    Ok(())
}

fn write_answers(transaction: &WriteTransaction, changes: &[AnswerChange]) -> Result<(), redb::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut answers = transaction.open_table(schema::REQUESTS)?;
    let mut forgotten = transaction.open_table(schema::FORGOTTEN)?;
    for change in changes {
        match change {
            AnswerChange::Remember(answer) => {
                let row = (schema::answer_row(answer), answer.order);
                answers.insert(schema::answer_key(answer.request), row)?;
            }
            AnswerChange::ForgetRequest(request) => {
                answers.remove(schema::answer_key(*request))?;
                let before = forgotten.get(request.client.0)?.map_or(0, |through| through.value());
                forgotten.insert(request.client.0, request.number.max(before))?;
            }
            AnswerChange::ForgetClient(ClientId(client)) => {
                forgotten.remove(client)?;
                transaction.open_table(schema::META)?.insert(schema::META_FORGOT_CLIENTS, 1)?;
            }
        }
    }
    Ok(())
}
