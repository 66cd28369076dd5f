//! What is wrong with a data directory is said, never guessed at, and nothing in it is changed: bits
//! that flipped, ends that are missing, a disk that fills, an owner that is another, a second process.

use std::{fs, path::Path};

use replibank::{
    replica::{AnswerChange, Disk, Remembered, Save, Saved},
    store::{Durability, Owner, Store, StoreError},
    types::Committed,
};

use crate::common::{branch, delta, deposit, disk::Place, origin, request_id};

const DATABASE: &str = "branch.redb";

/// The part of the file that redb's own checksums do not cover whole.
const HEADER: usize = 320;

fn owner() -> Owner {
    Owner { branch: branch(1), bank: 7, bank_of_one_life: 6 }
}

fn try_open(directory: &Path) -> Result<Store, StoreError> {
    Store::open(directory, owner(), Durability::Buffered)
}

fn open(directory: &Path) -> Store {
    try_open(directory).expect("a sound directory of its own")
}

/// Save `number` of a branch that deposits to many accounts.
fn save(number: u64) -> Save {
    let base = (number - 1) * 40;
    let entries: Vec<_> = (1..=40).map(|i| (number * 100 + i, base + i, 5 * number, i)).collect();
    let remember = |i| {
        let committed = Committed { origin: origin(1), sequence: base + i, balance: 1 };
        let request = request_id(number, i);
        let (operation, order) = (deposit(i, number), number * 100 + i);
        AnswerChange::Remember(Remembered { request, operation, outcome: Ok(committed), order })
    };
    let answers = (1..=40).map(remember).collect();
    Save { number, deltas: vec![delta(1, base, base + 40, &entries)], answers, ..Save::default() }
}

fn saved(store: &mut Store, numbers: std::ops::RangeInclusive<u64>) -> Saved {
    for number in numbers {
        store.save(&save(number)).expect("a disk that works");
    }
    store.load().expect("what was saved")
}

/// A directory that was closed, or whose process was killed; what it has, and the file's bytes.
fn directory(killed: bool) -> (Place, Saved, Vec<u8>) {
    let place = Place::new();
    let mut store = open(place.path());
    let content = saved(&mut store, 1..=20);
    if killed {
        store.fuse().blow();
    }
    drop(store);
    let bytes = fs::read(place.path().join(DATABASE)).expect("the file");
    (place, content, bytes)
}

/// What opening says of these bytes: `None` if all is well.
fn outcome(place: &Place, bytes: &[u8], content: &Saved, what: &str) -> Option<StoreError> {
    let path = place.path().join(DATABASE);
    fs::write(&path, bytes).expect("the file is written");
    match try_open(place.path()) {
        Ok(mut store) => {
            assert!(store.load().as_ref() == Ok(content), "{what}: other content without a word");
            None
        }
        Err(error) => {
            assert!(fs::read(path).expect("the file") == bytes, "{error}: but the file was changed");
            assert!(matches!(error, StoreError::Damaged { .. } | StoreError::Failed { .. }), "{error:?}");
            Some(error)
        }
    }
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    for killed in [false, true] {
        let (place, content, sound) = directory(killed);
        assert_eq!(outcome(&place, &sound, &content, "sound"), None);
        let header = (0..8 * HEADER).collect::<Vec<_>>();
        let mut random = fastrand::Rng::with_seed(42);
        let anywhere: Vec<_> = (0..1500).map(|_| random.usize(..8 * sound.len())).collect();
        let mut found = 0;
        for bit in header.into_iter().chain(anywhere) {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let what = format!("bit {} of byte {}, killed: {killed}", bit % 8, bit / 8);
            found += usize::from(outcome(&place, &bytes, &content, &what).is_some());
        }
        assert!(found > 500, "only {found} were found");
    }
}

#[test]
fn many_flipped_bits_are_found_or_harmless() {
    let (place, content, sound) = directory(false);
    let mut random = fastrand::Rng::with_seed(7);
    let mut found = 0;
    for _ in 0..300 {
        let mut bytes = sound.clone();
        let begin = random.usize(4096..bytes.len() - 512);
        bytes[begin..begin + 512].iter_mut().for_each(|byte| *byte = random.u8(..));
        found += usize::from(outcome(&place, &bytes, &content, &format!("512 bytes at {begin}")).is_some());
    }
    assert!(found > 50, "only {found} were found");
}

