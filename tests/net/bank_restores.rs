//! Directories that come back from older copies, and second processes on copies of them, while customers write: what
//! was acknowledged for most branches is there at the end, once. REPLIBANK_RESTORES says how often.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use replibank::{
    bank::{Bank, BankConfig, BranchConfig, Served},
    branch::Data,
    customer::{Customer, CustomerError},
    store::Durability,
    topology::Shape,
    types::{AccountId, BranchId, Concern, Origin, Propagation, Terms},
};
use tokio::{task::JoinSet, time::sleep};

use crate::common::{branch, deposit, disk::Place};

const SOON: Duration = Duration::from_secs(60);
const BRANCHES: u32 = 3;
/// The account that customers of second processes write to; the others have one each.
const CLONES: u64 = 0;
const ACCOUNTS: u64 = 1 + 2 * BRANCHES as u64;
/// What is acknowledged in each act of the play, at least.
const DEPOSITS: u64 = 20;

/// How often an older copy comes back, and as often a second process runs on one: half of all.
fn rounds() -> u32 {
    std::env::var("REPLIBANK_RESTORES").map_or(6, |count| count.parse::<u32>().expect("a number")).div_ceil(2)
}

/// What one customer was told: its acknowledged deposits by origin, and how many have no known fate.
#[derive(Default, Debug)]
struct Told {
    account: u64,
    acknowledged: BTreeMap<Origin, Vec<u64>>,
    unknown: u64,
}

/// Deposits 1 at a time at one process until told to stop. One who tried there tries nowhere else.
async fn deposit_on(
    address: SocketAddr,
    account: u64,
    patience: replibank::types::Duration,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
) -> Told {
    let mut told = Told { account, ..Told::default() };
    let customer = Customer::connect(&address.to_string(), SOON).await.expect("the branch is there, or will be");
    let terms = Terms { wait: patience, concern: Concern::Majority, ..Terms::default() };
    while !stop.load(Ordering::Relaxed) {
        match customer.write(deposit(account, 1), &terms).await {
            Ok(committed) => {
                told.acknowledged.entry(committed.origin).or_default().push(committed.sequence);
                count.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                told.unknown += u64::from(error.may_have_happened());
                assert!(!matches!(error, CustomerError::Closed { .. }), "{error}");
                // A process that serves nobody any more says so at once.
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
    told
}

/// Waits for something that must come.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < SOON, "{what} never came");
        sleep(Duration::from_millis(2)).await;
    }
}

/// So many more deposits.
async fn more(count: &AtomicU64) {
    let enough = count.load(Ordering::Relaxed) + DEPOSITS;
    until("acknowledgements", async || count.load(Ordering::Relaxed) >= enough).await;
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).expect("a new directory");
    for file in fs::read_dir(from).expect("a directory") {
        let file = file.expect("a file");
        fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
    }
}

struct Play {
    place: Place,
    bank: Bank,
    config: BankConfig,
    count: Arc<AtomicU64>,
    random: fastrand::Rng,
}

impl Play {
    fn directory(&self, id: BranchId) -> PathBuf {
        self.place.path().join(format!("branch-{id}"))
    }

    /// What every branch that runs has now, all of them have.
    async fn settle(&self) {
        self.bank.wait_until_converged(SOON).await.expect("it converges");
    }

    /// A branch goes back to an older copy of its directory. What it had told most branches, another one has.
    async fn restore(&mut self, id: BranchId) {
        let (own, older) = (self.directory(id), self.place.path().join("older"));
        self.bank.kill(id).await.expect("it runs");
        copy(&own, &older);
        self.bank.restart(id).await.expect("it comes back");
        more(&self.count).await;
        self.settle().await;
        more(&self.count).await;
        self.bank.kill(id).await.expect("it runs");
        copy(&older, &own);
        self.bank.restart(id).await.expect("it goes on with the older copy");
        more(&self.count).await;
        self.settle().await;
    }

