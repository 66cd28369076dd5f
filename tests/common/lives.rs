//! What the tests of lives share: a network that loses nothing, and branches that come back from their disks.

use std::collections::{BTreeMap, BTreeSet};

use replibank::{
    replica::{Config, Disk, Input, Output, PeerMessage, Replica, Request},
    topology::{Shape, Topology},
    types::{AccountId, Action, Answer, BranchId, Duration, Incarnation, Operation, Origin, Propagation, Time, Tried},
};

use super::{branch, disk::Copy, request, request_id, step};

pub fn named(ticket: u64, client: u64, number: u64, operation: Operation, tried: Tried) -> Request {
    let mut request = Request { id: Some(request_id(client, number)), ..request(ticket, Action::Write(operation)) };
    request.terms.tried = tried;
    request
}

/// A network that loses nothing, with ordered sessions; who is not `up` is not there.
pub struct Net {
    pub now: Time,
    pub replicas: BTreeMap<BranchId, Replica>,
    up: BTreeSet<(BranchId, BranchId)>,
    queue: Vec<(BranchId, BranchId, PeerMessage)>,
    ready: BTreeSet<(BranchId, BranchId)>,
    pub replies: Vec<(BranchId, u64, Answer)>,
    pub faults: Vec<String>,
}

impl Net {
    pub fn new(replicas: impl IntoIterator<Item = Replica>) -> Self {
        Self {
            now: Time(0),
            replicas: replicas.into_iter().map(|replica| (replica.own().branch, replica)).collect(),
            up: BTreeSet::new(),
            queue: Vec::new(),
            ready: BTreeSet::new(),
            replies: Vec::new(),
            faults: Vec::new(),
        }
    }
    pub fn step(&mut self, at: BranchId, input: Input) {
        let mut outputs = Vec::new();
        self.replicas.get_mut(&at).unwrap().step(self.now, input, &mut outputs);
        let mut saves = Vec::new();
        for output in outputs {
            match output {
                Output::Reply { ticket, answer } => self.replies.push((at, ticket, answer)),
                Output::Ready(peer) => drop(self.ready.insert((at, peer))),
                Output::Save => saves.push(at),
                Output::Faulty { from, fault } => self.faults.push(format!("{at} refuses {from}: {fault}")),
            }
        }
        for at in saves {
            while let Some(save) = self.replicas.get_mut(&at).unwrap().poll_save() {
                self.step(at, Input::Saved(save.number));
            }
        }
    }
    pub fn mend(&mut self, a: u32, b: u32) {
        let (a, b) = (branch(a), branch(b));
        self.queue.retain(|(from, to, _)| (*from, *to) != (a, b) && (*from, *to) != (b, a));
        for (at, peer) in [(a, b), (b, a)] {
            self.up.insert((at, peer));
            self.step(at, Input::LinkUp(peer));
            let life = self.replicas[&peer].own();
            self.step(at, Input::Met(life));
        }
    }
    pub fn cut(&mut self, a: u32, b: u32) {
        let (a, b) = (branch(a), branch(b));
        self.queue.retain(|(from, to, _)| (*from, *to) != (a, b) && (*from, *to) != (b, a));
        for (at, peer) in [(a, b), (b, a)] {
            if self.up.remove(&(at, peer)) && self.replicas.contains_key(&at) {
                self.step(at, Input::LinkDown(peer));
            }
        }
    }
    pub fn flush(&mut self) {
        for _ in 0..100_000 {
            while let Some((at, peer)) = self.ready.pop_first() {
                if !self.up.contains(&(at, peer)) {
                    continue;
                }
                while let Some(message) = self.replicas.get_mut(&at).unwrap().poll_send(self.now, peer) {
                    self.queue.push((at, peer, message));
                }
            }
            if self.queue.is_empty() {
                return;
            }
            let (from, to, message) = self.queue.remove(0);
            if self.up.contains(&(to, from)) {
                self.step(to, Input::Message { from, message });
            }
        }
        panic!("never silent");
    }
    /// Runs for so long.
    pub fn run(&mut self, span_ms: u64) {
        let end = self.now + Duration::milliseconds(span_ms);
        self.flush();
        while let Some(next) = self.replicas.values().filter_map(Replica::next_deadline).min().filter(|at| *at <= end) {
            self.now = self.now.max(next);
            for at in self.replicas.keys().copied().collect::<Vec<_>>() {
                if self.replicas[&at].next_deadline().is_some_and(|due| due <= self.now) {
                    self.step(at, Input::Tick);
                }
            }
            self.flush();
        }
        self.now = end;
    }
}

pub fn configs(branches: u32, accounts: u64, shape: Shape, resend: Duration) -> Vec<Config> {
    let ids: BTreeSet<BranchId> = (1..=branches).map(branch).collect();
    let topology = Topology::new(shape, &ids);
    ids.iter()
        .map(|&own| Config {
            own: Origin { branch: own, incarnation: Incarnation(0) },
            had_lives: false,
            branches: ids.clone(),
            links: topology.links(own),
            accounts: (0..accounts).map(|account| (AccountId(account), 1000)).collect(),
            propagation: Propagation::Stream,
            resend_after: resend,
        })
        .collect()
}

/// What a disk has now, after everything of this replica is on it.
pub fn flush(replica: &mut Replica, disk: &mut Copy) -> Vec<Output> {
    let mut outputs = Vec::new();
    while let Some(save) = replica.poll_save() {
        let Ok(()) = disk.save(&save);
        outputs.extend(step(replica, Input::Saved(save.number)));
    }
    outputs
}

pub fn recover(config: &Config, disk: &mut Copy) -> Replica {
    let Ok(saved) = disk.load();
    let mut replica = Replica::recover(config.clone(), &saved).unwrap();
    flush(&mut replica, disk);
    replica
}
