//! Traces of banks of real branches: every law holds, at any moment, and the rows tell what the replicas
//! have.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at some events only")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use replibank::{
    bank::{Bank, BankConfig, Fault},
    topology::Shape,
    trace::{Event, FaultKind, Trace},
    types::{AccountId, Action, Amount, BranchId, Concern, Operation, OperationKind, Origin, Propagation, Terms},
    wire::proto::{self, replication_service_client::ReplicationServiceClient},
};

use crate::common::{branch, laws};

const SOON: Duration = Duration::from_secs(20);
const ACCOUNTS: u64 = 3;

fn config(branches: u32) -> BankConfig {
    let accounts = (0..ACCOUNTS).map(|account| (AccountId(account), 400)).collect();
    BankConfig { accounts, trace_capacity: 1 << 20, ..BankConfig::new((1..=branches).map(branch), 400) }
}

fn write(kind: OperationKind, account: u64, amount: u64) -> Action {
    let amount = Amount::new(amount).expect("an amount");
    Action::Write(Operation { kind, account: AccountId(account), amount })
}

async fn trace(bank: &Bank) -> Trace {
    bank.trace().await.expect("nobody is paused").expect("a trace is kept")
}

/// A customer at every branch, all at the same time; each ends with a write that everybody has.
async fn busy(bank: &Arc<Bank>, branches: u32) {
    let mut customers = tokio::task::JoinSet::new();
    for id in 1..=branches {
        let bank = bank.clone();
        customers.spawn(async move {
            let customer = bank.customer(branch(id), SOON).await.expect("the branch is served");
            let actions: Vec<Action> = (0..300)
                .map(|number| match number % 3 {
                    0 => write(OperationKind::Deposit, number % ACCOUNTS, 1 + number),
                    1 => write(OperationKind::Withdraw, number % ACCOUNTS, 2),
                    _ => Action::Query { account: AccountId(number % ACCOUNTS) },
                })
                .collect();
            customer.execute(&actions, &Terms::default()).await.expect("all answered");
            let everywhere = Terms { concern: Concern::All, ..Terms::default() };
            let last =
                Operation { kind: OperationKind::Deposit, account: AccountId(0), amount: Amount::new(1).unwrap() };
            customer.write(last, &everywhere).await.expect("every branch has it");
        });
    }
    while let Some(ended) = customers.join_next().await {
        ended.expect("no customer fails");
    }
}

async fn tells_what_the_replicas_have(bank: &Bank) {
    let statuses = bank.statuses(SOON).await.expect("every branch answers");
    let versions: BTreeMap<_, _> = statuses.into_iter().map(|(id, status)| (id, status.snapshot.version)).collect();
    let mut traced = trace(bank).await.versions(None);
    for (id, whole) in &mut traced {
        // A version lists no earlier life that a later one of the same branch stands on.
        let told: Vec<Origin> = versions[id].iter().map(|(origin, _)| origin).collect();
        let is_later = |than: Origin| told.iter().any(|origin| origin.branch == than.branch && *origin > than);
        let short = whole.iter().filter(|&(origin, _)| told.contains(&origin) || !is_later(origin));
        *whole = short.collect();
    }
    assert_eq!(traced, versions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_law_holds_at_any_moment() {
    let ways = [
        (12, BankConfig { shape: Shape::Overlay, ..config(12) }),
        (5, BankConfig { propagation: Propagation::Unary, ..config(5) }),
    ];
    for (branches, way) in ways {
        let bank = Arc::new(Bank::start(way).await.expect("the bank starts"));
        let looking = async {
            loop {
                laws::hold(&trace(&bank).await);
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = busy(&bank, branches) => {}
            () = looking => {}
        }
        bank.wait_until_converged(SOON).await.expect("the bank converges");
        let whole = trace(&bank).await;
        let seen = laws::hold(&whole);
        assert!(seen.joined > 0 && seen.received > 0, "{seen:?}");
        tells_what_the_replicas_have(&bank).await;
        assert_eq!(Trace::parse(&whole.to_jsonl()).as_ref(), Ok(&whole));
        bank.close().await;
        assert!(trace(&bank).await.rows().len() >= whole.rows().len(), "a closed bank has its trace");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_that_is_killed_leaves_its_rows_and_its_clock() {
    for propagation in [Propagation::Stream, Propagation::Unary] {
        let bank = Arc::new(Bank::start(BankConfig { propagation, ..config(3) }).await.expect("the bank starts"));
        busy(&bank, 3).await;
        bank.kill(branch(2)).await.expect("it runs");
        let groups = [2, 3].map(|id| BTreeSet::from([branch(id)])).to_vec();
        let cut = bank.inflict(Fault::Partition { groups, one_way: false }).await.expect("while it is down");
        bank.restart(branch(2)).await.expect("it comes back");
        bank.lift(cut).await.expect("both are told");
        busy(&bank, 3).await;
        bank.wait_until_converged(SOON).await.expect("the bank converges");
        let whole = trace(&bank).await;
        laws::hold(&whole);
        tells_what_the_replicas_have(&bank).await;
        let faults = whole.rows().iter().filter_map(|row| match &row.event {
            Event::Fault(fault) => Some((row.branch.value(), fault.kind, fault.peer.map(BranchId::value))),
            _ => None,
        });
        let mut faults = faults.collect::<Vec<_>>();
        faults.sort();
        assert_eq!(
            faults,
            [
                (2, FaultKind::Killed, None),
                (2, FaultKind::Restarted, None),
                (2, FaultKind::Cut, Some(3)),
                (2, FaultKind::Mended, Some(3)),
                (3, FaultKind::Cut, Some(2)),
                (3, FaultKind::Mended, Some(2)),
            ]
        );
        bank.close().await;
    }
}

/// A peer that keeps no trace sends no mark, and one that makes no sense is as none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_without_a_trace_is_told_of_without_a_name() {
    let way = BankConfig { propagation: Propagation::Unary, ..config(2) };
    let bank = Bank::start(way).await.expect("the bank starts");
    let address = bank.addresses()[&branch(1)];
    let mut peer = ReplicationServiceClient::connect(format!("http://{address}")).await.expect("it listens");
    let senseless = proto::Mark { sender: 0, message_id: 9, clock: u64::MAX };
    for (sequence, mark) in [(1, None), (2, Some(senseless))] {
        let operation = proto::PropagatedOperation { origin: 2, sequence, amount: 5, ..Default::default() };
        let told = proto::PropagateDepositRequest { operation: Some(operation), mark, ..Default::default() };
        let answer = peer.propagate_deposit(told).await.expect("the call is taken").into_inner();
        assert_eq!(answer.sequence, sequence);
        assert!(answer.mark.is_some(), "branch 1 keeps a trace");
    }
    let trace = trace(&bank).await;
    let told = trace.rows().iter().filter(|row| row.branch == branch(1)).filter_map(|row| match &row.event {
        Event::Received(message) => Some((message.peer.value(), message.operations, message.id)),
        Event::Joined(change) => Some((2, change.amount as u64, change.message)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(2, 1, None), (2, 5, None), (2, 1, None), (2, 5, None)]);
    bank.close().await;

    let silent = Bank::start(BankConfig { trace_capacity: 0, ..config(2) }).await.expect("the bank starts");
    assert_eq!(silent.trace().await, Ok(None));
    silent.close().await;
}
