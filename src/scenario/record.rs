//! One record of the input: a customer or a branch, in each spelling that circulates. Keys beyond
//! those that are needed are ignored, as are the `money` of a query and blanks around keys.

use super::{
    error::{InputError, RecordKind, RecordPlace, RecordTitle},
    fields::Fields,
    flaw::{NumberRange, RecordFlaw},
    json::{Json, sketch},
    model::{Action, CustomerRecord, Event, Order},
};
use crate::types::{Amount, BranchId, OperationKind};

const TYPES: &str = "\"customer\" or \"branch\" (older files: \"client\" or \"bank\")";
const INTERFACES: &str = "\"query\", \"deposit\" or \"withdraw\"";

/// A record that is right in itself.
pub(super) enum Record {
    Customer(CustomerRecord),
    Branch { id: BranchId, balance: i64 },
}

/// Reads the record of that number (from 1); the place serves later errors about it.
pub(super) fn read(number: usize, value: &Json<'_>, order: Order) -> Result<(RecordPlace, Record), InputError> {
    let place = RecordPlace { record: number, title: title(value), event: None, field: None };
    let fields = Fields::of(value, place)?;
    let kind = fields.word("type", &RecordKind::NAMES, TYPES, RecordKind::named)?;
    let id = fields.number("id", NumberRange::Id, |id| BranchId::new(u32::try_from(id).ok()?))?;
    let record = match kind {
        RecordKind::Branch => Record::Branch { id, balance: fields.number("balance", NumberRange::Balance, Some)? },
        RecordKind::Customer => {
            let events = events(&fields, place, id, order)?;
            Record::Customer(CustomerRecord { id: u64::from(id.value()), branch: id, events })
        }
    };
    Ok((place, record))
}

/// What the record says of itself, however wrong the rest of it is.
fn title(value: &Json<'_>) -> RecordTitle {
    let Json::Object(object) = value else { return RecordTitle::default() };
    let kind = object.value("type").and_then(Json::text).and_then(RecordKind::named);
    let id = object.value("id").and_then(Json::natural);
    RecordTitle { kind, id }
}

fn events(
    fields: &Fields<'_, '_>,
    place: RecordPlace,
    branch: BranchId,
    order: Order,
) -> Result<Vec<Event>, InputError> {
    if fields.optional("events").is_none() && fields.optional("customer-requests").is_some() {
        return Err(place.error(RecordFlaw::LogicalClock));
    }
    let values = fields.array("events")?;
    let mut events = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let event = event(value, place.event(index + 1), branch)?;
        if order == Order::Id && event.id.is_none() {
            return Err(place.event(index + 1).error(RecordFlaw::NoEventId));
        }
        events.push(event);
    }
    match order {
        Order::File => {}
        Order::Id => events.sort_by_key(|event| event.id),
    }
    Ok(events)
}

fn event(value: &Json<'_>, place: RecordPlace, branch: BranchId) -> Result<Event, InputError> {
    let fields = Fields::of(value, place)?;
    let id = fields.optional("id").map(|_| fields.number("id", NumberRange::EventId, Some)).transpose()?;
    let operation = fields.word("interface", &Action::INTERFACES, INTERFACES, |name| match name {
        "query" => Some(None),
        "deposit" => Some(Some(OperationKind::Deposit)),
        "withdraw" => Some(Some(OperationKind::Withdraw)),
        _ => None,
    })?;
    stays_home(&fields, place, branch)?;
    let money = || fields.number("money", NumberRange::Money, |money| Amount::new(u64::try_from(money).ok()?).ok());
    let action = match operation {
        None => Action::Query,
        Some(OperationKind::Deposit) => Action::Deposit(money()?),
        Some(OperationKind::Withdraw) => Action::Withdraw(money()?),
    };
    Ok(Event { id, action })
}

/// To ignore a branch that an event names would run another scenario than the one in the file.
fn stays_home(fields: &Fields<'_, '_>, place: RecordPlace, branch: BranchId) -> Result<(), InputError> {
    for field in ["branch", "dest"] {
        match fields.optional(field) {
            None => {}
            Some(Json::Natural(named)) if *named == u64::from(branch.value()) => {}
            Some(other) => {
                let found = sketch(other);
                return Err(place.field(field).error(RecordFlaw::OtherBranch { found, branch }));
            }
        }
    }
    Ok(())
}
