//! One customer's Execute stream: so many deposits, timed from the first to the moment when every branch
//! has the last.

use std::time::{Duration, Instant};

use replibank::{
    customer::Customer,
    types::{AccountId, Action, Amount, Answer, ClientId, Committed, Operation, OperationKind, Terms},
    wire::proto::{self, bank_service_client::BankServiceClient},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Outcome,
    report::{Processors, most_resident_mib},
    unary::channel,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(clap::Args)]
pub struct Options {
    /// "host:port" of the customer's branch.
    #[arg(long)]
    address: String,
    /// "host:port" of another branch that must have every deposit; may be repeated.
    #[arg(long = "other")]
    others: Vec<String>,
    #[arg(long, default_value_t = 1_000_000)]
    operations: u64,
    /// Without the bank's own client: so many operations a message, and no window but HTTP/2's.
    #[arg(long)]
    raw_batch: Option<u64>,
    /// The deposits go to this many accounts in turn.
    #[arg(long, default_value_t = 1)]
    accounts: u64,
    /// The process whose processor time is told.
    #[arg(long)]
    server: Option<u32>,
}

/// Operations handed to the customer at once: `execute` returns every answer, and memory is no part of
/// the figure.
const CHUNK: u64 = 100_000;

pub async fn run(options: Options) -> Outcome {
    let customer = Customer::connect(&options.address, Duration::from_secs(10)).await?;
    let mut others = Vec::new();
    for address in &options.others {
        others.push(Customer::connect(address, Duration::from_secs(10)).await?);
    }
    // The connection and the stream's code are warm.
    deposit(&customer, 1_000, options.accounts).await?;
    let processors = Processors::read(options.server);
    let began = Instant::now();
    let last = match options.raw_batch {
        None => deposit(&customer, options.operations, options.accounts).await?,
        Some(batch) => deposit_raw(&options, batch).await?,
    };
    let answered = began.elapsed();
    converge(&others, last).await?;
    let converged = began.elapsed();
    let operations = options.operations as f64;
    let (server_us, client_us) = processors.per_operation(options.operations);
    Ok(json!({
        "operations": options.operations,
        "per_second": operations / converged.as_secs_f64(),
        "answered_seconds": answered.as_secs_f64(),
        "converged_seconds": converged.as_secs_f64(),
        "server_us_per_operation": server_us,
        "client_us_per_operation": client_us,
        "client_mib": most_resident_mib(),
    }))
}

/// By the bank's own client; returns the last write.
async fn deposit(customer: &Customer, operations: u64, accounts: u64) -> Result<Committed, Failure> {
    let amount = Amount::new(1)?;
    let mut last = None;
    let mut left = operations;
    while left > 0 {
        let count = left.min(CHUNK);
        let deposit = |number: u64| {
            let account = AccountId(number % accounts);
            Action::Write(Operation { kind: OperationKind::Deposit, account, amount })
        };
        let actions: Vec<Action> = (0..count).map(deposit).collect();
        let answers = customer.execute(&actions, &Terms::default()).await?;
        for answer in answers {
            match answer {
                Answer::Committed(committed) => last = Some(committed),
                Answer::Queried(_) | Answer::Refused(_) => return Err(format!("{answer:?} to a deposit").into()),
            }
        }
        left -= count;
    }
    last.ok_or_else(|| "there was nothing to deposit".into())
}

/// By the generated client alone.
async fn deposit_raw(options: &Options, batch: u64) -> Result<Committed, Failure> {
    let (operations, accounts) = (options.operations, options.accounts);
    let client = ClientId(std::process::id().into());
    let amount = Amount::new(1)?;
    let message = move |first: u64| {
        let deposit = |number: u64| {
            let account = AccountId(number % accounts);
            (number, Action::Write(Operation { kind: OperationKind::Deposit, account, amount }))
        };
        let numbers = first..(first + batch).min(operations + 1);
        proto::ExecuteRequest::new(client, numbers.map(deposit), &Terms::default())
    };
    let messages = tokio_stream::iter((1..=operations).step_by(usize::try_from(batch)?).map(message));
    let mut bank = BankServiceClient::new(channel(&options.address).await?);
    let mut responses = bank.execute(messages).await?.into_inner();
    let mut answered = 0;
    let mut last = None;
    while answered < operations {
        let response = responses.message().await?.ok_or("the stream has ended before its time")?;
        answered += response.answers.len() as u64;
        if let Some(answer) = response.answers.last() {
            last = Some(answer.read(client)?);
        }
    }
    match last {
        Some(Answer::Committed(committed)) => Ok(committed),
        other => Err(format!("{other:?} to a deposit").into()),
    }
}

/// Returns once every other branch has the write.
async fn converge(others: &[Customer], write: Committed) -> Result<(), Failure> {
    let terms = Terms { at_least: write.version(), ..Terms::default() };
    let mut asked = JoinSet::new();
    for other in others {
        let (other, terms) = (other.clone(), terms.clone());
        asked.spawn(async move { other.query(AccountId::DEFAULT, false, &terms).await });
    }
    while let Some(answer) = asked.join_next().await {
        answer??;
    }
    Ok(())
}
