//! A directory of an earlier version of this package is taken over, with everything in it.

use std::path::Path;

use redb::{Database, TableDefinition};
use replibank::{
    replica::{Disk, Input, Output, Replica, Request},
    store::{Durability, Owner, Store},
    topology::Shape,
    types::{AccountId, Action, Answer, Committed, Incarnation, Origin, Propagation, Refusal, Terms, Tried},
};

use crate::common::{ACCOUNT, bank, branch, deposit, disk::Place, request, request_id, step};

const OWNER: Owner = Owner { branch: replibank::types::BranchId::new(1).unwrap(), bank: 7, bank_of_one_life: 6 };
const LIFE: u64 = 1_700_000_000_000_000;

/// What format 1 was: one life, and answers without an order. Client 3 deposited 40 under number 9, which is
/// operation 2; a peer's page has 5.
fn write_format_1(directory: &Path) -> Result<(), redb::Error> {
    let database = Database::create(directory.join("branch.redb"))?;
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(TableDefinition::<&str, u64>::new("meta"))?;
        for (name, value) in [("format", 1), ("bank", OWNER.bank_of_one_life), ("branch", 1), ("incarnation", LIFE)] {
            meta.insert(name, value)?;
        }
        let mut pages = transaction.open_table(TableDefinition::<(u32, u64), (u64, u64)>::new("pages"))?;
        pages.insert((1, LIFE), (2, 0))?;
        pages.insert((2, 0), (1, 0))?;
        let mut entries =
            transaction.open_table(TableDefinition::<(u32, u64, u64), (u64, u64, u64)>::new("entries"))?;
        entries.insert((1, LIFE, 0), (2, 140, 0))?;
        entries.insert((2, 0, 0), (1, 5, 0))?;
        type Row = (u8, u64, u64, u8, (u64, u64, u64, u64));
        let mut answers = transaction.open_table(TableDefinition::<(u64, u64), Row>::new("answers"))?;
        answers.insert((3, 9), (0, 0, 40, 0, (1, LIFE, 2, 140)))?;
    }
    transaction.commit()?;
    Ok(())
}

/// What a retry of client 3's is told.
fn retry(replica: &mut Replica, store: &mut Store, number: u64) -> Vec<Answer> {
    let again = request(number, Action::Write(deposit(ACCOUNT, 40)));
    let terms = Terms { tried: Tried::Sometime, ..again.terms.clone() };
    let again = Request { id: Some(request_id(3, number)), terms, ..again };
    let mut outputs = step(replica, Input::Request(again));
    while let Some(save) = replica.poll_save() {
        store.save(&save).unwrap();
        outputs.extend(step(replica, Input::Saved(save.number)));
    }
    let answers = outputs.into_iter().filter_map(|output| match output {
        Output::Reply { answer, .. } => Some(answer),
        Output::Ready(_) | Output::Save | Output::Faulty { .. } => None,
    });
    answers.collect()
}

#[test]
fn directory_of_one_life_goes_on_with_a_new_one_and_loses_nothing() {
    let place = Place::new();
    write_format_1(place.path()).unwrap();
    for _ in 0..2 {
        let mut store = Store::open(place.path(), OWNER, Durability::Buffered).expect("it is taken over");
        let saved = store.load().unwrap();
        assert_eq!(saved.lives, [Incarnation(LIFE)]);
        assert_eq!((saved.pages.len(), saved.answers.len()), (2, 1));
        assert!(saved.forgot_clients && saved.had_others);
        assert_eq!(saved.forgotten, [(request_id(3, 0).client, 8)]);
    }
    let mut store = Store::open(place.path(), OWNER, Durability::Buffered).unwrap();
    let config = bank(2, 1, Shape::Mesh, Propagation::Stream).swap_remove(0);
    let opening = config.accounts[&AccountId(0)];
    let mut replica = Replica::recover(config, &store.load().unwrap()).unwrap();
    let own = Origin { branch: branch(1), incarnation: Incarnation(LIFE + 1) };
    assert_eq!(replica.own(), own);
    assert_eq!(replica.balances()[&AccountId(0)], opening + 145);
    // A remembered answer is given again; what may have been forgotten is not executed.
    let committed = Committed { origin: Origin { incarnation: Incarnation(LIFE), ..own }, sequence: 2, balance: 140 };
    assert_eq!(retry(&mut replica, &mut store, 9), [Answer::Committed(committed)]);
    assert_eq!(
        retry(&mut replica, &mut store, 8),
        [Answer::Refused(Refusal::RequestExpired { request: request_id(3, 8) })]
    );
}
