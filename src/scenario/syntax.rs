//! What a file that is not JSON is told: where, near which text, and what would be right there.
//! serde_json finds the place; the words for the common slips are ours.

use super::{
    document::{DocumentError, DocumentFlaw, Position},
    sketch,
};

/// How much of the line before the place is shown, in characters.
const NEAR_LENGTH: usize = 32;

const QUOTES: &str = "texts and keys stand in double quotes, \"so\"";
const WORDS: &str = "JSON writes true, false and null";
const DIGITS: &str = "a number is written as digits, without a plus sign or leading zeros";

/// Slips told by what stands at the place.
const AT_PLACE: [(&str, &str, &str); 13] = [
    ("'", "a single quote", QUOTES),
    ("\u{2018}", "a typographic quote", QUOTES),
    ("\u{2019}", "a typographic quote", QUOTES),
    ("\u{201c}", "a typographic quote", QUOTES),
    ("\u{201d}", "a typographic quote", QUOTES),
    ("True", "the word True", WORDS),
    ("False", "the word False", WORDS),
    ("None", "the word None", WORDS),
    ("NaN", "the word NaN", DIGITS),
    ("Infinity", "the word Infinity", DIGITS),
    ("+", "a plus sign", DIGITS),
    ("/", "a comment", "JSON has none: remove it"),
    ("#", "a comment", "JSON has none: remove it"),
];

/// Slips told by what serde_json says.
const SAID: [(&str, &str, &str); 13] = [
    ("EOF", "the file ends too soon", "close every text, object and array (was the file cut short?)"),
    ("trailing comma", "a comma with nothing after it", "remove the comma"),
    ("key must be a string", "a key without quotes", QUOTES),
    ("expected `:`", "a key without a value", "write a colon and a value after each key"),
    ("expected `,` or `]`", "something other than a comma or ]", "a comma may be missing, or a ]"),
    ("expected `,` or `}`", "something other than a comma or }", "a comma may be missing, or a }"),
    ("expected value", "no value where one belongs", "write a number, a text, an array or an object"),
    ("expected ident", "a misspelt word", WORDS),
    ("invalid number", "a malformed number", DIGITS),
    ("control character", "a line break or tab inside a text", "close the text before it, or write \\n or \\t"),
    ("invalid escape", "an unknown escape", "write \\\\ for a backslash"),
    ("lone leading surrogate", "half a character in \\u escapes", "write the character itself"),
    ("unexpected end of hex escape", "half a character in \\u escapes", "write the character itself"),
];

/// For an error of serde_json's own.
pub(super) fn not_json(text: &str, error: &serde_json::Error) -> DocumentError {
    let place = Place::of(text, error);
    let said = error.to_string();
    if said.starts_with("recursion limit exceeded") {
        return place.error(DocumentFlaw::TooDeep);
    }
    if said.starts_with("number out of range") {
        let in_number = |character: char| character.is_ascii_digit() || "+-.eE".contains(character);
        let place = place.back_while(in_number);
        let number = place.rest().split(|character| !in_number(character)).next().unwrap_or_default();
        return place.error(DocumentFlaw::NumberTooLarge { found: sketch::listed([number]) });
    }
    let at_place = AT_PLACE.iter().find(|(start, ..)| place.rest().starts_with(start));
    let flaw = match at_place.or_else(|| SAID.iter().find(|(start, ..)| said.starts_with(start))) {
        Some(&(_, reason, right)) => place.syntax(reason, right),
        None => place.syntax(said.split(" at line ").next().unwrap_or_default(), "JSON has no such thing here"),
    };
    place.error(flaw)
}

/// For text after the array.
pub(super) fn after_array(text: &str, error: &serde_json::Error) -> DocumentError {
    let place = Place::of(text, error);
    let flaw = match place.rest().as_bytes().first() {
        Some(b'[' | b'{') => DocumentFlaw::SecondDocument,
        Some(b']' | b'}') => place.syntax("a bracket that closes nothing", "remove it"),
        Some(b',') => place.syntax("a comma after the array has ended", "remove it"),
        _ => place.syntax("text after the array has ended", "remove it: the file is one array"),
    };
    place.error(flaw)
}

/// For a flaw that was found while reading; serde_json only tells the place.
pub(super) fn flawed(text: &str, error: &serde_json::Error, flaw: DocumentFlaw) -> DocumentError {
    let place = Place::of(text, error);
    let place = if let DocumentFlaw::DuplicateKey { .. } = flaw {
        // It stopped at the key's closing quote: back to the opening one.
        place.back_while(|character| character != '"').back_by(1)
    } else {
        place
    };
    place.error(flaw)
}

/// Where serde_json stopped.
struct Place<'a> {
    text: &'a str,
    /// Of the character at which it stopped; the text's length at its end.
    offset: usize,
    /// Of the start of that character's line.
    line_start: usize,
    line: usize,
}

impl<'a> Place<'a> {
    /// serde_json counts columns in bytes, the one at which it stopped included; a line break at which
    /// it stopped is column 0 of the next line.
    fn of(text: &'a str, error: &serde_json::Error) -> Self {
        let next_line = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let mut offset = if error.is_eof() { text.len() } else { (next_line + error.column()).saturating_sub(1) };
        offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line_start = text[..offset].rfind('\n').map_or(0, |line_break| line_break + 1);
        let line = if line_start < next_line { error.line() - 1 } else { error.line() };
        Self { text, offset, line_start, line }
    }

    /// Further to the front of the line, over characters such as these.
    fn back_while(self, part: impl Fn(char) -> bool) -> Self {
        let offset = self.line_start + self.text[self.line_start..self.offset].trim_end_matches(part).len();
        Self { offset, ..self }
    }

    /// Over so many characters, each of one byte.
    fn back_by(self, bytes: usize) -> Self {
        Self { offset: self.offset.saturating_sub(bytes).max(self.line_start), ..self }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn error(&self, flaw: DocumentFlaw) -> DocumentError {
        let column = self.text[self.line_start..self.offset].chars().count() + 1;
        DocumentError { position: Some(Position { line: self.line, column }), flaw }
    }

    fn syntax(&self, reason: &str, right: &'static str) -> DocumentFlaw {
        let shown = self.rest().chars().next().filter(|&character| character != '\n');
        let before = self.text[self.line_start..self.offset].chars().rev().take(NEAR_LENGTH);
        let mut near: Vec<char> = shown.into_iter().chain(before).collect();
        near.reverse();
        let near: String =
            near.into_iter().map(|character| if character.is_control() { ' ' } else { character }).collect();
        DocumentFlaw::Syntax { reason: reason.to_owned(), near: near.trim().to_owned(), right }
    }
}
