//! A data directory has what was saved there, whatever was saved, and after every reopening.

use std::path::Path;

use proptest::prelude::*;
use replibank::{
    replica::{AnswerChange, Delta, Disk, Entry, Life, Past, Remembered, Save},
    store::{Durability, Owner, Store},
    types::{AccountId, Amount, ClientId, Committed, Concern, Incarnation, MAX_AMOUNT, Origin, Refusal},
};

use crate::common::{delta, deposit, disk::Copy, disk::Place, origin, request_id, withdrawal};

const OWNER: Owner = Owner { branch: branch_one(), bank: 7, bank_of_one_life: 6 };

const fn branch_one() -> replibank::types::BranchId {
    match replibank::types::BranchId::new(1) {
        Some(branch) => branch,
        None => panic!("1 is an id"),
    }
}

fn open(directory: &Path) -> Store {
    Store::open(directory, OWNER, Durability::Buffered).expect("a sound directory of its own")
}

/// What happens to a disk.
#[derive(Clone, Debug)]
enum Step {
    /// Page, changed accounts, wish for receipts.
    Delta(u32, Vec<u64>, bool),
    /// Client, number, kind of outcome.
    Remember(u64, u64, usize),
    ForgetRequest(u64, u64),
    ForgetClient(u64),
    /// A life begins, with or without others before.
    Begin(bool),
    /// The steps so far leave as one save.
    Save,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..4_u32, prop::collection::vec(0..5_u64, 1..6), any::<bool>()).prop_map(|(id, accounts, wish)| Step::Delta(id, accounts, wish)),
        4 => (0..4_u64, 1..6_u64, 0..OUTCOMES.len()).prop_map(|(client, number, outcome)| Step::Remember(client, number, outcome)),
        1 => (0..4_u64, 1..6_u64).prop_map(|(client, number)| Step::ForgetRequest(client, number)),
        1 => (0..4_u64).prop_map(Step::ForgetClient),
        1 => any::<bool>().prop_map(Step::Begin),
        4 => Just(Step::Save),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}

/// One of each.
const OUTCOMES: [fn() -> Result<Committed, Refusal>; 13] = [
    || Ok(Committed { origin: origin(1), sequence: 9, balance: -5 }),
    || Ok(Committed { origin: Origin { incarnation: Incarnation(u64::MAX), ..origin(2) }, sequence: 1, balance: 0 }),
    || Err(Refusal::InvalidAmount { requested: 0 }),
    || Err(Refusal::UnknownAccount { account: AccountId(u64::MAX) }),
    || Err(Refusal::InsufficientFunds { available: i64::MIN, requested: amount(1) }),
    || Err(Refusal::TotalLimit { total: MAX_AMOUNT, requested: amount(MAX_AMOUNT) }),
    || Err(Refusal::RequestConflict { request: request_id(1, 2) }),
    || Err(Refusal::RequestExpired { request: request_id(u64::MAX, 0) }),
    || Err(Refusal::Overloaded { limit: 5 }),
    || Err(Refusal::VersionNotReached),
    || Err(Refusal::VersionLost { origin: Origin { incarnation: Incarnation(9), ..origin(2) }, most: 7 }),
    || Err(Refusal::ConcernNotReached { concern: Concern::Majority, reached: 1, needed: 2 }),
    || Err(Refusal::ConcernNotReached { concern: Concern::All, reached: 0, needed: 9 }),
];

fn amount(value: u64) -> Amount {
    Amount::new(value).expect("an amount")
}

/// A save that begins where `disk` is.
struct Draft {
    save: Save,
}

