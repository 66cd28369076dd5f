//! Redis as a replicated counter: INCRBY, at its end a WAIT for the replicas. The protocol is so small
//! (RESP: a line for each number) that a client library would be more of the figure than the wire.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
};

use super::{Outcome, report::Latencies};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(clap::Args)]
pub struct Options {
    /// "host:port" of the primary.
    #[arg(long)]
    address: String,
    /// Connections with one INCRBY under way each.
    #[arg(long, default_value_t = 128)]
    in_flight: usize,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds that are not counted, before.
    #[arg(long, default_value_t = 0.5)]
    warm: f64,
    /// Instead: so many down one connection, until the replicas have them.
    #[arg(long)]
    pipelined: Option<usize>,
    /// How many replicas must have everything at the end.
    #[arg(long, default_value_t = 2)]
    replicas: u32,
}

const INCREMENT: &[u8] = b"*3\r\n$6\r\nINCRBY\r\n$7\r\naccount\r\n$1\r\n1\r\n";

/// Pipelined: increments in one write, and increments under way; as the bank's own client does.
const BATCH: usize = 256;
const WINDOW: usize = 4096;

pub async fn run(options: Options) -> Outcome {
    match options.pipelined {
        None => one_by_one(options).await,
        Some(operations) => pipelined(&options, operations).await,
    }
}

async fn connect(address: &str) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn one_by_one(options: Options) -> Outcome {
    let begin = Instant::now() + Duration::from_secs_f64(options.warm);
    let end = begin + Duration::from_secs_f64(options.seconds);
    let mut loops = JoinSet::new();
    for _ in 0..options.in_flight {
        let mut stream = BufReader::new(connect(&options.address).await?);
        loops.spawn(async move {
            let mut latencies = Latencies::new();
            let mut line = Vec::new();
            loop {
                let began = Instant::now();
                if began >= end {
                    return Ok::<_, Failure>(latencies);
                }
                stream.write_all(INCREMENT).await?;
                line.clear();
                stream.read_until(b'\n', &mut line).await?;
                if line.first() != Some(&b':') {
                    return Err(format!("Redis says {}", String::from_utf8_lossy(&line)).into());
                }
                let ended = Instant::now();
                if (begin..end).contains(&ended) {
                    latencies.record(ended - began);
                }
            }
        });
    }
    let mut latencies = Latencies::new();
    while let Some(ended) = loops.join_next().await {
        latencies.add(&ended??);
    }
    let operations = latencies.count();
    let per_second = operations as f64 / options.seconds;
    Ok(json!({ "operations": operations, "per_second": per_second, "latency": latencies.to_json() }))
}

async fn pipelined(options: &Options, operations: usize) -> Outcome {
    let (mut reader, mut writer) = connect(&options.address).await?.into_split();
    let began = Instant::now();
    let room = Arc::new(Semaphore::new(WINDOW));
    let window = room.clone();
    let writing = tokio::spawn(async move {
        let batch = INCREMENT.repeat(BATCH);
        let mut left = operations;
        while left > 0 {
            let count = left.min(BATCH);
            window.acquire_many(u32::try_from(count)?).await?.forget();
            writer.write_all(&batch[..count * INCREMENT.len()]).await?;
            left -= count;
        }
        // The writing half, or the connection would be half closed before its answers are read.
        Ok::<_, Failure>(writer)
    });
    let mut answered = 0;
    let mut buffer = vec![0; 1 << 16];
    while answered < operations {
        let length = reader.read(&mut buffer).await?;
        if length == 0 || buffer[..length].contains(&b'-') {
            return Err("Redis ended the connection, or refused an increment".into());
        }
        let count = buffer[..length].iter().filter(|&&byte| byte == b'\n').count();
        room.add_permits(count);
        answered += count;
    }
    let mut writer = writing.await??;
    writer.write_all(format!("WAIT {} 10000\r\n", options.replicas).as_bytes()).await?;
    let length = reader.read(&mut buffer).await?;
    let seconds = began.elapsed().as_secs_f64();
    if buffer[..length] != *format!(":{}\r\n", options.replicas).as_bytes() {
        return Err(format!("after WAIT, Redis says {}", String::from_utf8_lossy(&buffer[..length])).into());
    }
    let per_second = operations as f64 / seconds;
    Ok(json!({ "operations": operations, "per_second": per_second, "converged_seconds": seconds }))
}
