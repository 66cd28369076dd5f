//! Branches served alone, as on a host of their own, and clients of them.

use std::time::Duration;

use replibank::{
    bank::{BranchConfig, Served},
    topology::Shape,
    types::{AccountId, Propagation},
    wire::proto::{self, bank_service_client::BankServiceClient},
};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::common::branch;

/// Branch `id` at `listen`, whose peers are there; in memory, with one account.
pub async fn serve(id: u32, listen: &str, peers: &[(u32, &str)], opening: i64, propagation: Propagation) -> Served {
    let config = BranchConfig {
        id: branch(id),
        listen: listen.to_owned(),
        peers: peers.iter().map(|&(peer, address)| (branch(peer), Some(address.to_owned()))).collect(),
        accounts: [(AccountId::DEFAULT, opening)].into(),
        shape: Shape::Mesh,
        propagation,
        propagation_delay: Duration::ZERO,
        data: None,
    };
    Served::start(config).await.expect("it serves")
}

/// An address at which nobody listens.
pub fn nobody() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("it is bound").to_string()
}

pub async fn channel(served: &Served) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address())).expect("an address");
    endpoint.connect().await.expect("it listens")
}

pub async fn client(served: &Served) -> BankServiceClient<Channel> {
    BankServiceClient::new(channel(served).await)
}

/// A deposit of one, by a client that knows nothing but the protocol.
pub async fn deposit(client: &mut BankServiceClient<Channel>) -> Result<(), Status> {
    client.deposit(proto::DepositRequest { amount: 1, ..Default::default() }).await.map(drop)
}
