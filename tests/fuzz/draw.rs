//! Draws any message of the .proto by its descriptor, so that a new field or message is drawn from the
//! day it is written. Numbers are mostly small, so that what is drawn often makes sense together.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

use proptest::{prelude::*, strategy::Union};
use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use replibank::wire::proto;

pub fn pool() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTORS).expect("our own descriptors"));
    &POOL
}

/// Any message of this name, encoded.
pub fn encoded(name: &str) -> BoxedStrategy<Vec<u8>> {
    let full_name = format!("replibank.v1.{name}");
    let descriptor = pool().get_message_by_name(&full_name).unwrap_or_else(|| panic!("{full_name} is no message"));
    message(descriptor).prop_map(|message| prost::Message::encode_to_vec(&message)).boxed()
}

type Fields = Vec<Option<(FieldDescriptor, Value)>>;

fn message(descriptor: MessageDescriptor) -> BoxedStrategy<DynamicMessage> {
    let alone = descriptor.fields().filter(|field| field.containing_oneof().is_none());
    let alone = alone.map(|field| field_value(field).boxed());
    let oneofs = descriptor.oneofs().map(|oneof| Union::new(oneof.fields().map(field_value)).boxed());
    let parts: Vec<_> = alone.chain(oneofs).map(|part| prop::option::weighted(0.9, part)).collect();
    parts
        .prop_map(move |fields: Fields| {
            let mut message = DynamicMessage::new(descriptor.clone());
            for (field, value) in fields.into_iter().flatten() {
                message.set_field(&field, value);
            }
            message
        })
        .boxed()
}

fn field_value(field: FieldDescriptor) -> BoxedStrategy<(FieldDescriptor, Value)> {
    let one = value(field.kind());
    let value = if field.is_list() { prop::collection::vec(one, 0..4).prop_map(Value::List).boxed() } else { one };
    value.prop_map(move |value| (field.clone(), value)).boxed()
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Message(descriptor) => message(descriptor).prop_map(Value::Message).boxed(),
        Kind::Uint64 | Kind::Fixed64 => number().prop_map(Value::U64).boxed(),
        Kind::Int64 => number().prop_map(|number| Value::I64(number.cast_signed())).boxed(),
        Kind::Uint32 => prop_oneof![9 => 0..5_u32, 1 => any::<u32>()].prop_map(Value::U32).boxed(),
        Kind::Enum(_) => prop_oneof![9 => 0..11_i32, 1 => any::<i32>()].prop_map(Value::EnumNumber).boxed(),
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::String => any::<String>().prop_map(Value::String).boxed(),
        Kind::Bytes => prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bytes(bytes.into())).boxed(),
        other @ (Kind::Double
        | Kind::Float
        | Kind::Int32
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Fixed32
        | Kind::Sfixed32
        | Kind::Sfixed64) => panic!("the .proto has no {other:?} yet: draw it here"),
    }
}

pub fn number() -> impl Strategy<Value = u64> {
    let bounds = [1 << 32, (1 << 48) - 1, 1 << 48, (1 << 53) - 1, 1 << 63, u64::MAX];
    prop_oneof![12 => 0..4_u64, 2 => 0..40_u64, 1 => prop::sample::select(bounds.to_vec()), 1 => any::<u64>()]
}
