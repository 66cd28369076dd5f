//! The one shape of every file here: an array at the top. Its elements are handed out one at a time,
//! so that a bad file ends at its first bad element and no file is in memory as a whole.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::{
    document::{DocumentError, DocumentFlaw, MAX_INPUT_BYTES},
    json::{Json, Keys, Reading, Tree},
    sketch, syntax,
};

/// Why reading ended early.
pub(super) enum ReadError<E> {
    Document(DocumentError),
    /// The caller's own refusal of an element.
    Element(E),
}

/// Reads a file that is one array and hands over each element in turn, until one is refused.
pub(super) fn each_element<'a, E>(
    bytes: &'a [u8],
    keys: Keys,
    mut take: impl FnMut(Json<'a>) -> Result<(), E>,
) -> Result<(), ReadError<E>> {
    let text = array_text(bytes).map_err(ReadError::Document)?;
    let mut reading = Reading::new(keys);
    let mut refusal = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let elements = Elements { reading: &mut reading, refusal: &mut refusal, take: &mut take };
    let done = (&mut reader).deserialize_seq(elements);
    match (done, refusal, reading.flaw) {
        (Ok(()), ..) => reader.end().map_err(|error| ReadError::Document(syntax::after_array(text, &error))),
        (Err(_), Some(refusal), _) => Err(ReadError::Element(refusal)),
        (Err(error), None, Some(flaw)) => Err(ReadError::Document(syntax::flawed(text, &error, flaw))),
        (Err(error), None, None) => Err(ReadError::Document(syntax::not_json(text, &error))),
    }
}

/// What can be told without parsing, the cheapest first.
fn array_text(bytes: &[u8]) -> Result<&str, DocumentError> {
    if bytes.len() > MAX_INPUT_BYTES {
        return Err(DocumentError::whole(DocumentFlaw::TooLarge { size: bytes.len() }));
    }
    for (mark, encoding) in [(&b"\xef\xbb\xbf"[..], "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")] {
        if bytes.starts_with(mark) {
            return Err(DocumentError::whole(DocumentFlaw::ByteOrderMark { encoding }));
        }
    }
    let Some(start) = bytes.iter().position(|byte| !b" \t\r\n".contains(byte)) else {
        return Err(DocumentError::whole(DocumentFlaw::Empty));
    };
    // Something that is no array is refused by its first byte, however long it is.
    let head = match bytes[start] {
        b'[' => bytes,
        _ => &bytes[..bytes.len().min(start + 256)],
    };
    match std::str::from_utf8(head) {
        Ok(text) if bytes[start] == b'[' => Ok(text),
        Ok(text) => Err(not_an_array(&text[start..])),
        // The head was cut inside a character.
        Err(error) if error.error_len().is_none() && head.len() < bytes.len() => {
            Err(not_an_array(std::str::from_utf8(&head[start..error.valid_up_to()]).unwrap_or_default()))
        }
        Err(error) => {
            let offset = error.valid_up_to();
            Err(DocumentError::whole(DocumentFlaw::NotUtf8 { offset, byte: head[offset] }))
        }
    }
}

fn not_an_array(text: &str) -> DocumentError {
    let start: String = sketch::listed(text.split_whitespace().take(1));
    let found = match text.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'"') => "a text".to_owned(),
        Some(b'-' | b'0'..=b'9') => "a number".to_owned(),
        _ if matches!(start.as_str(), "null" | "true" | "false") => start,
        _ => format!("no JSON (it begins with {})", sketch::quoted(&start)),
    };
    DocumentError::whole(DocumentFlaw::NotAnArray { found })
}

/// The top-level array.
struct Elements<'r, F, E> {
    reading: &'r mut Reading,
    refusal: &'r mut Option<E>,
    take: &'r mut F,
}

impl<'de, E, F: FnMut(Json<'de>) -> Result<(), E>> Visitor<'de> for Elements<'_, F, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element_seed(Tree(self.reading))? {
            (self.take)(item).map_err(|refusal| {
                *self.refusal = Some(refusal);
                A::Error::custom("refused")
            })?;
        }
        Ok(())
    }
}
