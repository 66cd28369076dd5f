//! The links of a bank: connected, few, the same for everybody, and known in advance.

use std::collections::{BTreeMap, BTreeSet};

use replibank::{
    topology::{Shape, Topology},
    types::BranchId,
};

const SHAPES: [Shape; 4] = [Shape::Auto, Shape::Mesh, Shape::Overlay, Shape::Ring];

fn ids(values: impl IntoIterator<Item = u32>) -> BTreeSet<BranchId> {
    values.into_iter().filter_map(BranchId::new).collect()
}

fn overlay(branches: u32) -> Topology {
    Topology::new(Shape::Overlay, &ids(1..=branches))
}

/// Whether every one of so many branches can be reached from every other: then no way is longer than one through all.
fn is_connected(topology: &Topology, branches: usize) -> bool {
    topology.diameter() < branches
}

#[test]
fn every_bank_is_connected_whatever_its_size_and_its_ids() {
    for shape in SHAPES {
        for branches in (1..=40).chain([99, 200]) {
            assert!(
                is_connected(&Topology::new(shape, &ids(1..=branches)), branches as usize),
                "{shape} of {branches}"
            );
        }
        let odd = Topology::new(shape, &ids([7, 345, u32::MAX, 1000, 12]));
        assert!(is_connected(&odd, 5) && odd.link_count() >= 4, "{shape} of odd ids");
    }
}

#[test]
fn links_are_mutual_and_no_branch_is_linked_to_itself() {
    for shape in SHAPES {
        let branches = ids(1..=30);
        let topology = Topology::new(shape, &branches);
        for &a in &branches {
            for b in topology.neighbours(a) {
                assert!(a != b && topology.neighbours(b).any(|back| back == a), "{shape}: {a} and {b}");
            }
        }
        let ends: usize = branches.iter().map(|&branch| topology.neighbours(branch).count()).sum();
        assert_eq!(ends, 2 * topology.link_count());
    }
}

#[test]
fn auto_is_a_mesh_up_to_eight_branches_and_an_overlay_beyond() {
    assert_eq!(Topology::new(Shape::Auto, &ids(1..=8)).link_count(), 28);
    assert_eq!(Topology::new(Shape::Auto, &ids(1..=9)).degree(), overlay(9).degree());
    assert_eq!(Topology::new(Shape::Mesh, &ids(1..=50)).link_count(), 50 * 49 / 2);
    assert_eq!(Topology::new(Shape::Ring, &ids(1..=50)).diameter(), 25);
}

#[test]
fn overlay_has_few_links_and_a_short_way_to_everybody() {
    assert_eq!((overlay(50).degree(), overlay(50).diameter()), (6, 4));
    assert_eq!(overlay(500).degree(), 6);
    assert!(overlay(500).diameter() <= 6, "{}", overlay(500).diameter());
}

#[test]
fn everybody_computes_the_same_links() {
    let reversed = (1..=50).rev().filter_map(BranchId::new).collect();
    let (one, other) = (overlay(50), Topology::new(Shape::Overlay, &reversed));
    for &branch in &reversed {
        assert_eq!(one.links(branch), other.links(branch));
    }
}

/// Every branch hears of every other's page from exactly one neighbour, and following these ways
/// back leads to the origin along a shortest way.
#[test]
fn pages_spread_along_one_shortest_way_to_each_branch() {
    for shape in SHAPES {
        let branches = ids(1..=40);
        let topology = Topology::new(shape, &branches);
        let links: BTreeMap<BranchId, _> = branches.iter().map(|&branch| (branch, topology.links(branch))).collect();
        for &origin in &branches {
            let mut hops = BTreeMap::from([(origin, 0)]);
            let mut reached = vec![origin];
            while let Some(teller) = reached.pop() {
                for (&peer, elsewhere) in &links[&teller] {
                    if !elsewhere.contains(&origin) {
                        assert_eq!(
                            hops.insert(peer, hops[&teller] + 1),
                            None,
                            "{shape}: {peer} hears twice of {origin}"
                        );
                        reached.push(peer);
                    }
                }
            }
            assert_eq!(hops.len(), branches.len(), "{shape}: everybody hears of {origin}");
            assert!(hops.values().all(|&hops| hops <= topology.diameter()));
        }
    }
}

#[test]
fn unknown_shape_is_refused_with_the_right_ones() {
    for shape in SHAPES {
        assert_eq!(shape.to_string().parse(), Ok(shape));
    }
    let refused = "star".parse::<Shape>();
    assert_eq!(refused, Err("topology \"star\" is unknown: give auto, mesh, overlay or ring".to_owned()));
}

#[test]
fn pairs_are_every_link_once() {
    for shape in SHAPES {
        let topology = Topology::new(shape, &ids(1..=12));
        let pairs: Vec<_> = topology.pairs().collect();
        assert_eq!(pairs.len(), topology.link_count());
        assert!(pairs.is_sorted() && pairs.iter().all(|(one, other)| one < other));
        assert!(pairs.iter().all(|&(one, other)| topology.links(one).contains_key(&other)));
    }
}
