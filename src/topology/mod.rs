//! Which branches are linked. Pages are cumulative and relayed, so a connected graph is enough:
//! the fewer links a branch has, the fewer sockets a bank needs and the more hops a write takes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    str::FromStr,
};

use crate::types::BranchId;

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

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Mesh => "mesh",
            Self::Overlay => "overlay",
            Self::Ring => "ring",
        })
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Auto, Self::Mesh, Self::Overlay, Self::Ring]
            .into_iter()
            .find(|shape| shape.to_string() == text)
            .ok_or_else(|| format!("unknown topology {text:?}: auto, mesh, overlay and ring are right"))
    }
}

/// The links of one bank. Every branch computes the same ones from the same ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topology {
    neighbours: BTreeMap<BranchId, BTreeSet<BranchId>>,
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
        let mut topology = Self { neighbours: branches.iter().map(|&branch| (branch, BTreeSet::new())).collect() };
        let mut ring: Vec<BranchId> = branches.iter().copied().collect();
        match shape {
            Shape::Auto if branches.len() <= MESH_LIMIT => topology.link_all(&ring),
            Shape::Mesh => topology.link_all(&ring),
            Shape::Ring => topology.link_ring(&ring),
            Shape::Auto | Shape::Overlay => {
                topology.link_ring(&ring);
                let mut random = fastrand::Rng::with_seed(branches.len() as u64);
                for _ in 1..OVERLAY_RINGS {
                    random.shuffle(&mut ring);
                    topology.link_ring(&ring);
                }
            }
        }
        topology
    }

    fn link_all(&mut self, branches: &[BranchId]) {
        for (index, &a) in branches.iter().enumerate() {
            for &b in &branches[index + 1..] {
                self.link(a, b);
            }
        }
    }

    fn link_ring(&mut self, ring: &[BranchId]) {
        for (index, &a) in ring.iter().enumerate() {
            self.link(a, ring[(index + 1) % ring.len()]);
        }
    }

    fn link(&mut self, a: BranchId, b: BranchId) {
        if a != b {
            self.neighbours.entry(a).or_default().insert(b);
            self.neighbours.entry(b).or_default().insert(a);
        }
    }

    /// The branches that `branch` is linked to, in order; empty if it is none of this bank's.
    pub fn neighbours(&self, branch: BranchId) -> impl Iterator<Item = BranchId> + '_ {
        self.neighbours.get(&branch).into_iter().flatten().copied()
    }

    /// How many links the bank has. Each is one connection, shared by both directions.
    pub fn links(&self) -> usize {
        self.neighbours.values().map(BTreeSet::len).sum::<usize>() / 2
    }

    /// The most links that any branch has.
    pub fn degree(&self) -> usize {
        self.neighbours.values().map(BTreeSet::len).max().unwrap_or(0)
    }

    /// The most hops that any write takes. 0 for a single branch.
    pub fn diameter(&self) -> usize {
        self.neighbours.keys().map(|&start| self.eccentricity(start)).max().unwrap_or(0)
    }

    /// The hops from `start` to the branch farthest from it, breadth first.
    fn eccentricity(&self, start: BranchId) -> usize {
        let mut hops = BTreeMap::from([(start, 0)]);
        let mut queue = VecDeque::from([(start, 0)]);
        while let Some((branch, distance)) = queue.pop_front() {
            for next in self.neighbours(branch) {
                hops.entry(next).or_insert_with(|| {
                    queue.push_back((next, distance + 1));
                    distance + 1
                });
            }
        }
        hops.into_values().max().unwrap_or(0)
    }
}
