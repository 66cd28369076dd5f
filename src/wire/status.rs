//! What a branch tells of itself.

use std::collections::BTreeMap;

use super::{WireError, proto, version};
use crate::types::{AccountId, BranchId, Origin, Version};

/// A branch's state at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Which branch.
    pub branch: BranchId,
    /// Every account's balance.
    pub balances: BTreeMap<AccountId, i64>,
    /// The replica's version.
    pub version: Version,
}

/// What a branch says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Its state.
    pub snapshot: Snapshot,
    /// Whose page it writes.
    pub origin: Origin,
    /// Its links.
    pub links: Vec<LinkStatus>,
    /// Of which bank: the digest of its hello; 0: it does not tell.
    pub bank: u64,
    /// The lives of other processes that claim its branch, or a peer's, beside the one that serves it.
    pub claims: Vec<Origin>,
}

/// What a branch knows of its link to a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkStatus {
    /// The peer.
    pub peer: BranchId,
    /// Whether the link is up.
    pub connected: bool,
    /// Operations that the peer is not known to have.
    pub behind: u64,
}

fn to_balances(balances: &BTreeMap<AccountId, i64>) -> Vec<proto::Balance> {
    balances.iter().map(|(account, &balance)| proto::Balance { account: account.0, balance }).collect()
}

fn from_balances(balances: &[proto::Balance]) -> BTreeMap<AccountId, i64> {
    balances.iter().map(|entry| (AccountId(entry.account), entry.balance)).collect()
}

impl From<&Snapshot> for proto::WatchResponse {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            branch: snapshot.branch.value(),
            balances: to_balances(&snapshot.balances),
            version: Some((&snapshot.version).into()),
        }
    }
}

impl TryFrom<&proto::WatchResponse> for Snapshot {
    type Error = WireError;

    fn try_from(message: &proto::WatchResponse) -> Result<Self, WireError> {
        Ok(Self {
            branch: version::branch("branch", message.branch)?,
            balances: from_balances(&message.balances),
            version: version::version(&message.version)?,
        })
    }
}

impl From<Origin> for proto::Claim {
    fn from(Origin { branch, incarnation }: Origin) -> Self {
        Self { branch: branch.value(), incarnation: incarnation.0 }
    }
}

impl From<&Status> for proto::StatusResponse {
    fn from(status: &Status) -> Self {
        let link = |link: &LinkStatus| proto::LinkStatus {
            peer: link.peer.value(),
            connected: link.connected,
            behind: link.behind,
        };
        Self {
            branch: status.origin.branch.value(),
            incarnation: status.origin.incarnation.0,
            balances: to_balances(&status.snapshot.balances),
            version: Some((&status.snapshot.version).into()),
            links: status.links.iter().map(link).collect(),
            bank: status.bank,
            claims: status.claims.iter().map(|&claim| claim.into()).collect(),
        }
    }
}

impl TryFrom<&proto::StatusResponse> for Status {
    type Error = WireError;

    fn try_from(message: &proto::StatusResponse) -> Result<Self, WireError> {
        let origin = version::origin(message.branch, message.incarnation)?;
        let links = message.links.iter().map(|link| {
            let peer = version::branch("peer", link.peer)?;
            Ok(LinkStatus { peer, connected: link.connected, behind: link.behind })
        });
        let claims = message.claims.iter().map(|claim| version::origin(claim.branch, claim.incarnation));
        Ok(Self {
            snapshot: Snapshot {
                branch: origin.branch,
                balances: from_balances(&message.balances),
                version: version::version(&message.version)?,
            },
            origin,
            links: links.collect::<Result<_, WireError>>()?,
            bank: message.bank,
            claims: claims.collect::<Result<_, WireError>>()?,
        })
    }
}
