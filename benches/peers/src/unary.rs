//! The closed loop: so many deposits under way, and the next begins when one ends. It shows throughput;
//! its latencies are those of a full house, see `open` for others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use replibank::{
    customer::Customer,
    types::{AccountId, Amount, ClientId, Concern, Operation, OperationKind, RequestId, Terms},
    wire::proto::{self, bank_service_client::BankServiceClient},
};
use serde_json::json;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use super::{
    Outcome,
    report::{Latencies, Processors},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(clap::Args)]
pub struct Options {
    /// "host:port" of a branch; repeated, the deposits take turns.
    #[arg(long = "address", required = true)]
    addresses: Vec<String>,
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Connections to each address.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds that are not counted, before.
    #[arg(long, default_value_t = 0.5)]
    warm: f64,
    /// Every branch must have a deposit before it is answered.
    #[arg(long)]
    all: bool,
    /// By the bank's own client rather than the generated one alone.
    #[arg(long)]
    customer: bool,
    /// The deposits go to this many accounts in turn.
    #[arg(long, default_value_t = 1)]
    accounts: u64,
    /// The process whose processor time is told.
    #[arg(long)]
    server: Option<u32>,
}

/// Who makes a deposit.
#[derive(Clone)]
pub enum Depositor {
    Plain(BankServiceClient<Channel>),
    Customer(Customer),
}

/// The same windows as the bank's own client.
const WINDOW_BYTES: u32 = 1 << 20;

/// A channel as the bank's own client opens it.
pub async fn channel(address: &str) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .tcp_nodelay(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(4 * WINDOW_BYTES);
    Ok(endpoint.connect().await?)
}

/// Names deposits, so that they are remembered as a customer's are.
#[derive(Default)]
pub struct Numbers(AtomicU64);

/// The deposits are these many clients' in turn: a branch remembers so many requests of each, and on a busy
/// machine one may be overtaken by more.
const CLIENTS: u64 = 256;

impl Depositor {
    pub async fn open(address: &str, customer: bool) -> Result<Self, Failure> {
        if customer {
            return Ok(Self::Customer(Customer::connect(address, Duration::from_secs(10)).await?));
        }
        Ok(Self::Plain(BankServiceClient::new(channel(address).await?)))
    }

    /// Deposits 1; returns the deposit's sequence.
    pub async fn deposit(&mut self, numbers: &Numbers, accounts: u64, terms: &Terms) -> Result<u64, Failure> {
        let number = numbers.0.fetch_add(1, Ordering::Relaxed) + 1;
        let (account, amount) = (AccountId(number % accounts), Amount::new(1)?);
        match self {
            Self::Customer(customer) => {
                let operation = Operation { kind: OperationKind::Deposit, account, amount };
                Ok(customer.write(operation, terms).await?.sequence)
            }
            Self::Plain(client) => {
                let id = RequestId { client: ClientId(1 + number % CLIENTS), number };
                let request = proto::DepositRequest::new(account, amount, id, terms);
                let response = client.deposit(request).await?.into_inner();
                match response.outcome {
                    Some(proto::deposit_response::Outcome::Committed(committed)) => {
                        Ok(committed.write.map_or(0, |write| write.sequence))
                    }
                    outcome => Err(format!("a deposit was not committed: {outcome:?}").into()),
                }
            }
        }
    }
}

pub async fn run(options: Options) -> Outcome {
    let mut depositors = Vec::new();
    for address in &options.addresses {
        for _ in 0..options.connections {
            depositors.push(Depositor::open(address, options.customer).await?);
        }
    }
    let concern = if options.all { Concern::All } else { Concern::Local };
    let terms = Arc::new(Terms { concern, ..Terms::default() });
    let numbers: Arc<Numbers> = Arc::default();
    let begin = Instant::now() + Duration::from_secs_f64(options.warm);
    let end = begin + Duration::from_secs_f64(options.seconds);
    let mut loops = JoinSet::new();
    for index in 0..options.in_flight {
        let mut depositor = depositors[index % depositors.len()].clone();
        let (terms, numbers, accounts) = (terms.clone(), numbers.clone(), options.accounts);
        loops.spawn(async move {
            let mut latencies = Latencies::new();
            loop {
                let began = Instant::now();
                if began >= end {
                    return Ok::<_, Failure>(latencies);
                }
                depositor.deposit(&numbers, accounts, &terms).await?;
                let ended = Instant::now();
                // Whatever ends in the window counts, and nothing else.
                if (begin..end).contains(&ended) {
                    latencies.record(ended - began);
                }
            }
        });
    }
    tokio::time::sleep_until(begin.into()).await;
    let processors = Processors::read(options.server);
    tokio::time::sleep_until(end.into()).await;
    // Told for one operation now, and divided once it is known how many there were.
    let (server_us, client_us) = processors.per_operation(1);
    let mut latencies = Latencies::new();
    while let Some(ended) = loops.join_next().await {
        latencies.add(&ended??);
    }
    let operations = latencies.count();
    Ok(json!({
        "operations": operations,
        "per_second": operations as f64 / options.seconds,
        "latency": latencies.to_json(),
        "server_us_per_operation": server_us.map(|us| us / operations as f64),
        "client_us_per_operation": client_us.map(|us| us / operations as f64),
    }))
}
