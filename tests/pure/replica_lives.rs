//! Lives: whatever is restarted, copied, cloned or lost, no acknowledged money vanishes or counts twice.

use replibank::{
    replica::{
        AnswerChange, CLIENTS_REMEMBERED, Delta, Disk, Input, MAX_WAITING, Output, PeerMessage, Receipt, Replica,
        Saved, Update,
    },
    topology::Shape,
    types::{
        AccountId, Action, Answer, Concern, Duration, Incarnation, Origin, Propagation, Refusal, Terms, Time, Tried,
        Version,
    },
};

use crate::common::{
    self, bank, branch, delta, deposit,
    disk::Copy,
    lives::{Net, configs, flush, named, recover},
    meet, origin, request, request_id, step, update,
};

fn answers(outputs: &[Output]) -> Vec<Answer> {
    let mut found = Vec::new();
    for output in outputs {
        if let Output::Reply { answer, .. } = output {
            found.push(answer.clone());
        }
    }
    found
}

/// A request that SAYS it was tried before, of a client that this branch forgot, must not be executed.
#[test]
fn retry_of_an_evicted_client_is_not_executed_again() {
    let mut replica = common::lone_replica(1);
    let life = replica.own().incarnation;
    step(&mut replica, Input::Request(named(1, 7, 1, deposit(0, 5), Tried::Never)));
    for client in 0..2 * CLIENTS_REMEMBERED as u64 {
        let mut outputs = Vec::new();
        replica.step(Time(0), Input::Request(named(2, 1_000 + client, 1, deposit(1, 1), Tried::Never)), &mut outputs);
    }
    let again = answers(&step(&mut replica, Input::Request(named(3, 7, 1, deposit(0, 5), Tried::In(life)))));
    assert_eq!(replica.balances()[&AccountId(0)], 105, "5 was deposited once; the retry, which says so, got {again:?}");
}

/// A life that began without the data of an earlier one stays such a life when it goes on from its disk.
#[test]
fn later_life_that_goes_on_from_its_disk_still_had_lives() {
    let mut config = bank(3, 2, Shape::Mesh, Propagation::Stream).swap_remove(0);
    config.own.incarnation = Incarnation(77);
    config.had_lives = true;
    let mut disk = Copy::default();
    let mut replica = Replica::recover(config.clone(), &Saved::default()).unwrap();
    let retry = || Input::Request(named(1, 7, 1, deposit(0, 5), Tried::In(Incarnation(0))));
    let first = answers(&step(&mut replica, retry()));
    assert!(matches!(first[..], [Answer::Refused(Refusal::RequestExpired { .. })]), "{first:?}");
    // Anybody writes anything, and the branch is restarted with its directory.
    step(&mut replica, Input::Request(named(2, 8, 1, deposit(1, 1), Tried::Never)));
    while let Some(save) = replica.poll_save() {
        disk.save(&save).unwrap();
        step(&mut replica, Input::Saved(save.number));
    }
    let saved = disk.load().unwrap();
    let mut replica = Replica::recover(config, &saved).unwrap();
    step(&mut replica, retry());
    assert_eq!(
        replica.balances()[&AccountId(0)],
        100,
        "the same retry, refused as expired before the restart, is executed after it"
    );
}

/// A branch that comes back with an older disk (buffered and a power failure, a snapshot, a backup) and
/// writes more than it lost before it meets its peers.
#[test]
fn older_disk_is_noticed_or_all_converges() {
    let configs = configs(2, 3, Shape::Mesh, Duration::MAX);
    let mut disk = Copy::default();
    let mut one = Replica::recover(configs[0].clone(), &Saved::default()).unwrap();
    let flush = |replica: &mut Replica, disk: &mut Copy| {
        while let Some(save) = replica.poll_save() {
            disk.save(&save).unwrap();
            step(replica, Input::Saved(save.number));
        }
    };
    step(&mut one, Input::Request(named(1, 7, 1, deposit(0, 10), Tried::Never)));
    flush(&mut one, &mut disk);
    let old = disk.load().unwrap();
    let two = Replica::new(configs[1].clone());
    let mut net = Net::new([one, two]);
    net.mend(1, 2);
    net.run(1000);
    // One write that reaches branch 2 and is told to the customer, but not to the platters.
    net.step(branch(1), Input::Request(named(2, 7, 2, deposit(1, 500), Tried::Never)));
    net.run(1000);
    assert_eq!(net.replicas[&branch(2)].balances()[&AccountId(1)], 1500);
    // The power fails: the disk is as it was before that write.
    net.cut(1, 2);
    net.replicas.insert(branch(1), Replica::recover(configs[0].clone(), &old).unwrap());
    // Customers come back sooner than the peer.
    net.step(branch(1), Input::Request(named(3, 8, 1, deposit(2, 7), Tried::Never)));
    net.step(branch(1), Input::Request(named(4, 8, 2, deposit(0, 1), Tried::Never)));
    net.mend(1, 2);
    net.run(60_000);
    let (one, two) = (&net.replicas[&branch(1)], &net.replicas[&branch(2)]);
    assert!(
        !net.faults.is_empty() || one.balances() == two.balances(),
        "equal versions, different balances, and nobody says anything"
    );
}

