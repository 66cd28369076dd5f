//! What the tests with a hostile peer share: a bank of three branches, of which 1 is played by the
//! test, 2 is the branch it misbehaves against and 3 an honest peer; and what was logged meanwhile.
//! Everything runs on the test's own thread, so each test sees its own lines only.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use replibank::{
    branch::{self, Branch, Channels},
    customer::Customer,
    topology::Shape,
    types::{AccountId, Amount, BranchId, Incarnation, Operation, OperationKind, Origin, Propagation, Terms, Version},
    wire::{
        Hello, Snapshot,
        proto::{self, peer_message::Kind, replication_service_client::ReplicationServiceClient},
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, transport::Channel};

/// How long anything may take before a test fails.
pub const SOON: Duration = Duration::from_secs(20);

/// What each account opens with.
pub const OPENING: i64 = 400;

/// The branch that the test plays.
pub const HOSTILE: u32 = 1;
/// The branch that it misbehaves against.
pub const SERVED: u32 = 2;
/// A real branch, linked to the one served.
pub const HONEST: u32 = 3;

pub fn branch(id: u32) -> BranchId {
    BranchId::new(id).unwrap()
}

pub fn origin(id: u32) -> Origin {
    Origin { branch: branch(id), incarnation: Incarnation(0) }
}

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

fn config(id: u32, propagation: Propagation) -> branch::Config {
    let branches: BTreeSet<BranchId> = [HOSTILE, SERVED, HONEST].map(branch).into();
    branch::Config {
        own: origin(id),
        had_lives: false,
        accounts: [0, 1].map(|account| (AccountId(account), OPENING)).into(),
        topology: branch::topology(Shape::Mesh, propagation, &branches),
        branches,
        propagation,
        propagation_delay: Duration::ZERO,
        recording: None,
    }
}

fn serve(config: branch::Config) -> Branch {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    Branch::serve(listener, config).expect("the branch serves")
}

pub struct Bed {
    pub served: Branch,
    pub honest: Branch,
    deposits: u64,
    bank: u64,
}

impl Bed {
    /// Branches 2 and 3 are linked and have told each other of a deposit each.
    pub async fn new(propagation: Propagation) -> Self {
        Self::with(propagation, HONEST, None).await
    }

    /// The same with branches 2 and 1, while 2 is told that 3 listens at this address, and dials it.
    pub async fn that_dials(propagation: Propagation, hostile: String) -> Self {
        Self::with(propagation, HOSTILE, Some((branch(HONEST), hostile))).await
    }

    async fn with(propagation: Propagation, honest: u32, hostile: Option<(BranchId, String)>) -> Self {
        log_lines();
        let own = config(SERVED, propagation);
        let bank = own.bank_digest();
        let (served, other) = (serve(own), serve(config(honest, propagation)));
        let both = [(SERVED, &served), (honest, &other)].map(|(id, at)| (branch(id), at.address().to_string()));
        let addresses: BTreeMap<BranchId, String> = both.into_iter().chain(hostile).collect();
        let honest = other;
        let channels = Arc::new(Channels::default());
        served.connect(&addresses, &channels).await;
        honest.connect(&addresses, &channels).await;
        let mut bed = Self { served, honest, deposits: 0, bank };
        bed.goes_on().await;
        bed
    }

    pub fn hello(&self) -> Hello {
        Hello { branch: branch(HOSTILE), bank: self.bank, life: Incarnation(0), heard: Incarnation(0), rival: None }
    }

    pub async fn state(&self) -> Snapshot {
        self.served.status().await.expect("it serves").snapshot
    }

    /// Customers deposit at both branches, and both branches hear of it.
    pub async fn goes_on(&mut self) {
        self.deposits += 1;
        for (at, told) in [(&self.served, &self.honest), (&self.honest, &self.served)] {
            let customer = Customer::connect(&at.address().to_string(), SOON).await.expect("it is served");
            let committed = soon("a deposit", customer.write(deposit(1), &Terms::default())).await.expect("a deposit");
            assert_eq!(committed.sequence, self.deposits, "of {}", committed.origin);
            soon("honest news", told.reached(&committed.version())).await.expect("it goes on");
        }
    }

    /// The stream's opening: hello both ways.
    pub async fn dial(&self, hello: Hello) -> Result<Peer, Status> {
        self.dial_with(proto::PeerMessage::hello(hello).kind).await
    }

    /// The stream's opening, with whatever stands for the hello.
    pub async fn dial_with(&self, first: Option<Kind>) -> Result<Peer, Status> {
        let (sender, receiver) = mpsc::channel(16);
        sender.send(request(first)).await.unwrap();
        let mut client = self.client().await;
        let inbound = soon("the opening", client.replicate(ReceiverStream::new(receiver))).await?.into_inner();
        let mut peer = Peer { sender, inbound };
        let answer = peer.hear().await?;
        assert!(matches!(answer, Some(Kind::Hello(_))), "{answer:?}");
        Ok(peer)
    }

