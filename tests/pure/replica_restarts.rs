//! A branch that is restarted again and again: its bank stays right, its versions stay short, and what it keeps
//! grows with what was written, not with how often it was restarted. REPLIBANK_RESTARTS=20000 restarts it longer.

use std::{env, time::Instant};

use replibank::{
    replica::{Input, Replica},
    topology::Shape,
    types::{AccountId, Answer, Duration, Incarnation, Tried},
};

use crate::common::{
    branch, deposit,
    disk::Copy,
    lives::{Net, configs, flush, named, recover},
};

/// One life in so many writes.
const WRITES_EVERY: u64 = 10;

/// The most that one page may take, and one life that wrote nothing, as text: some ten times what it takes in memory.
const PAGE_BYTES: usize = 4_000;
const LIFE_BYTES: usize = 64;

fn restarts() -> u64 {
    env::var("REPLIBANK_RESTARTS").map_or(300, |count| count.parse().expect("a number"))
}

#[test]
fn a_branch_with_a_directory_outlives_many_restarts() {
    outlives(Some(Copy::default()));
}

#[test]
fn a_branch_without_one_outlives_many_restarts() {
    outlives(None);
}

fn outlives(mut disk: Option<Copy>) {
    let (began, restarts) = (Instant::now(), restarts());
    let configs = configs(3, 1, Shape::Mesh, Duration::MAX);
    let mut net = Net::new(configs.iter().cloned().map(Replica::new));
    for (a, b) in [(1, 2), (1, 3), (2, 3)] {
        net.mend(a, b);
    }
    let mut written = 0;
    for life in 1..=restarts {
        net.cut(1, 2);
        net.cut(1, 3);
        let mut config = configs[0].clone();
        config.own.incarnation = Incarnation(life);
        config.had_lives = true;
        let one = match &mut disk {
            Some(disk) => recover(&config, disk),
            None => Replica::new(config),
        };
        net.replicas.insert(branch(1), one);
        net.mend(1, 2);
        net.mend(1, 3);
        net.run(2_000);
        if life % WRITES_EVERY == 0 {
            written += 1;
            net.step(branch(1), Input::Request(named(life, 7, life, deposit(0, 1), Tried::Never)));
        }
        if let Some(disk) = &mut disk {
            flush(net.replicas.get_mut(&branch(1)).unwrap(), disk);
        }
        net.run(2_000);
    }
    let acknowledged = net.replies.iter().filter(|(.., answer)| matches!(answer, Answer::Committed(_))).count();
    assert_eq!(acknowledged, written);
    assert_eq!(net.faults, [] as [String; 0]);
    let mut most = 0;
    for replica in net.replicas.values() {
        assert_eq!(replica.invariants(), Ok(()));
        assert_eq!(replica.balances()[&AccountId(0)], 1_000 + written as i64);
        assert_eq!(replica.version().iter().count(), 1, "{}", replica.version());
        assert_eq!(replica.full_version().iter().count(), written, "a page for each life that wrote");
        most = most.max(format!("{replica:?}").len());
    }
    println!(
        "{restarts} restarts {} a directory: {written} pages, at most {most} bytes a replica as text, {:.1} s",
        if disk.is_some() { "with" } else { "without" },
        began.elapsed().as_secs_f64()
    );
    let bound = 100_000 + written * PAGE_BYTES + restarts as usize * LIFE_BYTES;
    assert!(most < bound, "{most} bytes as text, of {written} pages and {restarts} lives");
}