/// "Every branch has it" is said of a branch that had it, in an earlier life.
#[test]
fn concern_all_means_that_all_have_it_now() {
    let configs = configs(3, 1, Shape::Mesh, Duration::MAX);
    let mut net = Net::new(configs.iter().cloned().map(Replica::new));
    net.mend(1, 2);
    net.run(1000);
    let mut request = named(1, 7, 1, deposit(0, 5), Tried::Never);
    request.terms.concern = Concern::All;
    request.deadline = Time(u64::MAX);
    net.step(branch(1), Input::Request(request));
    net.run(1000); // 2 has it and says so; 3 is not there.
    // 2 loses its data, and begins a new life.
    net.cut(1, 2);
    let mut again = configs[1].clone();
    again.own.incarnation = Incarnation(9);
    again.had_lives = true;
    net.replicas.insert(branch(2), Replica::new(again));
    // Only 3 comes.
    net.mend(1, 3);
    net.run(1000);
    let holders = net.replicas.values().filter(|replica| replica.version().sequence(origin(1)) >= 1).count();
    let told = net.replies.iter().any(|(_, ticket, answer)| *ticket == 1 && matches!(answer, Answer::Committed(_)));
    assert!(!told || holders == 3, "told that all 3 have it; {holders} have it");
}

/// The same, where the origin itself has been shown by the new life's greeting that it has nothing.
#[test]
fn greeting_of_a_new_life_takes_back_what_the_old_one_confirmed() {
    let configs = configs(3, 1, Shape::Mesh, Duration::MAX);
    let mut net = Net::new(configs.iter().cloned().map(Replica::new));
    net.mend(1, 2);
    net.run(1000);
    let mut request = named(1, 7, 1, deposit(0, 5), Tried::Never);
    request.terms.concern = Concern::All;
    request.deadline = Time(u64::MAX);
    net.step(branch(1), Input::Request(request));
    net.run(1000);
    net.cut(1, 2);
    // The new life says "I have nothing", on a link that breaks right after.
    net.step(branch(1), Input::LinkUp(branch(2)));
    net.step(branch(1), Input::Message { from: branch(2), message: PeerMessage::Greeting { version: Version::EMPTY } });
    net.step(branch(1), Input::LinkDown(branch(2)));
    net.mend(1, 3);
    net.run(1000);
    let told = net.replies.iter().any(|(_, ticket, answer)| *ticket == 1 && matches!(answer, Answer::Committed(_)));
    assert!(!told, "branch 2 said that it has nothing, and branch 1 tells that all have it");
}

/// A new life is heard by its peers, however many there were before.
#[test]
fn bank_outlives_many_restarts() {
    let config = configs(2, 1, Shape::Mesh, Duration::MAX).swap_remove(1);
    let mut replica = Replica::new(config);
    meet(&mut replica, 1);
    let mut refused = None;
    for life in 1..=16_400_u64 {
        let mut delta = delta(1, 0, 1, &[(0, 1, 1, 0)]);
        delta.origin.incarnation = Incarnation(life);
        let mut outputs = Vec::new();
        replica.step(Time(0), Input::Message { from: branch(1), message: update(life, delta) }, &mut outputs);
        if refused.is_none() && outputs.iter().any(|output| matches!(output, Output::Faulty { .. })) {
            refused = Some((life, outputs));
        }
    }
    assert!(refused.is_none(), "{refused:?}");
}

