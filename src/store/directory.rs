//! What lies in a data directory: `lock`, held while a process uses it, and `branch.redb`, which comes
//! into being whole or not at all. Who opens it looks at everything first, and changes nothing.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use redb::{Builder, Database, ReadableDatabase, ReadableTable, WriteTransaction};

use super::{
    Owner, StoreError,
    error::clause,
    file::{Fuse, Overlay, Real},
    schema,
};

const LOCK: &str = "lock";
const DATABASE: &str = "branch.redb";
/// A database that is being made.
const UNFINISHED: &str = "branch.redb.new";

/// How much of a database is kept in memory at most.
const CACHE_BYTES: usize = 64 << 20;

/// The directory is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would do, had not a forked child inherited it. If it fails, so be it: the
        // system lets go at the end of the process.
        let _ = self.0.unlock();
    }
}

/// What redb says, with the directory. What is neither the system's nor damage would be a misuse of
/// redb, or a table that is not as we made it.
pub(super) fn failure(directory: &Path, error: redb::Error) -> StoreError {
    let directory = directory.to_owned();
    let reason = if let redb::Error::Io(error) = error {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            "its end is missing".to_owned()
        } else if error.kind() == io::ErrorKind::InvalidData {
            clause(&error)
        } else {
            return StoreError::Failed { directory, reason: clause(&error) };
        }
    } else if let redb::Error::Corrupted(reason) = error {
        reason
    } else {
        error.to_string()
    };
    StoreError::Damaged { directory, reason }
}

fn io_failure(directory: &Path) -> impl Fn(io::Error) -> StoreError {
    let directory = directory.to_owned();
    move |error| StoreError::Failed { directory: directory.clone(), reason: clause(&error) }
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Makes the directory if it is not there, and claims it for this process.
pub(super) fn claim(directory: &Path) -> Result<Lock, StoreError> {
    let failed = io_failure(directory);
    fs::create_dir_all(directory).map_err(&failed)?;
    let path = directory.join(LOCK);
    let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(&failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Whether there is a database, or something that hides it.
pub(super) fn has_data(directory: &Path) -> bool {
    fs::exists(directory.join(DATABASE)).unwrap_or(true)
}

/// The database's file. In a new directory, it is made first, and gets its name when it is whole and
/// on disk: so an empty or half-made file of that name is damage.
pub(super) fn file(directory: &Path, owner: Owner) -> Result<File, StoreError> {
    let failed = io_failure(directory);
    let path = directory.join(DATABASE);
    if !fs::exists(&path).map_err(&failed)? {
        let unfinished = directory.join(UNFINISHED);
        make(&unfinished, owner).map_err(|error| failure(directory, error))?;
        fs::rename(unfinished, &path).map_err(&failed)?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(&failed)?;
    }
    OpenOptions::new().read(true).write(true).open(path).map_err(failed)
}

fn make(path: &Path, owner: Owner) -> Result<(), redb::Error> {
    // What is there was never finished, so it was never used.
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let real = Real { file: file.try_clone()?, synced: true, fuse: Fuse::default() };
    let database = builder().create_with_backend(real)?;
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(schema::META)?;
        meta.insert(schema::META_FORMAT, schema::FORMAT)?;
        meta.insert(schema::META_BANK, owner.bank)?;
        meta.insert(schema::META_BRANCH, u64::from(owner.branch.value()))?;
        meta.insert(schema::META_HAD_OTHERS, 0)?;
        meta.insert(schema::META_FORGOT_CLIENTS, 0)?;
    }
    make_tables(&transaction)?;
    transaction.commit()?;
    database.close()?;
    Ok(file.sync_all()?)
}

/// Makes those tables that are not there.
pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(schema::PAGES)?;
    transaction.open_table(schema::ENTRIES)?;
    transaction.open_table(schema::PAST)?;
    transaction.open_table(schema::REQUESTS)?;
    transaction.open_table(schema::FORGOTTEN)?;
    transaction.open_table(schema::LIVES)?;
    Ok(())
}

/// Looks at the whole database, through a copy of what would be written: every page that is in use
/// must have its checksum, and the owner must be this one. Returns the format that it has.
pub(super) fn examine(directory: &Path, file: &File, owner: Owner) -> Result<u64, StoreError> {
    let failed = io_failure(directory);
    let damaged = |reason: &str| StoreError::Damaged { directory: directory.to_owned(), reason: reason.to_owned() };
    let overlay = Overlay::new(file.try_clone().map_err(&failed)?).map_err(&failed)?;
    // An empty file would be taken for a new database.
    if file.metadata().map_err(&failed)?.len() == 0 {
        return Err(damaged("its file is empty"));
    }
    let open = || {
        let mut builder = builder();
        builder.set_check_integrity_on_open(true);
        let database = builder.create_with_backend(overlay)?;
        let meta = meta(&database);
        database.close()?;
        meta
    };
    // Of a damaged file, redb promises an error; a panic would say the same, and end no branch.
    let opened = catch_unwind(AssertUnwindSafe(open));
    let meta = opened.map_err(|_| damaged("it makes no sense"))?.map_err(|error| failure(directory, error))?;
    judge(directory, &meta, owner)
}

fn meta(database: &Database) -> Result<Vec<(String, u64)>, redb::Error> {
    let transaction = database.begin_read()?;
    let mut meta = Vec::new();
    for row in transaction.open_table(schema::META)?.iter()? {
        let (key, value) = row?;
        meta.push((key.value().to_owned(), value.value()));
    }
    Ok(meta)
}

fn judge(directory: &Path, meta: &[(String, u64)], owner: Owner) -> Result<u64, StoreError> {
    let directory = directory.to_owned();
    let value = |name: &str| {
        let missing = || StoreError::Damaged { directory: directory.clone(), reason: format!("it has no {name}") };
        meta.iter().find(|(key, _)| key == name).map(|&(_, value)| value).ok_or_else(missing)
    };
    let found = value(schema::META_FORMAT)?;
    if found > schema::FORMAT {
        return Err(StoreError::Newer { directory, found, known: schema::FORMAT });
    }
    let branch = value(schema::META_BRANCH)?;
    if branch != u64::from(owner.branch.value()) {
        let (found, expected) = (format!("branch {branch}"), format!("branch {}", owner.branch));
        return Err(StoreError::Foreign { directory, found, expected });
    }
    let bank = value(schema::META_BANK)?;
    let right = if found == schema::FORMAT_OF_ONE_LIFE { owner.bank_of_one_life } else { owner.bank };
    if bank != right {
        let name = |bank| format!("bank {bank:016x}");
        let expected = format!("{} (a bank is its branches, its accounts and their opening balances)", name(right));
        return Err(StoreError::Foreign { directory, found: name(bank), expected });
    }
    Ok(found)
}
