//! Banks of real branches: gRPC on loopback, ports chosen by the system.

use std::{collections::BTreeMap, time::Duration};

use replibank::{
    bank::{Bank, BankConfig, BankError},
    branch,
    customer::{Customer, CustomerError},
    topology::Shape,
    trace::{Event, MessageKind, Row},
    types::{
        AccountId, Action, Amount, Answer, BranchId, Concern, Incarnation, Operation, OperationKind, Origin,
        Propagation, Refusal, Terms, Version,
    },
    wire::proto::{self, replication_service_client::ReplicationServiceClient},
};

use crate::common::branch;

const SOON: Duration = Duration::from_secs(10);

fn config(branches: u32, opening: i64) -> BankConfig {
    BankConfig::new((1..=branches).map(branch), opening)
}

fn operation(kind: OperationKind, amount: u64) -> Operation {
    Operation { kind, account: AccountId::DEFAULT, amount: Amount::new(amount).expect("an amount") }
}

fn deposit(amount: u64) -> Operation {
    operation(OperationKind::Deposit, amount)
}

fn withdraw(amount: u64) -> Operation {
    operation(OperationKind::Withdraw, amount)
}

async fn customer(bank: &Bank, id: u32) -> Customer {
    bank.customer(branch(id), SOON).await.expect("the branch is served")
}

async fn balances(bank: &Bank) -> BTreeMap<u32, i64> {
    let statuses = bank.statuses(SOON).await.expect("every branch answers");
    statuses.into_iter().map(|(id, status)| (id.value(), status.snapshot.balances[&AccountId::DEFAULT])).collect()
}

async fn everybody_sees(bank: &Bank, balance: i64) {
    bank.wait_until_converged(SOON).await.expect("the bank converges");
    let wrong: Vec<_> = balances(bank).await.into_iter().filter(|&(_, seen)| seen != balance).collect();
    assert!(wrong.is_empty(), "{balance} is right, but (branch, balance) is {wrong:?}");
}

