//! What the fuzz targets share: how many cases they run, and how bytes are mangled.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

use proptest::{prelude::*, sample::Index};

/// As many cases as PROPTEST_CASES says, or `default`.
pub fn cases(default: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(default), failure_persistence: None, ..ProptestConfig::default() }
}

/// One thing that goes wrong with bytes on their way.
#[derive(Clone, Debug)]
pub enum Damage {
    Flip(Index, u8),
    Overwrite(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Truncate(Index),
    /// A piece of the bytes, once more and elsewhere.
    Splice(Index, Index, usize),
    Swap(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    use Damage::{Flip, Insert, Overwrite, Remove, Splice, Swap, Truncate};
    let at = any::<Index>;
    let bytes = prop::collection::vec(any::<u8>(), 1..12);
    prop_oneof![
        4 => (at(), 0..8_u8).prop_map(|(at, bit)| Flip(at, bit)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Overwrite(at, byte)),
        2 => (at(), bytes).prop_map(|(at, bytes)| Insert(at, bytes)),
        2 => (at(), 1..16_usize).prop_map(|(at, length)| Remove(at, length)),
        1 => at().prop_map(Truncate),
        2 => (at(), at(), 1..64_usize).prop_map(|(from, to, length)| Splice(from, to, length)),
        1 => (at(), at()).prop_map(|(one, other)| Swap(one, other)),
    ]
}

/// A little damage, or none.
pub fn damages() -> impl Strategy<Value = Vec<Damage>> {
    prop::collection::vec(damage(), 0..4)
}

pub fn mangled(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let length = bytes.len();
        if length == 0 {
            return bytes;
        }
        match damage {
            Damage::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Damage::Overwrite(at, byte) => bytes[at.index(length)] = *byte,
            Damage::Insert(at, more) => drop(bytes.splice(at.index(length)..at.index(length), more.clone())),
            Damage::Remove(at, count) => drop(bytes.drain(at.index(length)..length.min(at.index(length) + count))),
            Damage::Truncate(at) => bytes.truncate(at.index(length)),
            Damage::Splice(from, to, count) => {
                let from = from.index(length);
                let piece = bytes[from..length.min(from + count)].to_vec();
                bytes.splice(to.index(length)..to.index(length), piece);
            }
            Damage::Swap(one, other) => bytes.swap(one.index(length), other.index(length)),
        }
    }
    bytes
}
