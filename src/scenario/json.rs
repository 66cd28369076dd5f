//! A JSON tree that keeps the order of keys and refuses a key that comes twice, where serde_json's
//! own `Value` would silently keep the last.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    document::{DocumentFlaw, MAX_KEYS, MAX_VALUES},
    sketch::{Clipped, clip, quoted},
};

/// One JSON value; texts borrow from the file where they can.
pub(super) enum Json<'a> {
    Null,
    Boolean(bool),
    Natural(u64),
    Negative(i64),
    /// Anything written with a dot or an exponent, and whole numbers that fit neither of the above.
    Fraction(f64),
    Text(Cow<'a, str>),
    Array(Box<[Json<'a>]>),
    Object(Object<'a>),
}

impl Json<'_> {
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn natural(&self) -> Option<u64> {
        if let Self::Natural(value) = self { Some(*value) } else { None }
    }

    pub(super) fn whole(&self) -> Option<i64> {
        if let Self::Negative(value) = self { Some(*value) } else { i64::try_from(self.natural()?).ok() }
    }
}

/// A value as JSON, shortened.
pub(super) fn sketch(value: &Json<'_>) -> String {
    clip(|out| write_value(out, value))
}

fn write_value(out: &mut Clipped, value: &Json<'_>) -> fmt::Result {
    match value {
        Json::Null => out.write_str("null"),
        Json::Boolean(value) => write!(out, "{value}"),
        Json::Natural(value) => write!(out, "{value}"),
        Json::Negative(value) => write!(out, "{value}"),
        Json::Fraction(value) => write!(out, "{value:?}"),
        Json::Text(text) => write!(out, "{text:?}"),
        Json::Array(items) => {
            out.write_str("[")?;
            for (index, item) in items.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { ", " })?;
                write_value(out, item)?;
            }
            out.write_str("]")
        }
        Json::Object(object) => {
            out.write_str("{")?;
            for (index, (key, value)) in object.entries().enumerate() {
                write!(out, "{}{key:?}: ", if index == 0 { "" } else { ", " })?;
                write_value(out, value)?;
            }
            out.write_str("}")
        }
    }
}

/// Keys and values in file order, in a box of just their size, so that small objects stay small.
/// Invariant: no key comes twice, and there are at most [`MAX_KEYS`].
pub(super) struct Object<'a>(Box<[Member<'a>]>);

type Member<'a> = (Cow<'a, str>, Json<'a>);

impl<'a> Object<'a> {
    pub(super) fn value(&self, key: &str) -> Option<&Json<'a>> {
        self.entries().find(|&(other, _)| other == key).map(|(_, value)| value)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries().map(|(key, _)| key)
    }
}

/// What a key is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// Its text.
    Exact,
    /// Its text without blanks at either end.
    Trimmed,
}

/// The state of one reading. A flaw that JSON itself allows is left here, and serde_json's error then
/// only tells the place.
pub(super) struct Reading {
    keys: Keys,
    values: usize,
    pub(super) flaw: Option<DocumentFlaw>,
}

impl Reading {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, values: 0, flaw: None }
    }

    fn refuse<E: Error>(&mut self, flaw: DocumentFlaw) -> E {
        self.flaw = Some(flaw);
        E::custom("refused")
    }
}

/// One value. serde_json refuses a nesting of 128, so the stack is safe here and in `drop`.
pub(super) struct Tree<'r>(pub(super) &'r mut Reading);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        self.0.values += 1;
        if self.0.values > MAX_VALUES {
            return Err(self.0.refuse(DocumentFlaw::TooManyValues));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Natural(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(u64::try_from(value).map_or(Json::Negative(value), Json::Natural))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Fraction(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Tree(self.0))? {
            array.push(item);
        }
        Ok(Json::Array(array.into_boxed_slice()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut members: Vec<Member<'de>> = Vec::new();
        while let Some(key) = items.next_key_seed(Key(self.0.keys))? {
            if members.iter().any(|(other, _)| *other == key) {
                return Err(self.0.refuse(DocumentFlaw::DuplicateKey { key: quoted(&key) }));
            }
            if members.len() == MAX_KEYS {
                return Err(self.0.refuse(DocumentFlaw::TooManyKeys));
            }
            let value = items.next_value_seed(Tree(self.0))?;
            members.push((key, value));
        }
        Ok(Json::Object(Object(members.into_boxed_slice())))
    }
}

struct Key(Keys);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(match self.0 {
            Keys::Exact => key,
            Keys::Trimmed => key.trim(),
        }))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(match self.0 {
            Keys::Exact => key.to_owned(),
            Keys::Trimmed => key.trim().to_owned(),
        }))
    }
}