    /// A peer that has been met: greetings were exchanged, and it has everything.
    pub async fn meet(&self) -> Peer {
        let mut peer = self.dial(self.hello()).await.expect("a peer is welcome");
        let Some(Kind::Greeting(greeting)) = peer.hear().await.expect("a greeting") else { panic!("no greeting") };
        peer.say(Kind::Greeting(greeting.clone())).await;
        let answered = Kind::Acknowledgement(proto::Acknowledgement { number: 0, version: greeting.version });
        peer.say(answered).await;
        peer.acknowledged(0).await;
        peer
    }

    pub async fn client(&self) -> ReplicationServiceClient<Channel> {
        ReplicationServiceClient::connect(format!("http://{}", self.served.address())).await.expect("it listens")
    }

    pub async fn close(self) {
        self.served.close().await;
        self.honest.close().await;
    }
}

fn request(kind: Option<Kind>) -> proto::ReplicateRequest {
    proto::ReplicateRequest { message: Some(proto::PeerMessage { kind, mark: None }) }
}

/// The test's end of a stream.
#[derive(Debug)]
pub struct Peer {
    pub sender: mpsc::Sender<proto::ReplicateRequest>,
    pub inbound: Streaming<proto::ReplicateResponse>,
}

impl Peer {
    /// Whether the stream still takes it.
    pub async fn try_say(&self, kind: Option<Kind>) -> bool {
        soon("sending", self.sender.send(request(kind))).await.is_ok()
    }

    pub async fn say(&self, kind: Kind) {
        assert!(self.try_say(Some(kind)).await, "the stream has ended");
    }

    pub async fn hear(&mut self) -> Result<Option<Kind>, Status> {
        let response = soon("an answer", self.inbound.message()).await?;
        Ok(response.and_then(|response| response.message).and_then(|message| message.kind))
    }

    /// Reads on until this update is acknowledged; returns what came with that.
    pub async fn acknowledged(&mut self, number: u64) -> Version {
        loop {
            match self.hear().await.expect("the stream goes on").expect("the stream goes on") {
                Kind::Acknowledgement(it) if it.number == number => {
                    return it.version.as_ref().map_or(Ok(Version::EMPTY), Version::try_from).expect("a version");
                }
                Kind::Acknowledgement(_) | Kind::Greeting(_) | Kind::Update(_) => {}
                Kind::Hello(hello) => panic!("a second hello: {hello:?}"),
                Kind::Part(_) => panic!("nothing here is large"),
            }
        }
    }

    /// Reads on until the stream ends; returns how.
    pub async fn ended(&mut self) -> Status {
        loop {
            match self.hear().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::new(Code::Ok, "the stream ended as if all were well"),
                Err(status) => return status,
            }
        }
    }
}

pub fn deposit(amount: u64) -> Operation {
    Operation { kind: OperationKind::Deposit, account: AccountId::DEFAULT, amount: Amount::new(amount).unwrap() }
}

/// An entry: account, sequence, deposited, withdrawn.
pub type Entry = (u64, u64, u64, u64);

pub fn delta(of: u32, base: u64, sequence: u64, entries: &[Entry]) -> proto::Delta {
    let entry =
        |&(account, sequence, deposited, withdrawn): &Entry| proto::Entry { account, sequence, deposited, withdrawn };
    let entries = entries.iter().map(entry).collect();
    proto::Delta { origin: of, base, sequence, entries, ..Default::default() }
}

pub fn update(number: u64, deltas: impl Into<Vec<proto::Delta>>) -> Kind {
    Kind::Update(proto::Update { number, deltas: deltas.into(), ..proto::Update::default() })
}

pub fn receipts(number: u64, receipts: impl Into<Vec<proto::Receipt>>) -> Kind {
    Kind::Update(proto::Update { number, receipts: receipts.into(), ..proto::Update::default() })
}

pub fn version(entries: &[(u32, u64)]) -> Option<proto::Version> {
    let entry = |&(branch, sequence): &(u32, u64)| proto::VersionEntry { branch, incarnation: 0, sequence };
    Some(proto::Version { entries: entries.iter().map(entry).collect() })
}

thread_local! {
    static LINES: RefCell<Vec<(log::Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Capture;

impl log::Log for Capture {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("replibank")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.with_borrow_mut(|lines| lines.push((record.level(), record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

/// What branch 2 has logged since the last call, at `Info` or above.
pub fn log_lines() -> Vec<(log::Level, String)> {
    static CAPTURE: Capture = Capture;
    if log::set_logger(&CAPTURE).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    let lines = LINES.take();
    lines.into_iter().filter(|(_, line)| line.starts_with(&format!("branch {SERVED}:"))).collect()
}
