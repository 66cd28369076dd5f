//! Which branches are linked. Pages are cumulative and relayed, so a connected graph is enough:
//! the fewer links a branch has, the fewer connections a bank needs and the more hops a write takes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::OnceLock,
};

use crate::types::{BranchId, words};

/// Up to this many branches, `Auto` is a full mesh (28 links).
const MESH_LIMIT: usize = 8;

/// How many rings an overlay is made of: at most twice as many links a branch.
const OVERLAY_RINGS: usize = 3;

/// The shape of a bank's links.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Shape {
    /// A mesh up to 8 branches, an overlay beyond.
    #[default]
    Auto,
    /// Every branch is linked to every other.
    Mesh,
    /// Three rings laid over each other, the first in id order, the others shuffled from a fixed
    /// seed: at most 6 links a branch, always connected, and of logarithmic diameter with high
    /// probability (Law and Siu, Distributed construction of random expander networks, 2003).
    Overlay,
    /// One ring in id order: 2 links a branch, and the longest way.
    Ring,
}

words!(Shape, "topology": Auto = "auto", Mesh = "mesh", Overlay = "overlay", Ring = "ring");

/// The links of one bank. Every branch computes the same ones from the same ids.
#[derive(Clone, Debug)]
pub struct Topology {
    /// In order; a branch's place in it is its index below.
    branches: Vec<BranchId>,
    /// Each branch's neighbours, in order.
    neighbours: Vec<BTreeSet<usize>>,
    /// Hops between any two branches, once somebody asks.
    hops: OnceLock<Vec<Vec<u16>>>,
}

impl Topology {
    /// Links `branches` in this shape.
    ///
    /// # Example
    /// ```
    /// use replibank::{topology::{Shape, Topology}, types::BranchId};
    /// let branches = (1..=50).filter_map(BranchId::new).collect();
    /// let topology = Topology::new(Shape::Auto, &branches);
    /// assert!(topology.degree() <= 6);
    /// assert_eq!(topology.diameter(), 4);
    /// ```
    pub fn new(shape: Shape, branches: &BTreeSet<BranchId>) -> Self {
        let count = branches.len();
        let mut topology = Self {
            branches: branches.iter().copied().collect(),
            neighbours: vec![BTreeSet::new(); count],
            hops: OnceLock::new(),
        };
        match shape {
            Shape::Auto if count <= MESH_LIMIT => topology.link_all(),
            Shape::Mesh => topology.link_all(),
            Shape::Ring => topology.link_rings(1),
            Shape::Auto | Shape::Overlay => topology.link_rings(OVERLAY_RINGS),
        }
        topology
    }

    /// One ring, in this order of ids.
    #[cfg(all(test, feature = "net"))]
    pub(crate) fn ring(order: [u32; 5], branches: &BTreeSet<BranchId>) -> Self {
        let mut topology = Self::new(Shape::Ring, branches);
        topology.neighbours.iter_mut().for_each(BTreeSet::clear);
        let place = |id: u32| branches.iter().position(|branch| branch.value() == id).unwrap_or_default();
        for turn in 0..order.len() {
            topology.link(place(order[turn]), place(order[(turn + 1) % order.len()]));
        }
        topology
    }

    fn link_all(&mut self) {
        for a in 0..self.branches.len() {
            for b in 0..a {
                self.link(a, b);
            }
        }
    }

    /// The first ring in id order, the others shuffled.
    fn link_rings(&mut self, rings: usize) {
        let mut ring: Vec<usize> = (0..self.branches.len()).collect();
        let mut random = fastrand::Rng::with_seed(ring.len() as u64);
        for turn in 0..rings {
            if turn > 0 {
                random.shuffle(&mut ring);
            }
            for (place, &a) in ring.iter().enumerate() {
                self.link(a, ring[(place + 1) % ring.len()]);
            }
        }
    }

    fn link(&mut self, a: usize, b: usize) {
        if a != b {
            self.neighbours[a].insert(b);
            self.neighbours[b].insert(a);
        }
    }

    /// The branches that `branch` is linked to, in order; empty if it is none of this bank's.
    pub fn neighbours(&self, branch: BranchId) -> impl Iterator<Item = BranchId> + '_ {
        let index = self.branches.binary_search(&branch);
        index.into_iter().flat_map(|index| &self.neighbours[index]).map(|&index| self.branches[index])
    }

    /// The links of `branch`: each peer, with the branches whose pages the peer hears of from
    /// somebody else than `branch`. A page spreads along the shortest ways from its origin: a peer
    /// hears of it from the one neighbour of its own that is closest to the origin (of several, the
    /// first). In a mesh that is the origin itself.
    pub fn links(&self, branch: BranchId) -> BTreeMap<BranchId, BTreeSet<BranchId>> {
        let Ok(own) = self.branches.binary_search(&branch) else { return BTreeMap::new() };
        let heard_elsewhere = |peer: usize| {
            let origins = (0..self.branches.len()).filter(|&origin| self.teller(peer, origin) != Some(own));
            origins.map(|origin| self.branches[origin]).collect()
        };
        self.neighbours[own].iter().map(|&peer| (self.branches[peer], heard_elsewhere(peer))).collect()
    }

    /// The neighbour from which `peer` hears of `origin`; none of itself.
    fn teller(&self, peer: usize, origin: usize) -> Option<usize> {
        let hops = &self.hops()[origin];
        self.neighbours[peer].iter().copied().min_by_key(|&neighbour| hops[neighbour]).filter(|_| peer != origin)
    }

    /// Every link once, the lower id first, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (BranchId, BranchId)> + '_ {
        self.neighbours.iter().enumerate().flat_map(move |(a, neighbours)| {
            neighbours.range(a + 1..).map(move |&b| (self.branches[a], self.branches[b]))
        })
    }

    /// How many links the bank has. Each is one connection, shared by both directions.
    pub fn link_count(&self) -> usize {
        self.neighbours.iter().map(BTreeSet::len).sum::<usize>() / 2
    }

    /// The most links that any branch has.
    pub fn degree(&self) -> usize {
        self.neighbours.iter().map(BTreeSet::len).max().unwrap_or(0)
    }

    /// The most hops that any write takes. 0 for a single branch.
    pub fn diameter(&self) -> usize {
        self.hops().iter().flatten().copied().max().unwrap_or(0).into()
    }

    fn hops(&self) -> &Vec<Vec<u16>> {
        self.hops.get_or_init(|| (0..self.branches.len()).map(|start| self.hops_from(start)).collect())
    }

    /// The hops from `start` to every branch, breadth first; `u16::MAX` where there is no way.
    fn hops_from(&self, start: usize) -> Vec<u16> {
        let mut hops = vec![u16::MAX; self.branches.len()];
        hops[start] = 0;
        let mut queue = VecDeque::from([start]);
        while let Some(branch) = queue.pop_front() {
            for &next in &self.neighbours[branch] {
                if hops[next] == u16::MAX {
                    hops[next] = hops[branch] + 1;
                    queue.push_back(next);
                }
            }
        }
        hops
    }
}
