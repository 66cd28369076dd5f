//! redb, in one phase (one fsync a commit) or two.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use redb::{Database, ReadableDatabase, ReadableTableMetadata, StorageBackend, TableDefinition};

use crate::{Outcome, Record, Store};

const ENTRIES: TableDefinition<(u32, u64, u64), (u64, u64, u64)> = TableDefinition::new("entries");
const ANSWERS: TableDefinition<(u64, u64), [u8; 50]> = TableDefinition::new("answers");

pub struct Redb<const PHASES: u8>(Database);

#[derive(Debug)]
struct Backend {
    file: File,
    synced: bool,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.synced { self.file.sync_data() } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, offset)
    }
}

impl<const PHASES: u8> Store for Redb<PHASES> {
    fn open(directory: &Path, synced: bool) -> Outcome<Self> {
        let path = directory.join("redb");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut builder = Database::builder();
        builder.set_check_integrity_on_open(true);
        Ok(Self(builder.create_with_backend(Backend { file, synced })?))
    }

    fn commit(&mut self, records: &[Record]) -> Outcome<()> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_two_phase_commit(PHASES == 2);
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            let mut answers = transaction.open_table(ANSWERS)?;
            for record in records {
                entries.insert((1, 1, record.account), (record.number, record.number, 0))?;
                answers.insert((1, record.number), [7; 50])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.0.begin_read()?.open_table(ANSWERS)?.len()?)
    }
}