#[test]
fn every_missing_end_is_found_or_harmless() {
    for killed in [false, true] {
        let (place, content, sound) = directory(killed);
        let mut random = fastrand::Rng::with_seed(43);
        let places = [0, 1, 9, 64, HEADER, 4095, 4096, 4097, 8192, 12_288, sound.len() - 1, sound.len() - 4096];
        let pages = (1..60).map(|i| sound.len() / 60 / 4096 * 4096 * i);
        let anywhere = (0..200).map(|_| random.usize(..sound.len()));
        let mut found = 0;
        let mut tried = 0;
        for len in places.into_iter().chain(pages).chain(anywhere) {
            found += usize::from(outcome(&place, &sound[..len], &content, &format!("cut to {len}")).is_some());
            tried += 1;
        }
        assert!(found * 10 > tried * 9, "only {found} of {tried} were found");
        let empty = outcome(&place, &[], &content, "nothing").expect("no database");
        assert!(empty.to_string().contains("its file is empty"), "{empty}");
    }
}

/// Whatever the moment, the disk has the save or does not; if it said so, it has it.
#[test]
fn a_save_that_is_cut_off_anywhere_happened_or_did_not() {
    let (place, before, sound) = directory(true);
    let path = place.path().join(DATABASE);
    let mut after = None;
    let (mut lost, mut kept) = (0, 0);
    for bytes in (0..400_000).step_by(997) {
        fs::write(&path, &sound).expect("the file is written");
        let mut store = open(place.path());
        store.fuse().leave(bytes);
        let done = store.save(&save(21)).is_ok();
        store.fuse().blow();
        drop(store);
        let content = open(place.path()).load().expect("a sound directory");
        if done {
            let full = after.get_or_insert_with(|| content.clone());
            assert!(content == *full && *full != before, "an acknowledged save was lost");
            kept += 1;
            if kept > 20 {
                break;
            }
        } else if content == before {
            lost += 1;
        }
    }
    assert!(lost > 5 && kept > 5, "{lost} lost, {kept} kept");
}

#[test]
fn a_full_disk_is_said_and_costs_nothing_that_was_acknowledged() {
    let place = Place::new();
    let mut store = open(place.path());
    let mut content = saved(&mut store, 1..=3);
    store.fuse().leave(200_000);
    let mut number = 4;
    let error = loop {
        match store.save(&save(number)) {
            Ok(()) => content = store.load().expect("what was saved"),
            Err(error) => break error,
        }
        number += 1;
    };
    let directory = place.path().display();
    assert_eq!(error.to_string(), format!("data directory {directory}: no space left on device"));
    drop(store);
    assert_eq!(open(place.path()).load(), Ok(content));
}

#[test]
fn anothers_directory_is_refused_by_both_names() {
    let (place, content, bytes) = directory(false);
    let refused = |owner, says: &str| {
        let error = Store::open(place.path(), owner, Durability::Synced).expect_err("not its own");
        assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    };
    refused(Owner { branch: branch(2), ..owner() }, "is that of branch 1, not of branch 2");
    refused(Owner { bank: 8, ..owner() }, "is that of bank 0000000000000007, not of bank 0000000000000008");
    assert_eq!(fs::read(place.path().join(DATABASE)).expect("the file"), bytes, "it is as it was");
    assert_eq!(outcome(&place, &bytes, &content, "sound"), None);
}

#[test]
fn a_newer_format_is_refused_by_both_numbers() {
    let (place, _, _) = directory(false);
    let path = place.path().join(DATABASE);
    let database = redb::Database::open(&path).expect("a database");
    let transaction = database.begin_write().expect("a transaction");
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(meta).expect("the table").insert("format", 3).expect("a write");
    transaction.commit().expect("a commit");
    drop(database);
    let bytes = fs::read(&path).expect("the file");
    let error = try_open(place.path()).expect_err("a newer format");
    assert!(error.to_string().contains("has format 3, and format 2 is the latest known here"), "{error}");
    assert_eq!(fs::read(path).expect("the file"), bytes, "it is as it was");
}

#[test]
fn a_second_opener_is_refused_until_the_first_has_gone() {
    let place = Place::new();
    let store = open(place.path());
    let error = try_open(place.path()).expect_err("it is taken");
    assert_eq!(error, StoreError::InUse { directory: place.path().to_owned() });
    drop(store);
    drop(open(place.path()));
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let place = Place::new();
    let path = place.path().join(DATABASE);
    for bytes in [&b"my diary"[..], &[0; 100_000]] {
        fs::write(&path, bytes).expect("a file");
        let error = try_open(place.path()).expect_err("no database");
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert_eq!(fs::read(&path).expect("the file"), bytes);
    }
    let file = place.path().join("a file");
    fs::write(&file, "x").expect("a file");
    assert!(matches!(try_open(&file).expect_err("no directory"), StoreError::Failed { .. }));
}

/// A process that was killed while it made its directory left a part of it.
#[test]
fn an_unfinished_directory_is_made_anew() {
    let place = Place::new();
    fs::write(place.path().join("branch.redb.new"), "half").expect("a file");
    assert_eq!(open(place.path()).load(), Ok(Saved::default()));
}
