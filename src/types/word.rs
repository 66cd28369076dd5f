//! Words: the values of an enumeration as people write them, on a command line, in Python and in JSON. Each
//! type has one table, and that a text is none of its words is said in one sentence for all.

/// An enumeration whose values have words.
pub trait Word: Copy + 'static {
    /// What the words are of.
    const KIND: &'static str;

    /// Every value, in the order in which people are told of them.
    const ALL: &'static [Self];

    /// The value's word.
    fn word(self) -> &'static str;

    /// The value of a word.
    ///
    /// # Errors
    /// A sentence that names the words that there are.
    ///
    /// # Example
    /// ```
    /// use replibank::types::{Propagation, Word};
    /// assert_eq!(Propagation::read("unary"), Ok(Propagation::Unary));
    /// let error = Propagation::read("post").unwrap_err();
    /// assert_eq!(error, r#"propagation "post" is unknown: give stream or unary"#);
    /// ```
    fn read(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|value| value.word() == text);
        found.copied().ok_or_else(|| Self::unknown(&format!("{text:?}")))
    }

    /// What is wrong with something that is none of the words.
    fn unknown(shown: &str) -> String {
        format!("{} {shown} is unknown: give {}", Self::KIND, choice(Self::ALL.iter().map(|value| value.word())))
    }
}

/// "a, b or c".
fn choice(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// Gives a type serde, by way of its text.
macro_rules! as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Gives an enumeration its words, and with them `Display`, `FromStr` and serde.
macro_rules! words {
    ($type:ident, $kind:literal: $($value:ident $(($inner:path))? = $word:literal),+ $(,)?) => {
        impl $crate::types::Word for $type {
            const KIND: &'static str = $kind;
            const ALL: &'static [Self] = &[$(Self::$value $(($inner))?),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$value $(($inner))? => $word,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::types::Word::word(*self))
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                $crate::types::Word::read(text)
            }
        }

        $crate::types::as_text!($type);
    };
}

pub(crate) use {as_text, words};
