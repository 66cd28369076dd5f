//! Reads a replica's pages the way any peer would: by a link that begins with nothing. Works on a
//! clone, so that looking changes nothing.

use std::collections::BTreeMap;

use replibank::{
    replica::{Call, Delta, Entry, Input, PeerMessage, Replica},
    types::{AccountId, Origin, Time, Version},
};

use super::{OBSERVER, branch};

/// One page: its sequence, and the entry of each account that it changed.
pub type Page = (u64, BTreeMap<AccountId, Entry>);

pub fn pages(replica: &Replica) -> BTreeMap<Origin, Page> {
    let mut probe = replica.clone();
    let observer = branch(OBSERVER);
    let hear = |probe: &mut Replica, input| probe.step(Time::default(), input, &mut Vec::new());
    hear(&mut probe, Input::LinkUp(observer));
    let mut pages = BTreeMap::new();
    while let Some(message) = probe.poll_send(Time::default(), observer) {
        let (number, deltas) = match message {
            PeerMessage::Greeting { .. } => (0, Vec::new()),
            PeerMessage::Update(update) => (update.number, update.deltas),
            PeerMessage::Call(Call { number, delta, .. }) => (number, vec![delta]),
            PeerMessage::Acknowledgement { .. } => continue,
        };
        let version = deltas.iter().map(|delta| (delta.origin, delta.sequence)).collect();
        deltas.into_iter().filter(|delta| delta.base == 0).for_each(|delta| keep(&mut pages, delta));
        let message = PeerMessage::Acknowledgement { number, version };
        hear(&mut probe, Input::Message { from: observer, message });
    }
    let version: Version = pages.iter().map(|(&origin, &(sequence, _))| (origin, sequence)).collect();
    assert_eq!(version, replica.full_version(), "a link that begins with nothing is told everything");
    pages
}

fn keep(pages: &mut BTreeMap<Origin, Page>, delta: Delta) {
    let entries = delta.entries.into_iter().map(|entry| (entry.account, entry)).collect();
    assert!(pages.insert(delta.origin, (delta.sequence, entries)).is_none(), "each page is told once");
}

/// What a page adds to an account.
pub fn net(page: &BTreeMap<AccountId, Entry>, account: AccountId) -> i64 {
    page.get(&account).map_or(0, |entry| entry.deposited as i64 - entry.withdrawn as i64)
}
