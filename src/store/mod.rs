//! A branch's data directory: an embedded database (redb) behind [`Disk`]. It is checked whole
//! whenever it is opened, and what cannot be right is an error, never a guess: nothing in the directory
//! is changed before everything in it was found to be sound and to be this branch's.

mod directory;
mod doubt;
mod error;
mod file;
mod schema;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use redb::{Database, ReadableDatabase, ReadableTable, WriteTransaction};

use crate::{
    replica::{AnswerChange, Delta, Disk, Save, Saved},
    types::{BranchId, ClientId, Incarnation, Origin},
};
use directory::Lock;

pub use error::StoreError;
pub use file::Fuse;

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

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Synced => "synced",
            Self::Buffered => "buffered",
        })
    }
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "synced" => Ok(Self::Synced),
            "buffered" => Ok(Self::Buffered),
            other => Err(format!("durability {other:?} is not right: \"synced\" or \"buffered\" is")),
        }
    }
}

/// Whose data directory it must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The branch.
    pub branch: BranchId,
    /// The digest of the bank: what must be the same at all of its branches.
    pub bank: u64,
}

/// An open data directory. No other process can open it until it is dropped.
#[derive(Debug)]
pub struct Store {
    // Dropped in this order: the database is closed before the directory is let go.
    database: Database,
    own: Origin,
    fuse: Fuse,
    directory: PathBuf,
    _lock: Lock,
}

impl Store {
    /// Opens the directory, or makes it. In a new one, the branch begins the life `fresh`. Reads all of
    /// it, so it may take a while: some 0.1 s for 100,000 accounts.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was changed.
    pub fn open(
        directory: &Path,
        owner: Owner,
        durability: Durability,
        fresh: Incarnation,
    ) -> Result<Self, StoreError> {
        let lock = directory::claim(directory)?;
        let file = directory::file(directory, owner, fresh)?;
        let own = directory::examine(directory, &file, owner)?;
        let fuse = Fuse::default();
        let real = file::Real { file, synced: durability == Durability::Synced, fuse: fuse.clone() };
        let failed = Self::failure(directory);
        doubt::settle(&real).map_err(|error| failed(error.into()))?;
        let database = directory::builder().create_with_backend(real).map_err(|error| failed(error.into()))?;
        Ok(Self { database, own, fuse, directory: directory.to_owned(), _lock: lock })
    }

    /// Whether a branch has kept its data in the directory; where nobody can tell, it may have.
    pub fn is_in(directory: &Path) -> bool {
        directory::has_data(directory)
    }

    /// The life that goes on here.
    pub fn own(&self) -> Origin {
        self.own
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
            pages.insert(origin, Delta { origin, base: 0, sequence, entries: Vec::new(), confirm_through });
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
        for row in transaction.open_table(schema::ANSWERS)?.iter()? {
            let (key, value) = row?;
            match schema::answer(key.value(), value.value()) {
                Ok(answer) => answers.push(answer),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        Ok(Ok(Saved { pages, answers }))
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
    Ok(())
}

fn write_answers(transaction: &WriteTransaction, changes: &[AnswerChange]) -> Result<(), redb::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut answers = transaction.open_table(schema::ANSWERS)?;
    for change in changes {
        match change {
            AnswerChange::Remember(answer) => {
                answers.insert(schema::answer_key(answer.request), schema::answer_row(answer))?;
            }
            AnswerChange::ForgetRequest(request) => {
                answers.remove(schema::answer_key(*request))?;
            }
            AnswerChange::ForgetClient(ClientId(client)) => {
                answers.retain_in((*client, 0)..=(*client, u64::MAX), |_, _| false)?;
            }
        }
    }
    Ok(())
}