/// Requests that wait hold a version each.
#[test]
fn waiting_requests_share_what_they_wait_for() {
    let mut replica = common::lone_replica(1);
    let at_least: Version =
        (1..=20_000).map(|id| (Origin { branch: branch(2), incarnation: Incarnation(id) }, 1)).collect();
    let before = rss();
    for ticket in 0..2_000 {
        let mut request = request(ticket, Action::Write(deposit(0, 1)));
        request.terms = Terms { at_least: at_least.clone(), ..Terms::default() };
        replica.step(Time(0), Input::Request(request), &mut Vec::new());
    }
    let grown = rss() - before;
    assert!(grown < 64 << 20, "{} MiB for 2,000 requests that wait for one version", grown >> 20);
}

fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// After a restart, too, a client is remembered until 8,192 others have come.
#[test]
fn restart_does_not_make_a_recent_client_old() {
    let config = configs(1, 2, Shape::Mesh, Duration::MAX).swap_remove(0);
    let mut disk = Copy::default();
    let mut replica = Replica::recover(config.clone(), &Saved::default()).unwrap();
    let ask = |replica: &mut Replica, client: u64, account: u64| {
        replica.step(
            Time(0),
            Input::Request(named(client, client, 1, deposit(account, 1), Tried::Never)),
            &mut Vec::new(),
        );
    };
    let c = CLIENTS_REMEMBERED as u64;
    (0..c).for_each(|client| ask(&mut replica, 100_000 + client, 1));
    // The most recent ones have, by chance, low ids.
    (1..=7_800).for_each(|client| ask(&mut replica, client, 0));
    // (The simplest disk is slow with many answers: so sort once.)
    let save = replica.poll_save().unwrap();
    let mut answers: Vec<_> = save
        .answers
        .iter()
        .map(|change| match change {
            AnswerChange::Remember(answer) => *answer,
            AnswerChange::ForgetRequest(_) | AnswerChange::ForgetClient(_) => panic!("nothing is forgotten yet"),
        })
        .collect();
    answers.sort_by_key(|answer| (answer.request.client, answer.request.number));
    disk.save(&replibank::replica::Save { answers: Vec::new(), ..save.clone() }).unwrap();
    let saved = Saved { answers, ..disk.load().unwrap() };
    let mut replica = Replica::recover(config, &saved).unwrap();
    let before = replica.balances()[&AccountId(0)];
    let mut others = 0;
    // One of the recent ones tries again, after so many others.
    for count in [0_u64, 100, 400, 1_000, 8_000] {
        while others < count {
            others += 1;
            ask(&mut replica, 500_000 + others, 1);
        }
        // A fresh copy, so that the retry does not make it young.
        let mut copy = replica.clone();
        ask(&mut copy, 5, 0);
        let after = copy.balances()[&AccountId(0)];
        assert_eq!(after, before, "after {count} other clients, {} are promised", c);
    }
}

fn write(replica: &mut Replica, number: u64, amount: u64, tried: Tried) -> Vec<Answer> {
    answers(&step(replica, Input::Request(named(1, 7, number, deposit(0, amount), tried))))
}

