//! fjall: an LSM tree with a journal.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::{Outcome, Record, Store};

pub struct Fjall {
    database: Database,
    entries: Keyspace,
    answers: Keyspace,
    mode: PersistMode,
}

impl Store for Fjall {
    fn open(directory: &Path, synced: bool) -> Outcome<Self> {
        let database = Database::builder(directory).open()?;
        let entries = database.keyspace("entries", KeyspaceCreateOptions::default)?;
        let answers = database.keyspace("answers", KeyspaceCreateOptions::default)?;
        let mode = if synced { PersistMode::SyncData } else { PersistMode::Buffer };
        Ok(Self { database, entries, answers, mode })
    }

    fn commit(&mut self, records: &[Record]) -> Outcome<()> {
        let mut batch = self.database.batch().durability(Some(self.mode));
        for record in records {
            let mut key = [0; 20];
            key[..4].copy_from_slice(&1_u32.to_be_bytes());
            key[12..].copy_from_slice(&record.account.to_be_bytes());
            let mut value = [0; 24];
            value[..8].copy_from_slice(&record.number.to_be_bytes());
            batch.insert(&self.entries, key, value);
            let mut key = [0; 16];
            key[8..].copy_from_slice(&record.number.to_be_bytes());
            batch.insert(&self.answers, key, [7; 50]);
        }
        Ok(batch.commit()?)
    }

    fn count(&self) -> Outcome<u64> {
        Ok(self.answers.iter().map(|guard| guard.key().map(|_| 1_u64)).sum::<Result<_, _>>()?)
    }
}
