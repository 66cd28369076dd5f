//! Small worlds, seen whole: since a replica is a value, every order in which two or three branches can be asked,
//! speak, save, lose, crash and come back is looked at, up to a depth, and every law is held in every state.
//!
//! `REPLIBANK_WORLDS=1000000` follows that many states a world, and heals more of them.

mod laws;
mod moves;
mod search;
mod state;

use std::{env, time::Instant};

use replibank::types::Concern;

use search::{Limits, search, tell};
use state::{Ask, Faults, Links, NO_FAULTS, Setting, Ways, What};

const LOCAL: What = What::Deposit(Concern::Local);
const MAJORITY: What = What::Deposit(Concern::Majority);
const ALL: What = What::Deposit(Concern::All);

const fn ask(branch: usize, what: What, tries: u8) -> Ask {
    Ask { branch: branch - 1, what, tries }
}

const TWO: Setting = Setting {
    name: "",
    branches: 2,
    links: Links::Mesh,
    network: Ways::Ordered,
    lazy: false,
    disks: false,
    met: true,
    asks: &[],
    faults: NO_FAULTS,
    depth: 40,
};

const TWO_DURABLE: Setting = Setting { disks: true, ..TWO };
const THREE: Setting = Setting { branches: 3, ..TWO };
const THREE_DURABLE: Setting = Setting { disks: true, ..THREE };

/// The worlds that are looked at.
static WORLDS: &[Setting] = &[
    Setting {
        name: "two branches that have never met, their sessions cut",
        met: false,
        asks: &[ask(1, LOCAL, 2), ask(2, LOCAL, 1)],
        faults: Faults { meetings: 2, cuts: 2, ..NO_FAULTS },
        ..TWO
    },
    Setting {
        name: "two branches, a withdrawal at each, and a lazy driver",
        lazy: true,
        asks: &[ask(1, What::Withdraw, 1), ask(1, What::Withdraw, 2), ask(2, What::Withdraw, 1)],
        faults: Faults { meetings: 1, cuts: 1, deaf: 1, ..NO_FAULTS },
        ..TWO
    },
    Setting {
        name: "two branches and datagrams",
        network: Ways::Datagrams,
        asks: &[ask(1, LOCAL, 1), ask(1, LOCAL, 1), ask(2, ALL, 2)],
        faults: Faults { losses: 2, doubles: 1, ticks: 2, ..NO_FAULTS },
        ..TWO
    },
    Setting {
        name: "three branches and datagrams",
        network: Ways::Datagrams,
        asks: &[ask(1, LOCAL, 1), ask(2, MAJORITY, 1)],
        faults: Faults { losses: 1, doubles: 1, ticks: 1, ..NO_FAULTS },
        ..THREE
    },
    Setting {
        name: "three in a line: a read of what was written elsewhere",
        links: Links::Line,
        asks: &[ask(1, LOCAL, 1), ask(3, What::Read(0), 1), ask(3, ALL, 1)],
        faults: Faults { meetings: 2, cuts: 1, ticks: 1, ..NO_FAULTS },
        ..THREE
    },
    Setting {
        name: "two branches, data lost: retries",
        asks: &[ask(1, LOCAL, 3), ask(2, LOCAL, 1)],
        faults: Faults { meetings: 2, lost: 2, deaf: 2, ..NO_FAULTS },
        ..TWO
    },
    Setting {
        name: "two durable branches, killed: retries",
        asks: &[ask(1, LOCAL, 3), ask(1, LOCAL, 1), ask(2, LOCAL, 1)],
        faults: Faults { meetings: 2, kept: 2, deaf: 1, ..NO_FAULTS },
        ..TWO_DURABLE
    },
    Setting {
        name: "two durable branches, killed: all, and a read",
        asks: &[ask(1, ALL, 2), ask(2, What::Read(0), 1), ask(2, LOCAL, 1)],
        faults: Faults { meetings: 2, cuts: 1, kept: 1, ..NO_FAULTS },
        ..TWO_DURABLE
    },
    Setting {
        name: "two durable branches and datagrams, killed",
        network: Ways::Datagrams,
        asks: &[ask(1, ALL, 1), ask(2, LOCAL, 1)],
        faults: Faults { meetings: 1, losses: 1, doubles: 1, kept: 1, ticks: 1, ..NO_FAULTS },
        ..TWO_DURABLE
    },
    Setting {
        name: "three durable branches, killed: majority",
        asks: &[ask(1, MAJORITY, 2), ask(2, LOCAL, 1)],
        faults: Faults { meetings: 3, kept: 1, ..NO_FAULTS },
        ..THREE_DURABLE
    },
    Setting {
        name: "two durable branches, a directory lost",
        asks: &[ask(1, LOCAL, 2), ask(2, LOCAL, 1)],
        faults: Faults { meetings: 2, kept: 1, lost: 1, deaf: 1, ..NO_FAULTS },
        ..TWO_DURABLE
    },
    Setting {
        name: "data lost, then kept: what is forgotten stays forgotten",
        asks: &[ask(1, LOCAL, 2), ask(1, LOCAL, 1)],
        faults: Faults { meetings: 2, kept: 1, lost: 1, deaf: 1, ..NO_FAULTS },
        ..TWO_DURABLE
    },
    Setting {
        name: "an older directory comes back",
        asks: &[ask(1, LOCAL, 1), ask(1, LOCAL, 1), ask(1, LOCAL, 1)],
        faults: Faults { meetings: 1, older: 1, ..NO_FAULTS },
        ..TWO_DURABLE
    },
    Setting {
        name: "two processes of a branch at once",
        asks: &[ask(1, LOCAL, 1), ask(1, LOCAL, 1), ask(2, LOCAL, 1)],
        faults: Faults { meetings: 3, copies: 1, ..NO_FAULTS },
        ..TWO_DURABLE
    },
    Setting {
        name: "all, of a life that is over",
        asks: &[ask(1, ALL, 1)],
        faults: Faults { meetings: 2, lost: 1, ..NO_FAULTS },
        ..THREE
    },
];

#[test]
fn every_state_of_every_small_world_keeps_every_law() {
    let given = env::var("REPLIBANK_WORLDS").ok().map(|text| text.parse().expect("REPLIBANK_WORLDS"));
    let limits = given.map_or(Limits { states: 15_000, heal_every: 16 }, |states| Limits { states, heal_every: 4 });
    let mut wrong = Vec::new();
    for world in WORLDS {
        let begun = Instant::now();
        let found = search(world, limits);
        let end = found.breach.as_ref().map_or("holds".to_owned(), |(breach, _)| format!("breaks {:?}", breach.law));
        println!("{:<56} {found}  {end:<22} {:.1} s", world.name, begun.elapsed().as_secs_f64());
        if let Some((breach, way)) = found.breach {
            wrong.push(format!("{}: {breach}\n{}", world.name, tell(world, &way)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
