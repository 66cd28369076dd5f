//! Branches that are killed and come back while customers write: what was acknowledged is there, once,
//! if the branch has a data directory; and what its peers had, if it has none.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use replibank::{
    bank::{Bank, BankConfig, BankError},
    customer::{Customer, CustomerError},
    store::Durability,
    types::{AccountId, Concern, Origin, Propagation, Terms},
};

use crate::common::{branch, deposit, disk::Place, withdrawal};

const SOON: Duration = Duration::from_secs(20);

/// How often each test kills: more if REPLIBANK_KILLS says so.
fn kills() -> u32 {
    std::env::var("REPLIBANK_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8)
}

/// What one customer was told: its acknowledged deposits by origin, and how many have no known fate.
#[derive(Default, Debug)]
struct Told {
    acknowledged: BTreeMap<Origin, Vec<u64>>,
    unknown: u64,
}

/// Deposits 1 at a time until told to stop.
async fn deposit_on(address: SocketAddr, patience: replibank::types::Duration, stop: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    let customer = Customer::connect(&address.to_string(), SOON).await.expect("the branch is there, or will be");
    while !stop.load(Ordering::Relaxed) {
        let terms = Terms { wait: patience, ..Terms::default() };
        match customer.write(deposit(0, 1), &terms).await {
            Ok(committed) => told.acknowledged.entry(committed.origin).or_default().push(committed.sequence),
            Err(error) if error.may_have_happened() => told.unknown += 1,
            Err(error) => assert!(matches!(error, CustomerError::Refused(_)), "{error}"),
        }
    }
    told
}

async fn balances(bank: &Bank) -> Vec<i64> {
    let statuses = bank.statuses(SOON).await.expect("every branch answers");
    statuses.into_values().map(|status| status.snapshot.balances[&AccountId::DEFAULT]).collect()
}

/// Kills branches at random moments while every branch has two customers; returns what they were told,
/// and what every branch has at the end.
async fn storm(bank: &Bank) -> (Vec<Told>, i64) {
    let stop = Arc::new(AtomicBool::new(false));
    let mut random = fastrand::Rng::new();
    let mut customers = tokio::task::JoinSet::new();
    for &address in bank.addresses().values() {
        // A patient one tries again until its branch is back; the other one gives up soon.
        for patience in [20_000, 30] {
            customers.spawn(deposit_on(address, replibank::types::Duration::milliseconds(patience), stop.clone()));
        }
    }
    for _ in 0..kills() {
        tokio::time::sleep(Duration::from_micros(random.u64(1..60_000))).await;
        let victim = branch(random.u32(1..=3));
        bank.kill(victim).await.expect("it runs");
        tokio::time::sleep(Duration::from_micros(random.u64(1..20_000))).await;
        bank.restart(victim).await.expect("it comes back");
    }
    stop.store(true, Ordering::Relaxed);
    let told = customers.join_all().await;
    bank.wait_until_converged(SOON).await.expect("the bank converges");
    let balances = balances(bank).await;
    assert_eq!(balances.len(), 3);
    assert!(balances.iter().all(|&balance| balance == balances[0]), "{balances:?}");
    (told, balances[0])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn durable_branches_lose_nothing_that_they_acknowledged() {
    for (propagation, durability) in
        [(Propagation::Stream, Durability::Synced), (Propagation::Unary, Durability::Buffered)]
    {
        let place = Place::new();
        let config = BankConfig {
            propagation,
            durability,
            data_dir: Some(place.path().to_owned()),
            ..BankConfig::new((1..=3).map(branch), 400)
        };
        let bank = Bank::start(config.clone()).await.expect("the bank starts");
        let (told, balance) = storm(&bank).await;
        let mut sequences: BTreeMap<Origin, Vec<u64>> = BTreeMap::new();
        for (&origin, acknowledged) in told.iter().flat_map(|told| &told.acknowledged) {
            sequences.entry(origin).or_default().extend(acknowledged);
        }
        assert!(sequences.len() > 3, "each start is a life of its own: {:?}", sequences.keys());
        let acknowledged: i64 = sequences.values().map(|sequences| sequences.len() as i64).sum();
        let unknown: i64 = told.iter().map(|told| told.unknown as i64).sum();
        assert!(
            (acknowledged..=acknowledged + unknown).contains(&(balance - 400)),
            "{acknowledged} {unknown} {balance}"
        );
        assert!(acknowledged > 100, "only {acknowledged} deposits were acknowledged");
        let version = bank.statuses(SOON).await.expect("they answer").remove(&branch(1)).unwrap().snapshot.version;
        assert_eq!(version.iter().count(), 3, "a version has one entry a branch: {version}");
        for mut sequences in sequences.into_values() {
            let count = sequences.len();
            sequences.sort_unstable();
            sequences.dedup();
            assert_eq!(sequences.len(), count, "one place on the page for each deposit");
        }
        bank.close().await;

        let again = Bank::start(config).await.expect("the bank starts again");
        assert_eq!(balances(&again).await, [balance; 3], "close() leaves everything on disk");
        again.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_without_data_begins_a_new_life_and_hears_of_its_old_one() {
    let ways = [Propagation::Stream, Propagation::Unary].map(|way| [(way, 20), (way, 0)]);
    for (propagation, meanwhile) in ways.into_iter().flatten() {
        let bank = Bank::start(BankConfig { propagation, ..BankConfig::new((1..=3).map(branch), 400) }).await;
        let bank = bank.expect("the bank starts");
        let everywhere = Terms { concern: Concern::All, ..Terms::default() };
        let customer = bank.customer(branch(2), SOON).await.expect("it is served");
        let first = customer.write(deposit(0, 70), &everywhere).await.expect("a deposit");
        bank.kill(branch(2)).await.expect("it runs");
        let other = bank.customer(branch(1), SOON).await.expect("it is served");
        if meanwhile > 0 {
            other.write(withdrawal(0, meanwhile), &Terms::default()).await.expect("the others go on");
        }
        assert_eq!(bank.statuses(SOON).await.expect("the others answer").len(), 2);
        bank.restart(branch(2)).await.expect("it comes back");
        bank.wait_until_converged(SOON).await.unwrap_or_else(|error| panic!("{propagation} {meanwhile}: {error}"));
        assert_eq!(balances(&bank).await, [470 - meanwhile as i64; 3], "{propagation}");
        // A deposit whose first try met the connection that the kill had broken would be refused as expired: this
        // branch cannot know what became of it. A query is tried again until there is a connection.
        let seen = customer.query(AccountId::DEFAULT, false, &Terms::default()).await.expect("it is served again");
        assert_eq!(seen.balance, 470 - meanwhile as i64, "{propagation}");
        let second = customer.write(deposit(0, 5), &everywhere).await.expect("the old customer goes on");
        assert_eq!(second.origin.branch, first.origin.branch);
        assert_ne!(second.origin, first.origin, "a new page");
        assert_eq!(balances(&bank).await, [475 - meanwhile as i64; 3], "{propagation}");
        bank.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_and_restarting_say_what_is_the_matter() {
    let bank = Bank::start(BankConfig::new((1..=2).map(branch), 400)).await.expect("the bank starts");
    assert_eq!(bank.restart(branch(2)).await, Err(BankError::AlreadyRunning { branch: branch(2) }));
    assert!(matches!(bank.kill(branch(3)).await, Err(BankError::UnknownBranch { .. })));
    bank.kill(branch(2)).await.expect("it runs");
    assert_eq!(bank.kill(branch(2)).await, Err(BankError::NotRunning { branch: branch(2) }));
    let late = bank.customer(branch(2), Duration::from_millis(50)).await.map(drop);
    assert!(matches!(late, Err(BankError::Customer(CustomerError::Unreachable { .. }))), "{late:?}");
    bank.restart(branch(2)).await.expect("it comes back");
    bank.customer(branch(2), SOON).await.expect("it is served again");
    bank.close().await;
    assert_eq!(bank.kill(branch(1)).await, Err(BankError::Closed));
    assert_eq!(bank.restart(branch(1)).await, Err(BankError::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_data_directory_serves_one_bank() {
    let place = Place::new();
    let config = BankConfig {
        data_dir: Some(place.path().to_owned()),
        durability: Durability::Buffered,
        ..BankConfig::new((1..=2).map(branch), 400)
    };
    let bank = Bank::start(config.clone()).await.expect("the bank starts");
    let error = Bank::start(config.clone()).await.map(drop).expect_err("the directory is taken");
    assert!(error.to_string().contains("is in use by another process or branch"), "{error}");
    bank.close().await;
    let other = BankConfig { accounts: BTreeMap::from([(AccountId::DEFAULT, 500)]), ..config.clone() };
    let error = Bank::start(other).await.map(drop).expect_err("it is of another bank");
    assert!(matches!(&error, BankError::Store { reason, .. } if reason.contains("is that of bank")), "{error}");
    Bank::start(config).await.expect("nothing was changed").close().await;
}