/// A retry that the directory does not know was never executed there, if the directory is whole; and whether it is,
/// the other branches show.
#[test]
fn a_retry_of_an_earlier_life_waits_until_all_have_shown_what_they_have() {
    for knows_more in [false, true] {
        let configs = configs(3, 1, Shape::Mesh, Duration::MAX);
        let mut disk = Copy::default();
        let mut one = recover(&configs[0], &mut disk);
        write(&mut one, 1, 5, Tried::Never);
        flush(&mut one, &mut disk);
        let mut one = recover(&configs[0], &mut disk);
        assert!(write(&mut one, 2, 50, Tried::In(Incarnation(0))).is_empty(), "nobody has shown anything");
        for (peer, sequence) in [(2, 1), (3, 1 + u64::from(knows_more))] {
            assert_eq!(one.balances()[&AccountId(0)], 1005);
            let version = Version::from_iter([(origin(1), sequence)]);
            step(&mut one, Input::LinkUp(branch(peer)));
            let greeting = PeerMessage::Greeting { version };
            step(&mut one, Input::Message { from: branch(peer), message: greeting });
        }
        let told = answers(&flush(&mut one, &mut disk));
        match (knows_more, told.as_slice()) {
            (false, [Answer::Committed(committed)]) => assert_eq!(committed.balance, 1055),
            (true, [Answer::Refused(Refusal::RequestExpired { .. })]) | (true, []) => {
                assert_eq!(one.balances()[&AccountId(0)], 1005);
                // That is on record: the next life need not hear it again.
                let mut one = recover(&configs[0], &mut disk);
                let told = write(&mut one, 2, 50, Tried::In(Incarnation(0)));
                assert!(matches!(told[..], [Answer::Refused(Refusal::RequestExpired { .. })]), "{told:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Whatever the order in which earlier lives' pages come, and in which a disk keeps them, a page is one and the same.
#[test]
fn a_page_stands_on_earlier_lives_in_one_order() {
    let life = |incarnation| Origin { incarnation: Incarnation(incarnation), ..origin(1) };
    let told = |first: u64, second: u64| {
        let mut config = configs(2, 1, Shape::Mesh, Duration::MAX).swap_remove(0);
        config.own = life(9);
        let mut one = Replica::new(config);
        step(&mut one, Input::LinkUp(branch(2)));
        for (number, earlier) in [(1, first), (2, second)] {
            let page = Delta { origin: life(earlier), ..delta(1, 0, 1, &[(0, 1, earlier, 0)]) };
            step(&mut one, Input::Message { from: branch(2), message: update(number, page) });
        }
        step(&mut one, Input::Request(named(1, 7, 1, deposit(0, 1), Tried::Never)));
        let own = one.written_beyond(&[]).into_iter().find(|page| page.origin == life(9));
        own.expect("it wrote").past
    };
    assert_eq!(told(4, 5), told(5, 4));
    assert_eq!(told(4, 5).iter().map(|past| past.origin).collect::<Vec<_>>(), [life(4), life(5)]);
}

/// A retry is told that all have a write of an earlier life once they say so, in a life that has written nothing, too.
#[test]
fn a_write_of_an_earlier_life_is_for_all_once_all_have_it() {
    let configs = configs(3, 1, Shape::Mesh, Duration::MAX);
    let mut disk = Copy::default();
    let mut one = recover(&configs[0], &mut disk);
    for number in 1..=5 {
        write(&mut one, number, 5, Tried::Never);
    }
    flush(&mut one, &mut disk);
    for has_written in [false, true] {
        let mut disk = disk.clone();
        let mut one = recover(&configs[0], &mut disk);
        let own = one.own();
        if has_written {
            step(&mut one, Input::Request(named(1, 8, 1, deposit(0, 1), Tried::Never)));
        }
        let mut again = named(2, 7, 5, deposit(0, 5), Tried::In(Incarnation(0)));
        again.terms.concern = Concern::All;
        step(&mut one, Input::Request(again));
        flush(&mut one, &mut disk);
        let says = |one: &mut Replica, peer, sequence| {
            step(one, Input::LinkUp(branch(peer)));
            let greeting = PeerMessage::Greeting { version: Version::from_iter([(origin(1), sequence)]) };
            answers(&step(one, Input::Message { from: branch(peer), message: greeting }))
        };
        assert_eq!(says(&mut one, 2, 5), []);
        assert_eq!(says(&mut one, 3, 4), [], "branch 3 lacks it");
        let told = if has_written {
            // It has a write of the new life, says branch 2: so it has all that was before.
            step(&mut one, Input::LinkDown(branch(3)));
            let receipts = vec![Receipt { by: origin(3), origin: own, sequence: 1 }];
            let update = PeerMessage::Update(Update { number: 1, is_urgent: true, deltas: Vec::new(), receipts });
            answers(&step(&mut one, Input::Message { from: branch(2), message: update }))
        } else {
            says(&mut one, 3, 5)
        };
        assert!(matches!(told[..], [Answer::Committed(of)] if of.origin == origin(1) && of.sequence == 5), "{told:?}");
    }
}

/// What may have been done is never refused as if it had not, also where nothing more may wait.
#[test]
fn a_retry_that_cannot_wait_until_all_have_shown_may_have_been_executed() {
    let configs = configs(2, 1, Shape::Mesh, Duration::MAX);
    let mut disk = Copy::default();
    let mut one = recover(&configs[0], &mut disk);
    write(&mut one, 1, 5, Tried::Never);
    flush(&mut one, &mut disk);
    let tried = Tried::In(Incarnation(0));
    let expired = |number| [Answer::Refused(Refusal::RequestExpired { request: request_id(7, number) })];
    let mut one = recover(&configs[0], &mut disk);
    let request = named(2, 7, 2, deposit(0, 50), tried);
    assert_eq!(answers(&step(&mut one, Input::RequestAtOnce { request, limit: 1 })), expired(2));
    let mut outputs = Vec::new();
    for ticket in 0..MAX_WAITING as u64 {
        let waits = Input::Request(named(10 + ticket, 7, 3, deposit(0, 50), tried));
        one.step(Time::default(), waits, &mut outputs);
    }
    assert_eq!(answers(&outputs), [], "they wait");
    let request = named(3, 7, 4, deposit(0, 50), tried);
    assert_eq!(answers(&step(&mut one, Input::Request(request))), expired(4));
}

/// What the directory lacks may be told before it is shown: then it is here when it is shown, and was still missing.
#[test]
fn a_retry_is_not_executed_if_what_the_directory_lacked_is_told_before_it_is_shown() {
    let configs = configs(2, 1, Shape::Mesh, Duration::MAX);
    let mut disk = Copy::default();
    let mut one = recover(&configs[0], &mut disk);
    write(&mut one, 1, 5, Tried::Never);
    flush(&mut one, &mut disk);
    let mut older = disk.clone();
    write(&mut one, 2, 50, Tried::Never);
    flush(&mut one, &mut disk);
    let Ok(mut whole) = disk.load();
    let mut one = recover(&configs[0], &mut older);
    assert!(write(&mut one, 2, 50, Tried::In(Incarnation(0))).is_empty(), "nobody has shown anything");
    step(&mut one, Input::LinkUp(branch(2)));
    let told = update(1, whole.pages.remove(0));
    let mut outputs = step(&mut one, Input::Message { from: branch(2), message: told });
    let greeting = PeerMessage::Greeting { version: Version::from_iter([(origin(1), 2)]) };
    outputs.extend(step(&mut one, Input::Message { from: branch(2), message: greeting }));
    outputs.extend(flush(&mut one, &mut older));
    let told = answers(&outputs);
    assert!(matches!(told[..], [Answer::Refused(Refusal::RequestExpired { .. })]), "{told:?}");
    assert_eq!(one.balances()[&AccountId(0)], 1055);
    let mut one = recover(&configs[0], &mut older);
    let told = write(&mut one, 3, 50, Tried::In(Incarnation(0)));
    assert!(matches!(told[..], [Answer::Refused(Refusal::RequestExpired { .. })]), "on record: {told:?}");
}

#[test]
fn a_retry_that_nobody_can_vouch_for_is_expired_at_its_deadline() {
    let configs = configs(2, 1, Shape::Mesh, Duration::MAX);
    let mut disk = Copy::default();
    recover(&configs[0], &mut disk);
    let mut one = recover(&configs[0], &mut disk);
    let mut request = named(1, 7, 1, deposit(0, 5), Tried::In(Incarnation(0)));
    request.deadline = Time(1_000);
    assert!(answers(&step(&mut one, Input::Request(request))).is_empty());
    let told = answers(&common::step_at(&mut one, Time(1_000), Input::Tick));
    assert!(matches!(told[..], [Answer::Refused(Refusal::RequestExpired { .. })]), "{told:?}");
}

/// Two processes on copies of one disk: both acknowledge, all of it counts, and the earlier one hears that it must stop.
#[test]
fn clones_lose_nothing_and_the_earlier_one_is_told() {
    let configs = configs(2, 1, Shape::Mesh, Duration::MAX);
    let mut disk = Copy::default();
    let mut first = recover(&configs[0], &mut disk);
    write(&mut first, 1, 1, Tried::Never);
    flush(&mut first, &mut disk);
    let mut copy = disk.clone();
    let mut earlier = recover(&configs[0], &mut disk);
    let mut config = configs[0].clone();
    config.own.incarnation = Incarnation(77);
    let mut later = recover(&config, &mut copy);
    write(&mut earlier, 2, 10, Tried::Never);
    write(&mut later, 3, 100, Tried::Never);
    flush(&mut earlier, &mut disk);
    flush(&mut later, &mut copy);
    let mut net = Net::new([earlier, Replica::new(configs[1].clone())]);
    net.mend(1, 2);
    net.run(1_000);
    net.cut(1, 2);
    let earlier = net.replicas.insert(branch(1), later).unwrap();
    net.mend(1, 2);
    net.run(60_000);
    for replica in net.replicas.values() {
        assert_eq!(replica.balances()[&AccountId(0)], 1111);
        assert_eq!(replica.superseded(), None);
    }
    assert_eq!(net.faults, [] as [String; 0]);
    let mut net = Net::new([earlier, net.replicas.remove(&branch(2)).unwrap()]);
    net.mend(1, 2);
    net.run(1_000);
    let later = Origin { incarnation: Incarnation(77), ..origin(1) };
    assert_eq!(net.replicas[&branch(1)].superseded(), Some(later));
    assert_eq!(net.replicas[&branch(1)].balances()[&AccountId(0)], 1111);
    // What it writes before it stops counts as well.
    net.step(branch(1), Input::Request(named(4, 7, 4, deposit(0, 1_000), Tried::Never)));
    net.run(60_000);
    let two = &net.replicas[&branch(2)];
    assert_eq!(two.balances()[&AccountId(0)], 2111);
    assert_eq!(two.version(), net.replicas[&branch(1)].version());
}

#[test]
fn a_page_is_not_joined_before_what_it_stands_on() {
    let mut replica = common::lone_replica(2);
    meet(&mut replica, 2);
    let later = Origin { incarnation: Incarnation(5), ..origin(2) };
    let past = vec![replibank::replica::Past { from: 1, origin: origin(2), sequence: 1 }];
    let page = replibank::replica::Delta { origin: later, past, ..delta(2, 0, 1, &[(0, 1, 7, 0)]) };
    common::say(&mut replica, 2, update(1, page.clone()));
    assert_eq!(replica.version(), Version::EMPTY);
    common::say(&mut replica, 2, update(2, delta(2, 0, 1, &[(0, 1, 3, 0)])));
    common::say(&mut replica, 2, update(3, page));
    assert_eq!(replica.version(), Version::from_iter([(later, 1)]));
    assert_eq!(replica.balances()[&AccountId(0)], 110);
}

/// What a dead life took with it is lost as soon as all who could have it say that they have not.
#[test]
fn who_waits_for_what_is_lost_is_told_at_once() {
    let configs = configs(3, 1, Shape::Mesh, Duration::MAX);
    let mut net = Net::new(configs.iter().cloned().map(Replica::new));
    net.mend(1, 2);
    net.mend(1, 3);
    net.mend(2, 3);
    net.run(1_000);
    net.step(branch(1), Input::Request(named(1, 7, 1, deposit(0, 5), Tried::Never)));
    net.run(1_000);
    net.cut(1, 2);
    net.cut(1, 3);
    net.step(branch(1), Input::Request(named(2, 7, 2, deposit(0, 50), Tried::Never)));
    let mut again = configs[0].clone();
    again.own.incarnation = Incarnation(9);
    again.had_lives = true;
    net.replicas.insert(branch(1), Replica::new(again));
    for at in [1, 2, 3] {
        let mut asked = request(30 + u64::from(at), Action::Query { account: AccountId(0) });
        asked.terms.at_least = Version::from_iter([(origin(1), 2)]);
        asked.deadline = Time(u64::MAX);
        net.step(branch(at), Input::Request(asked));
    }
    // One try of a deposit waits for what is lost, and another is done.
    let mut waits = named(20, 8, 1, deposit(0, 500), Tried::Never);
    waits.terms.at_least = Version::from_iter([(origin(1), 2)]);
    waits.deadline = Time(u64::MAX);
    net.step(branch(2), Input::Request(waits));
    net.step(branch(2), Input::Request(named(21, 8, 1, deposit(0, 500), Tried::Sometime)));
    net.run(1_000);
    let lost = Answer::Refused(Refusal::VersionLost { origin: origin(1), most: 1 });
    assert!(net.replies.iter().all(|(_, ticket, _)| *ticket < 30), "nobody knows yet: {:?}", net.replies);
    net.mend(1, 2);
    net.run(100);
    let told: Vec<u64> = net.replies.iter().map(|(_, ticket, _)| *ticket).filter(|ticket| *ticket >= 30).collect();
    assert_eq!(told, [32], "only branch 2 has asked all others");
    net.mend(1, 3);
    net.run(100);
    for at in [1, 2, 3] {
        let told = net.replies.iter().find(|(_, ticket, _)| *ticket == 30 + at);
        assert_eq!(told.map(|(_, _, answer)| answer), Some(&lost), "at branch {at}");
    }
    let told = |ticket| net.replies.iter().find(|reply| reply.1 == ticket).map(|(_, _, answer)| answer);
    assert!(matches!(told(21), Some(Answer::Committed(_))), "{:?}", told(21));
    assert_eq!(told(20), told(21), "it is done, for whoever asks");
}
