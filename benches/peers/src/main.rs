//! Serves what is measured, and loads it: the bank, bare tonic with the bank's messages, and (load only)
//! Redis and anything else that answers the bank's calls. Every command prints one line of JSON.
//! `benches/run.py` starts the processes, pairs the runs and judges the figures; this program does no more
//! than it is told, once.

mod bare;
mod lag;
mod open;
mod redis;
mod report;
mod serve;
mod spread;
mod stream;
mod unary;

use clap::Parser;

/// What may go wrong ends the program with its message: a measurement that failed is none.
type Outcome = Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "The bank, bare tonic and Redis under the same load")]
enum Command {
    /// Serve a bank until the standard input ends; each line on it is answered with what there is to tell.
    Bank(serve::BankOptions),
    /// Serve bare tonic with the bank's messages until the standard input ends.
    Bare,
    /// Deposits one by one, as many under way as told: the next begins when one ends.
    Unary(unary::Options),
    /// Deposits at a fixed rate, timed from when each should have begun.
    Open(open::Options),
    /// Deposits down one Execute stream, until every branch has them.
    Stream(stream::Options),
    /// How long a deposit at one branch takes to be seen at others, under an open load.
    Lag(lag::Options),
    /// A bank in this process: how long it takes to start, and deposits to be everywhere.
    Spread(spread::Options),
    /// INCRBY, one by one on many connections or pipelined on one.
    Redis(redis::Options),
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let command = Command::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match command {
            Command::Bank(options) => serve::bank(options).await,
            Command::Bare => serve::bare().await,
            Command::Unary(options) => unary::run(options).await,
            Command::Open(options) => open::run(options).await,
            Command::Stream(options) => stream::run(options).await,
            Command::Lag(options) => lag::run(options).await,
            Command::Spread(options) => spread::run(options).await,
            Command::Redis(options) => redis::run(options).await,
        }
    })?;
    println!("{result}");
    Ok(())
}