    /// A second process serves a branch, on a copy of its directory, until the first has found out and has ended; and
    /// later ends too. The branch goes on with the directory of either.
    async fn clone(&mut self, id: BranchId) -> Told {
        let (own, copied) = (self.directory(id), self.place.path().join("copied"));
        self.bank.kill(id).await.expect("it runs");
        copy(&own, &copied);
        self.bank.restart(id).await.expect("it comes back");
        if self.random.bool() {
            more(&self.count).await;
        }
        let others = self.bank.addresses().iter().filter(|(other, _)| **other != id);
        let config = BranchConfig {
            id,
            listen: "127.0.0.1:0".to_owned(),
            peers: others.map(|(&other, address)| (other, Some(address.to_string()))).collect(),
            accounts: self.config.accounts.clone(),
            shape: Shape::default(),
            propagation: self.config.propagation,
            propagation_delay: Duration::ZERO,
            data: Some(Data { directory: copied.clone(), durability: self.config.durability }),
        };
        let second = Served::start(config).await.expect("it is served");
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let patience = replibank::types::Duration::milliseconds(20_000);
        let customer = tokio::spawn(deposit_on(second.address(), CLONES, patience, stop.clone(), count.clone()));
        more(&count).await;
        until("the end of the first", async || self.bank.failures().await.contains_key(&id)).await;
        more(&count).await;
        stop.store(true, Ordering::Relaxed);
        let told = customer.await.expect("it ends");
        assert_eq!(second.failure(), None, "the later one goes on");
        assert_eq!(second.close().await, 0, "all that it has, others have");
        drop(second);
        self.bank.kill(id).await.expect("it has ended by itself, and was not killed");
        if self.random.bool() {
            copy(&copied, &own);
        }
        self.bank.restart(id).await.expect("it comes back");
        more(&self.count).await;
        self.settle().await;
        told
    }
}

async fn outlives(propagation: Propagation) {
    let place = Place::new();
    let config = BankConfig {
        propagation,
        accounts: (0..ACCOUNTS).map(|account| (AccountId(account), 0)).collect(),
        data_dir: Some(place.path().to_owned()),
        durability: Durability::Buffered,
        ..BankConfig::new((1..=BRANCHES).map(branch), 0)
    };
    let bank = Bank::start(config.clone()).await.expect("the bank starts");
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut customers = JoinSet::new();
    for (account, &address) in (1..).step_by(2).zip(bank.addresses().values()) {
        // A patient one tries again until its branch is back; the other one gives up soon.
        for (account, patience) in [(account, 20_000), (account + 1, 30)] {
            let patience = replibank::types::Duration::milliseconds(patience);
            customers.spawn(deposit_on(address, account, patience, stop.clone(), count.clone()));
        }
    }
    let mut play = Play { place, bank, config, count, random: fastrand::Rng::new() };
    let mut told = Vec::new();
    let began = Instant::now();
    for _ in 0..rounds() {
        let id = branch(play.random.u32(1..=BRANCHES));
        play.restore(id).await;
        // On streams, the lower of two branches dials the other: so the last one's second process would meet nobody.
        let id = branch(play.random.u32(1..BRANCHES));
        told.push(play.clone(id).await);
    }
    stop.store(true, Ordering::Relaxed);
    told.extend(customers.join_all().await);
    play.settle().await;
    let acknowledged = check(&play.bank, &told).await;
    let unknown: u64 = told.iter().map(|told| told.unknown).sum();
    println!(
        "{propagation}: {} older copies, as many clones, {acknowledged} acknowledged, {unknown} unknown, {:.1} s",
        rounds(),
        began.elapsed().as_secs_f64()
    );
    play.bank.close().await;
}

/// All that was acknowledged is there, once, everywhere. Returns how much that was.
async fn check(bank: &Bank, told: &[Told]) -> usize {
    let statuses = bank.statuses(SOON).await.expect("all answer");
    assert_eq!(statuses.len(), BRANCHES as usize);
    let mut places = BTreeSet::new();
    let mut bounds: BTreeMap<u64, (i64, i64)> = BTreeMap::new();
    for Told { account, acknowledged, unknown } in told {
        let (least, most) = bounds.entry(*account).or_default();
        *most += *unknown as i64;
        for (&origin, sequences) in acknowledged {
            (*least, *most) = (*least + sequences.len() as i64, *most + sequences.len() as i64);
            for &sequence in sequences {
                assert!(places.insert((origin, sequence)), "{origin} {sequence}: one place for each deposit");
            }
        }
    }
    for (id, status) in &statuses {
        for (&account, &(least, most)) in &bounds {
            let balance = status.snapshot.balances[&AccountId(account)];
            assert!(
                (least..=most).contains(&balance),
                "{balance} at branch {id} of account {account}: {least} to {most}"
            );
            assert_eq!(balance, statuses[&branch(1)].snapshot.balances[&AccountId(account)], "at branch {id}");
        }
    }
    places.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_copies_and_clones_lose_nothing_that_most_branches_had() {
    outlives(Propagation::Stream).await;
}
