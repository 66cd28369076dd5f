//! The servers: each says where it listens, and ends with its standard input, so that none outlives who
//! started it.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf};

use replibank::{
    bank::{Bank, BankConfig},
    store::Durability,
    topology::Shape,
    types::{AccountId, BranchId, Propagation},
    wire::proto::bank_service_server::BankServiceServer,
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
};
use tonic::transport::{Server, server::TcpIncoming};

use super::{Outcome, bare::Bare};

#[derive(clap::Args)]
pub struct BankOptions {
    #[arg(long, default_value_t = 3)]
    branches: u32,
    /// Of the same opening balance, numbered from 0.
    #[arg(long, default_value_t = 1)]
    accounts: u64,
    /// auto, mesh, overlay or ring.
    #[arg(long, default_value = "auto")]
    shape: Shape,
    /// stream or unary.
    #[arg(long, default_value = "stream")]
    propagation: Propagation,
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// With a data directory: acknowledge once the system has it, rather than the disk.
    #[arg(long)]
    buffered: bool,
}

impl BankOptions {
    pub fn config(&self) -> BankConfig {
        BankConfig {
            accounts: (0..self.accounts).map(|account| (AccountId(account), 400)).collect(),
            shape: self.shape,
            propagation: self.propagation,
            data_dir: self.data_dir.clone(),
            durability: if self.buffered { Durability::Buffered } else { Durability::Synced },
            ..BankConfig::new((1..=self.branches).filter_map(BranchId::new), 400)
        }
    }
}

pub async fn bank(options: BankOptions) -> Outcome {
    let bank = Bank::start(options.config()).await?;
    let addresses: BTreeMap<u32, String> =
        bank.addresses().iter().map(|(branch, address)| (branch.value(), address.to_string())).collect();
    println!("{}", json!({ "addresses": addresses }));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let saves: u64 = bank.saves().values().sum();
        println!("{}", json!({ "saves": saves }));
    }
    bank.close().await;
    Ok(json!({ "closed": true }))
}

/// The window of the bank's own server.
const WINDOW_BYTES: u32 = 1 << 20;

pub async fn bare() -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", json!({ "addresses": { "1": listener.local_addr()?.to_string() } }));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let end = async { while let Ok(Some(_)) = lines.next_line().await {} };
    Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(4 * WINDOW_BYTES)
        .add_service(BankServiceServer::new(Bare))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), end)
        .await?;
    Ok(json!({ "closed": true }))
}
