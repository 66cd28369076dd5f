//! Requests that wait share the version that they wait for.

use replibank::{
    replica::Input,
    types::{Action, Incarnation, Origin, Time, Version},
};

use crate::{
    common::{branch, deposit, lone_replica, request},
    measured::{alone_here, resident_bytes},
};

#[test]
fn requests_that_wait_share_what_they_wait_for() {
    let _alone = alone_here();
    let mut replica = lone_replica(2);
    let origin = |id| Origin { branch: branch(2), incarnation: Incarnation(id) };
    let at_least: Version = (1..=20_000).map(|id| (origin(id), 1)).collect();
    let before = resident_bytes();
    for ticket in 0..2_000 {
        let mut request = request(ticket, Action::Write(deposit(0, 1)));
        request.terms.at_least = at_least.clone();
        replica.step(Time(0), Input::Request(request), &mut Vec::new());
    }
    assert_eq!(replica.waiting(), 2_000);
    // A copy each would be 960 MB.
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB for 2,000 requests that wait for one version", grown >> 20);
}
