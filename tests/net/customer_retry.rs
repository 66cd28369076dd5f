//! A customer whose connection is cut after the branch has committed and before the answer is back:
//! the retry carries the same request id, and the deposit counts once.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use replibank::{
    bank::{Bank, BankConfig},
    customer::{Customer, CustomerError},
    types::{AccountId, Action, Amount, Answer, BranchId, Concern, Operation, OperationKind, Refusal, Terms, Version},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

const SOON: Duration = Duration::from_secs(10);

/// What the proxy does with the branch's answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answers {
    Pass,
    /// Kept back, while requests go on.
    Hold,
    /// The connection is cut.
    Cut,
}

/// Stands between a customer and a branch until it is dropped.
struct Proxy {
    address: SocketAddr,
    answers: watch::Sender<Answers>,
    connections: watch::Sender<usize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    async fn before(branch: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (answers, _) = watch::channel(Answers::Pass);
        let (connections, _) = watch::channel(0);
        let (told, count) = (answers.clone(), connections.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((customer, _)) = listener.accept().await {
                let upstream = TcpStream::connect(branch).await.expect("the branch is there");
                let (told, count) = (told.subscribe(), count.clone());
                count.send_modify(|count| *count += 1);
                tokio::spawn(async move {
                    forward(customer, upstream, told).await;
                    count.send_modify(|count| *count -= 1);
                });
            }
        });
        Self { address, answers, connections, accepting }
    }

    /// Cuts every connection, and lets new ones pass.
    async fn cut(&self) {
        self.answers.send_replace(Answers::Cut);
        self.connections.subscribe().wait_for(|&count| count == 0).await.expect("the proxy is there");
        self.answers.send_replace(Answers::Pass);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(mut customer: TcpStream, mut branch: TcpStream, mut answers: watch::Receiver<Answers>) {
    let (mut to_branch, mut to_customer) = ([0; 4096], [0; 4096]);
    loop {
        let now = *answers.borrow_and_update();
        if now == Answers::Cut {
            return;
        }
        tokio::select! {
            read = customer.read(&mut to_branch) => match read {
                Ok(1..) => branch.write_all(&to_branch[..read.expect("just read")]).await.expect("the branch reads"),
                _ => return,
            },
            read = branch.read(&mut to_customer), if now == Answers::Pass => match read {
                Ok(1..) if customer.write_all(&to_customer[..read.expect("just read")]).await.is_ok() => {}
                _ => return,
            },
            changed = answers.changed() => if changed.is_err() { return },
        }
    }
}

async fn bank_of_one() -> (Bank, Proxy) {
    let bank = Bank::start(BankConfig::new(BranchId::new(1), 400)).await.expect("the bank starts");
    let branch = *bank.addresses().values().next().expect("one branch");
    let proxy = Proxy::before(branch).await;
    (bank, proxy)
}

fn deposit(amount: u64) -> Operation {
    let amount = Amount::new(amount).expect("an amount");
    Operation { kind: OperationKind::Deposit, account: AccountId::DEFAULT, amount }
}

/// Waits, at the branch itself, until it has committed `count` operations.
async fn committed(bank: &Bank, count: u64) -> Version {
    let direct = bank.customer(BranchId::new(1).expect("an id"), SOON).await.expect("the branch is served");
    let mut watch = direct.watch(Duration::ZERO, SOON).await.expect("a watch");
    loop {
        let snapshot = watch.next().await.expect("the branch answers").expect("a snapshot");
        if snapshot.version.iter().map(|(_, sequence)| sequence).sum::<u64>() >= count {
            return snapshot.version;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposit_whose_answer_was_cut_off_counts_once() {
    let (bank, proxy) = bank_of_one().await;
    let customer = Customer::connect(&proxy.address.to_string(), SOON).await.expect("the proxy is there");
    customer.query(AccountId::DEFAULT, false, &Terms::default()).await.expect("the way is open");

    proxy.answers.send_replace(Answers::Hold);
    let answering = {
        let customer = customer.clone();
        tokio::spawn(async move { customer.write(deposit(10), &Terms::default()).await })
    };
    let version = committed(&bank, 1).await;
    proxy.cut().await;

    let answer = answering.await.expect("no panic").expect("the retry is answered");
    assert_eq!(answer.balance, 410);
    assert_eq!(answer.version(), version, "the answer is the first one's");
    assert_eq!(committed(&bank, 1).await, version, "nothing was committed twice");
    bank.close().await;
}

/// The branch comes back without its data: it cannot know that it has executed the first try, which its
/// peer has heard of. To execute the second would count the deposit twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_that_crosses_a_restart_without_data_is_not_executed_again() {
    let [one, two] = [1, 2].map(|id| BranchId::new(id).expect("an id"));
    for in_a_stream in [false, true] {
        let bank = Bank::start(BankConfig::new([one, two], 400)).await.expect("the bank starts");
        let proxy = Proxy::before(bank.addresses()[&one]).await;
        let customer = Customer::connect(&proxy.address.to_string(), SOON).await.expect("the proxy is there");

        proxy.answers.send_replace(Answers::Hold);
        let answering = tokio::spawn(async move {
            if !in_a_stream {
                return customer.write(deposit(10), &Terms::default()).await.map(Answer::Committed);
            }
            let answers = customer.execute(&[Action::Write(deposit(10))], &Terms::default()).await?;
            Ok(answers.into_iter().next().expect("one answer"))
        });
        committed(&bank, 1).await;
        bank.wait_until_converged(SOON).await.expect("branch 2 hears of it");
        bank.kill(one).await.expect("it runs");
        bank.restart(one).await.expect("it starts");
        proxy.cut().await;

        let refused = match answering.await.expect("no panic") {
            Ok(Answer::Refused(refusal)) | Err(CustomerError::Refused(refusal)) => refusal,
            other => panic!("a retry that the branch cannot know is answered by {other:?}"),
        };
        assert!(matches!(refused, Refusal::RequestExpired { .. }) && !refused.is_definite(), "{refused}");
        bank.wait_until_converged(SOON).await.expect("the page comes back");
        for status in bank.statuses(SOON).await.expect("both answer").into_values() {
            assert_eq!(status.snapshot.balances[&AccountId::DEFAULT], 410, "it counts once");
        }
        bank.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_that_breaks_goes_on_and_every_deposit_counts_once() {
    const DEPOSITS: usize = 3000;
    let (bank, proxy) = bank_of_one().await;
    let customer = Customer::connect(&proxy.address.to_string(), SOON).await.expect("the proxy is there");

    proxy.answers.send_replace(Answers::Hold);
    let answering = tokio::spawn(async move {
        let actions = vec![Action::Write(deposit(1)); DEPOSITS];
        customer.execute(&actions, &Terms::default()).await
    });
    // A whole window is committed, and no answer has come back: all of it will be sent again.
    committed(&bank, 1000).await;
    proxy.cut().await;

    let answers = answering.await.expect("no panic").expect("the stream goes on");
    for (index, answer) in answers.iter().enumerate() {
        let Answer::Committed(committed) = answer else { panic!("deposit {index} is answered by {answer:?}") };
        assert_eq!(committed.sequence, index as u64 + 1);
    }
    let version = committed(&bank, DEPOSITS as u64).await;
    assert_eq!(version.iter().map(|(_, sequence)| sequence).collect::<Vec<_>>(), [DEPOSITS as u64]);
    bank.close().await;
}

/// A branch remembers 4,096 answers of a client. One of its requests waits for a branch that is down, while
/// the customer goes on and has thousands of others answered; then the connection breaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_that_thousands_have_overtaken_is_still_known_when_it_is_retried() {
    let [one, two] = [1, 2].map(|id| BranchId::new(id).expect("an id"));
    let bank = Bank::start(BankConfig::new([one, two], 400)).await.expect("the bank starts");
    bank.kill(two).await.expect("it runs");
    let proxy = Proxy::before(bank.addresses()[&one]).await;
    let customer = Customer::connect(&proxy.address.to_string(), SOON).await.expect("the proxy is there");
    let everywhere =
        Terms { concern: Concern::All, wait: replibank::types::Duration::milliseconds(60_000), ..Terms::default() };
    let waiting = {
        let customer = customer.clone();
        tokio::spawn(async move { customer.write(deposit(10), &everywhere).await })
    };
    committed(&bank, 1).await;
    for _ in 0..3 {
        let answers = customer.execute(&[Action::Write(deposit(1)); 2000], &Terms::default()).await.expect("answers");
        assert!(answers.iter().all(|answer| matches!(answer, Answer::Committed(_))));
        customer.write(deposit(1), &Terms::default()).await.expect("a deposit");
    }
    proxy.cut().await;
    customer.write(deposit(1), &Terms::default()).await.expect("the way is open again");
    bank.restart(two).await.expect("it starts");

    let answer = waiting.await.expect("no panic").expect("both branches have it");
    assert_eq!((answer.sequence, answer.balance), (1, 410), "the answer is the first one's");
    let balance = customer.query(AccountId::DEFAULT, false, &Terms::default()).await.expect("an answer").balance;
    assert_eq!(balance, 410 + 3 * 2001 + 1, "it counts once");
    bank.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branch_that_falls_silent_is_told_apart_from_one_that_is_not_there() {
    let (bank, proxy) = bank_of_one().await;
    let customer = Customer::connect(&proxy.address.to_string(), SOON).await.expect("the proxy is there");
    proxy.answers.send_replace(Answers::Hold);
    let terms = Terms { wait: replibank::types::Duration::milliseconds(50), ..Terms::default() };
    let silent = Arc::new(customer.write(deposit(10), &terms).await.expect_err("nobody answers"));
    assert!(matches!(&*silent, CustomerError::Deadline { sent: true, .. }), "{silent}");
    assert!(silent.may_have_happened());
    bank.close().await;

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let error = Customer::connect(&nobody.to_string(), Duration::from_millis(50)).await.expect_err("nobody is there");
    assert!(matches!(&error, CustomerError::Unreachable { sent: false, .. }), "{error}");
    assert!(!error.may_have_happened());
    assert!(error.to_string().contains("refused"), "{error}");
}
