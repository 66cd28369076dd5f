//! Directories that an earlier version of this package wrote.

use redb::{Database, ReadableTable};

use super::{directory, owner::Owner, schema};

/// Format 1 had one life, which every start went on with, and did not say what it had forgotten: so all that it may
/// have is taken as forgotten. In one transaction: whoever is interrupted begins again.
pub(super) fn from_one_life(database: &Database, owner: Owner) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    directory::make_tables(&transaction)?;
    {
        let mut meta = transaction.open_table(schema::META)?;
        let life = meta.remove(schema::META_INCARNATION)?.map_or(0, |life| life.value());
        meta.insert(schema::META_FORMAT, schema::FORMAT)?;
        meta.insert(schema::META_BANK, owner.bank)?;
        meta.insert(schema::META_HAD_OTHERS, u64::from(life > 0))?;
        meta.insert(schema::META_FORGOT_CLIENTS, 1)?;
        transaction.open_table(schema::LIVES)?.insert(life, ())?;
        let answers = transaction.open_table(schema::ANSWERS)?;
        let mut requests = transaction.open_table(schema::REQUESTS)?;
        let mut forgotten = transaction.open_table(schema::FORGOTTEN)?;
        for (order, row) in (1_u64..).zip(answers.iter()?) {
            let (key, answer) = row?;
            let (client, number) = key.value();
            requests.insert((client, number), (answer.value(), order))?;
            if forgotten.get(client)?.is_none() {
                forgotten.insert(client, number.saturating_sub(1))?;
            }
        }
    }
    transaction.delete_table(schema::ANSWERS)?;
    transaction.commit()?;
    Ok(())
}