impl Draft {
    fn delta(&mut self, disk: &Copy, id: u32, accounts: &[u64], wish: bool) {
        if self.save.deltas.iter().any(|delta| delta.origin == origin(id)) {
            return;
        }
        let page = disk.0.pages.iter().find(|page| page.origin == origin(id));
        let base = page.map_or(0, |page| page.sequence);
        let mut next = delta(id, base, base + accounts.len() as u64, &[]);
        for (sequence, &account) in (base + 1..).zip(accounts) {
            next.entries.retain(|entry| entry.account.0 != account);
            next.entries.push(Entry {
                account: AccountId(account),
                sequence,
                deposited: 3 * sequence,
                withdrawn: sequence,
            });
        }
        if base > 0 && accounts.len() > 3 {
            let earlier = Origin { incarnation: Incarnation(u64::from(wish)), ..origin(id) };
            next.past.push(Past { from: base + 1, origin: earlier, sequence: base });
        }
        next.confirm_through = if wish { next.sequence } else { page.map_or(0, |page| page.confirm_through) };
        self.save.deltas.push(next);
    }

    fn take(&mut self) -> Save {
        let number = self.save.number;
        std::mem::replace(&mut self.save, Save { number: number + 1, ..Save::default() })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn prop_a_directory_is_equal_to_the_simplest_disk(steps in steps()) {
        let place = Place::new();
        let mut store = Some(open(place.path()));
        let mut copy = Copy::default();
        let mut draft = Draft { save: Save { number: 1, ..Save::default() } };
        let mut order = 0;
        for step in steps {
            match step {
                Step::Begin(had_others) => {
                    let number = Incarnation(copy.0.lives.last().map_or(0, |life| life.0 + 7));
                    draft.save.begins = Some(Life { number, had_others });
                }
                Step::Delta(id, accounts, wish) => draft.delta(&copy, id, &accounts, wish),
                Step::Remember(client, number, outcome) => {
                    let request = request_id(client, number);
                    // A replica decides each request once.
                    draft.save.answers.push(AnswerChange::ForgetRequest(request));
                    let operation = if number % 2 == 0 { deposit(client, number) } else { withdrawal(number, 1) };
                    let outcome = OUTCOMES[outcome]();
                    order += 1;
                    draft.save.answers.push(AnswerChange::Remember(Remembered { request, operation, outcome, order }));
                }
                Step::ForgetRequest(client, number) => {
                    draft.save.answers.push(AnswerChange::ForgetRequest(request_id(client, number)));
                }
                Step::ForgetClient(client) => draft.save.answers.push(AnswerChange::ForgetClient(ClientId(client))),
                Step::Save => {
                    let save = draft.take();
                    let Ok(()) = copy.save(&save);
                    store.as_mut().unwrap().save(&save).expect("a disk that works");
                }
                Step::Reopen => {
                    drop(store.take());
                    store = Some(open(place.path()));
                }
            }
            let Ok(wanted) = copy.load();
            prop_assert_eq!(store.as_mut().unwrap().load(), Ok(wanted));
        }
    }
}

#[test]
fn a_new_directory_is_empty_and_stays_so_until_something_is_saved() {
    let place = Place::new();
    let inner = place.path().join("made/too");
    let mut store = open(&inner);
    assert_eq!(store.load(), Ok(Default::default()));
    drop(store);
    for durability in [Durability::Synced, Durability::Buffered] {
        let mut again = Store::open(&inner, OWNER, durability).expect("its own directory");
        assert_eq!(again.load(), Ok(Default::default()));
    }
}

#[test]
fn a_save_that_does_not_begin_where_the_disk_is_changes_nothing() {
    let place = Place::new();
    let mut store = open(place.path());
    let save = |number, delta: Delta| Save { number, deltas: vec![delta], ..Save::default() };
    store.save(&save(1, delta(1, 0, 1, &[(0, 1, 5, 0)]))).expect("the first save");
    let before = store.load();
    let gap = store.save(&save(2, delta(1, 3, 4, &[(0, 4, 9, 0)]))).expect_err("2 and 3 are missing");
    assert!(gap.to_string().contains("begins at 3, but 1 is what was saved"), "{gap}");
    assert_eq!(store.load(), before);
}
