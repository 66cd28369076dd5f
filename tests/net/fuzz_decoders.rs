//! Fuzz targets for everything that reads bytes of branches and customers. Whatever comes in, nothing
//! panics (tests check overflow), a refusal names its field, and what is read can be written and read
//! again. `fuzz_replica` tells a replica of it.
//!
//! The default is what a test run can afford. For hours, with new cases each time:
//! `PROPTEST_CASES=100000000 cargo test --test net fuzz_decoders`
//! (not with --release, which does not check overflow).

use std::{collections::BTreeSet, fmt::Debug};

use proptest::prelude::*;
use prost::Message;
use replibank::{
    types::{ClientId, OperationKind, RequestId},
    wire::{Propagated, Snapshot, Status, WireError, proto},
};

use crate::{
    draw,
    fuzz::{cases, damages, mangled},
};

/// Reads one kind of message; the error, if there is one.
type Read = fn(&[u8]) -> Option<WireError>;

const REQUEST: RequestId = RequestId { client: ClientId(7), number: 3 };

/// What reads each message that a call may carry.
const TARGETS: [(&str, Read); 14] = [
    ("ReplicateRequest", |bytes| read(bytes, |it: &proto::ReplicateRequest| peer_message(&it.message))),
    ("ReplicateResponse", |bytes| read(bytes, |it: &proto::ReplicateResponse| peer_message(&it.message))),
    ("PropagateDepositRequest", |bytes| {
        read(bytes, |it: &proto::PropagateDepositRequest| {
            Propagated::read(OperationKind::Deposit, it.operation, it.delta.clone()).map(drop)
        })
    }),
    ("PropagateWithdrawRequest", |bytes| {
        read(bytes, |it: &proto::PropagateWithdrawRequest| {
            Propagated::read(OperationKind::Withdraw, it.operation, it.delta.clone()).map(drop)
        })
    }),
    ("QueryRequest", |bytes| read(bytes, |it: &proto::QueryRequest| it.read().map(drop))),
    ("DepositRequest", |bytes| {
        read(bytes, |it: &proto::DepositRequest| {
            let (operation, id, terms) = it.read()?;
            if let (Ok(operation), Some(id)) = (operation, id) {
                let again = proto::DepositRequest::new(operation.account, operation.amount, id, &terms);
                assert_eq!(again.read(), Ok((Ok(operation), Some(id), terms)));
            }
            Ok(())
        })
    }),
    ("WithdrawRequest", |bytes| read(bytes, |it: &proto::WithdrawRequest| it.read().map(drop))),
    ("ExecuteRequest", |bytes| {
        read(bytes, |it: &proto::ExecuteRequest| {
            let batch = it.read()?;
            let asked: Vec<_> = batch.requests.iter().filter_map(|&(number, it)| Some((number, it.ok()?))).collect();
            if let (Some(client), true) = (batch.client, asked.len() == batch.requests.len()) {
                let again = proto::ExecuteRequest::new(client, asked, &batch.terms);
                assert_eq!(again.read(), Ok(batch));
            }
            Ok(())
        })
    }),
    ("ExecuteResponse", |bytes| {
        read(bytes, |it: &proto::ExecuteResponse| {
            it.answers.iter().try_for_each(|it| {
                let answer = it.read(REQUEST.client)?;
                same(Ok(&answer), proto::Answer::new(it.number, &answer).read(REQUEST.client))
            })
        })
    }),
    ("QueryResponse", |bytes| {
        read(bytes, |it: &proto::QueryResponse| {
            let answer = it.read()?;
            same(Ok(&answer), proto::QueryResponse::new(&answer).read())
        })
    }),
    ("DepositResponse", |bytes| {
        read(bytes, |it: &proto::DepositResponse| {
            let answer = it.read(REQUEST)?;
            same(Ok(&answer), proto::DepositResponse::new(&answer).read(REQUEST))
        })
    }),
    ("WithdrawResponse", |bytes| {
        read(bytes, |it: &proto::WithdrawResponse| {
            let answer = it.read(REQUEST)?;
            same(Ok(&answer), proto::WithdrawResponse::new(&answer).read(REQUEST))
        })
    }),
    ("StatusResponse", |bytes| {
        read(bytes, |it: &proto::StatusResponse| {
            let status = Status::try_from(it)?;
            same(Ok(&status), Status::try_from(&proto::StatusResponse::from(&status)))
        })
    }),
    ("WatchResponse", |bytes| {
        read(bytes, |it: &proto::WatchResponse| {
            let snapshot = Snapshot::try_from(it)?;
            same(Ok(&snapshot), Snapshot::try_from(&proto::WatchResponse::from(&snapshot)))
        })
    }),
];

/// Messages of which every content makes sense as it stands.
const WITHOUT_READER: [&str; 4] =
    ["StatusRequest", "WatchRequest", "PropagateDepositResponse", "PropagateWithdrawResponse"];

fn read<M: Message + Default>(bytes: &[u8], read: impl Fn(&M) -> Result<(), WireError>) -> Option<WireError> {
    M::decode(bytes).ok().and_then(|message| read(&message).err())
}

/// What was read, written and read again.
fn same<T: PartialEq + Debug>(once: Result<&T, WireError>, again: Result<T, WireError>) -> Result<(), WireError> {
    assert_eq!(once, again.as_ref().map_err(Clone::clone));
    Ok(())
}

fn peer_message(message: &Option<proto::PeerMessage>) -> Result<(), WireError> {
    let message = message.clone().unwrap_or_default();
    if let Ok(hello) = message.clone().read_hello() {
        assert!(message.clone().read().is_err(), "a hello is no message of a replica's");
        return same(Ok(&hello), proto::PeerMessage::hello(hello).read_hello());
    }
    let read = message.clone().read()?;
    let again = proto::PeerMessage::new(read.clone()).expect("a stream carries it");
    same(Ok(&read), again.read())
}

fn judge(target: Read, bytes: &[u8]) {
    if let Some(error) = target(bytes) {
        assert!(!error.field.is_empty() && !error.reason.is_empty(), "{error:?}");
        assert!(error.to_string().len() < 200, "{error}");
    }
}

#[test]
fn every_message_that_a_call_may_carry_is_fuzzed() {
    let ours = draw::pool().services().filter(|service| service.full_name().starts_with("replibank."));
    let methods: Vec<_> = ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let carried = methods.iter().flat_map(|method| [method.input(), method.output()]);
    let carried: BTreeSet<String> = carried.map(|message| message.name().to_owned()).collect();
    let fuzzed = TARGETS.iter().map(|&(name, _)| name).chain(WITHOUT_READER).map(str::to_owned).collect();
    assert_eq!(carried, fuzzed);
}

fn any_target() -> impl Strategy<Value = (&'static str, Read)> {
    prop::sample::select(TARGETS.to_vec())
}

proptest! {
    #![proptest_config(cases(60_000))]

    #[test]
    fn prop_no_bytes_panic(target in any_target(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(target.1, &bytes);
    }

    #[test]
    fn prop_no_message_panics_whole_or_damaged(
        (target, bytes) in any_target().prop_flat_map(|(name, read)| (Just(read), draw::encoded(name))),
        damages in damages(),
    ) {
        judge(target, &bytes);
        judge(target, &mangled(bytes, &damages));
    }
}