/// Every way of telling, with a bank that has all its kinds of links.
fn every_way() -> Vec<BankConfig> {
    let mut ways = Vec::new();
    for shape in [Shape::Mesh, Shape::Overlay, Shape::Ring] {
        ways.push(BankConfig { shape, ..config(12, 400) });
    }
    ways.push(BankConfig { propagation: Propagation::Unary, ..config(6, 400) });
    ways
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_branch_sees_every_write() {
    for way in every_way() {
        let bank = Bank::start(way.clone()).await.expect("the bank starts");
        let committed = customer(&bank, 2).await.write(deposit(170), &Terms::default()).await.expect("a deposit");
        assert_eq!(committed.balance, 570);
        everybody_sees(&bank, 570).await;
        for id in 1..=5 {
            let customer = customer(&bank, id).await;
            customer.write(withdraw(10), &Terms::default()).await.expect("a withdrawal");
        }
        everybody_sees(&bank, 520).await;
        bank.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withdrawal_of_more_than_the_branch_sees_is_refused_and_moves_nothing() {
    let bank = Bank::start(config(3, 400)).await.expect("the bank starts");
    let refused = customer(&bank, 1).await.write(withdraw(401), &Terms::default()).await;
    let requested = Amount::new(401).expect("an amount");
    assert_eq!(refused, Err(CustomerError::Refused(Refusal::InsufficientFunds { available: 400, requested })));
    everybody_sees(&bank, 400).await;
    bank.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_concern_is_answered_when_the_replicas_have_it() {
    for way in every_way() {
        let bank = Bank::start(way.clone()).await.expect("the bank starts");
        for (concern, balance) in [(Concern::Majority, 401), (Concern::All, 402)] {
            let terms = Terms { concern, ..Terms::default() };
            let answer = customer(&bank, 3).await.write(deposit(1), &terms).await;
            assert_eq!(answer.map(|committed| committed.balance), Ok(balance), "{concern} of {way:?}");
            let have = balances(&bank).await.into_values().filter(|&seen| seen == balance).count();
            assert!(have >= concern.replicas(way.branches.len()), "{concern}: only {have} branches have it");
        }
        bank.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_requests_are_each_answered_once_and_in_place() {
    let bank = Bank::start(config(3, 0)).await.expect("the bank starts");
    let mut actions: Vec<Action> = (0..5000).map(|_| Action::Write(deposit(2))).collect();
    actions.push(Action::Write(withdraw(10_001)));
    actions.push(Action::Query { account: AccountId::DEFAULT });
    let answers = customer(&bank, 1).await.execute(&actions, &Terms::default()).await.expect("all answered");
    assert_eq!(answers.len(), actions.len());
    for (index, answer) in answers[..5000].iter().enumerate() {
        let Answer::Committed(committed) = answer else { panic!("deposit {index} is answered by {answer:?}") };
        assert_eq!(committed.balance, 2 * (index as i64 + 1));
    }
    assert!(matches!(answers[5000], Answer::Refused(Refusal::InsufficientFunds { available: 10_000, .. })));
    assert!(matches!(&answers[5001], Answer::Queried(queried) if queried.balance == 10_000));
    everybody_sees(&bank, 10_000).await;
    bank.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taken_port_is_an_error_that_names_it() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("its address");
    let mut config = config(3, 400);
    config.branches.insert(branch(2), Some(taken));
    let error = Bank::start(config).await.expect_err("the port is taken");
    assert!(matches!(&error, BankError::Listen { in_use: true, .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("branch 2 cannot listen at {taken}: another program has this port"));
    drop(holder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_bank_leaves_no_listener() {
    let mut taken = Vec::new();
    // The system may give a port that is free again to somebody else at once, but not time after time.
    for _ in 0..10 {
        let bank = Bank::start(config(3, 400)).await.expect("the bank starts");
        let addresses = bank.addresses().clone();
        bank.close().await;
        bank.close().await;
        let bound = addresses.into_values().map(std::net::TcpListener::bind);
        match bound.collect::<Result<Vec<_>, _>>() {
            Ok(_) => return,
            Err(error) => taken.push(error),
        }
    }
    panic!("no bank's ports were free once it was closed: {taken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_shows_every_balance_it_is_quick_enough_for() {
    let bank = Bank::start(config(2, 400)).await.expect("the bank starts");
    let mut watch = customer(&bank, 1).await.watch(Duration::ZERO, SOON).await.expect("a watch");
    let first = watch.next().await.expect("the branch answers").expect("a snapshot");
    assert_eq!(first.balances[&AccountId::DEFAULT], 400);
    customer(&bank, 2).await.write(deposit(5), &Terms::default()).await.expect("a deposit");
    loop {
        let next = watch.next().await.expect("the branch answers").expect("a snapshot");
        if next.balances[&AccountId::DEFAULT] == 405 {
            break;
        }
    }
    bank.close().await;
    while watch.next().await.is_ok_and(|snapshot| snapshot.is_some()) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_a_version_waits_for_it_rather_than_for_the_clock() {
    let delay = Duration::from_millis(150);
    let bank = Bank::start(BankConfig { propagation_delay: delay, ..config(3, 400) }).await.expect("the bank starts");
    let committed = customer(&bank, 1).await.write(deposit(1), &Terms::default()).await.expect("a deposit");
    let other = customer(&bank, 3).await;
    let impatient = Terms { at_least: committed.version(), wait: replibank::types::Duration(1), ..Terms::default() };
    let early = other.query(AccountId::DEFAULT, false, &impatient).await;
    let (address, at_least) = (other.address().to_owned(), committed.version());
    assert_eq!(early, Err(CustomerError::Behind { address, at_least, waited: Duration::from_micros(1) }));
    let patient = Terms { at_least: committed.version(), ..Terms::default() };
    let read = other.query(AccountId::DEFAULT, true, &patient).await.expect("the version comes");
    assert_eq!(read.balance, 401);
    assert!(read.version.is_some_and(|version| version.dominates(&committed.version())));
    bank.close().await;
}

/// The calls that the branches have made, each as who has called whom.
async fn calls(bank: &Bank) -> Vec<(BranchId, BranchId)> {
    let trace = bank.trace().await.expect("nobody is paused").expect("a trace is kept");
    assert_eq!(trace.header().lost, 0);
    let call = |row: &Row| {
        let Event::Sent(message) = &row.event else { return None };
        (message.kind == MessageKind::Call).then_some((row.branch, message.peer))
    };
    trace.rows().iter().filter_map(call).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unary_propagation_is_one_call_per_operation_and_peer() {
    let way = BankConfig { propagation: Propagation::Unary, trace_capacity: 10_000, ..config(5, 400) };
    let bank = Bank::start(way).await.expect("the bank starts");
    let customer = customer(&bank, 4).await;
    for _ in 0..20 {
        customer.write(deposit(1), &Terms::default()).await.expect("a deposit");
    }
    everybody_sees(&bank, 420).await;
    // An operation's call may still be under way when its money, told by an earlier call, has arrived.
    let mut all = calls(&bank).await;
    let is_own = |&(from, _): &(BranchId, BranchId)| from == branch(4);
    while all.iter().filter(|&call| is_own(call)).count() < 20 * 4 {
        tokio::task::yield_now().await;
        all = calls(&bank).await;
    }
    let (mut own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_own);
    own.sort_unstable();
    let once = [1, 2, 3, 5].into_iter().flat_map(|peer| [(branch(4), branch(peer)); 20]);
    assert_eq!(own, once.collect::<Vec<_>>());
    // A link that begins when money is there already tells it once, in case nobody else has.
    assert!(others.len() <= 4 * 4, "{others:?}");
    bank.close().await;
}

/// Nothing else happens at this branch: no peer is linked, no customer waits. The news alone must
/// wake those who wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_without_any_other_event_wakes_those_who_wait_for_it() {
    let bank = BankConfig { propagation: Propagation::Unary, ..config(3, 400) };
    let origin = |id| Origin { branch: branch(id), incarnation: Incarnation(0) };
    let config = branch::Config {
        own: origin(1),
        had_lives: false,
        branches: bank.branches.keys().copied().collect(),
        accounts: bank.accounts.clone(),
        topology: bank.topology(),
        propagation: bank.propagation,
        propagation_delay: Duration::ZERO,
        recording: None,
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let served = branch::Branch::serve(listener, config).expect("the branch serves");
    let news: Version = [(origin(2), 1)].into_iter().collect();
    let tell = async {
        let mut peer =
            ReplicationServiceClient::connect(format!("http://{}", served.address())).await.expect("it listens");
        let operation = proto::PropagatedOperation { origin: 2, sequence: 1, amount: 170, ..Default::default() };
        let told = proto::PropagateDepositRequest { operation: Some(operation), ..Default::default() };
        peer.propagate_deposit(told).await.expect("the call is taken");
    };
    let waited = tokio::time::timeout(SOON, served.reached(&news));
    let (reached, ()) = tokio::join!(waited, tell);
    reached.expect("it is woken").expect("the branch goes on");
    served.close().await;
}
