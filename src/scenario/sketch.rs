//! Short renderings of what was found, for messages: a text of any size becomes at most about sixty
//! characters. Also tells a misspelt word from a different one.

use std::fmt::{self, Write};

/// The most characters of a rendering, the dots that stand for the rest not counted.
const ROOM: usize = 57;

/// Longer words are not compared: nobody misspells that much.
const WORD_LENGTH_MAX: usize = 24;

/// A text in quotes, shortened.
pub(super) fn quoted(text: &str) -> String {
    clip(|out| write!(out, "{text:?}"))
}

/// Texts in a row, shortened.
pub(super) fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    clip(|out| {
        for (index, item) in items.into_iter().enumerate() {
            write!(out, "{}{item}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    })
}

/// The word of `options` that `found` looks like: the same but for case and blanks, or a few letters
/// (Levenshtein 1966) away.
pub(super) fn nearest<'a>(found: &str, options: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = folded(found)?;
    options
        .into_iter()
        .filter_map(|option| {
            let word = folded(option)?;
            let distance = distance(&found, &word);
            (distance <= if word.len() > 3 { 2 } else { 1 }).then_some((distance, option))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, option)| option)
}

fn folded(word: &str) -> Option<Vec<char>> {
    let word = word.trim();
    (word.len() <= WORD_LENGTH_MAX).then(|| word.to_lowercase().chars().collect())
}

/// How many letters to add, drop or change.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut previous = vec![i + 1];
        for ((j, b), above) in to.iter().enumerate().zip(row.windows(2)) {
            let change = above[0] + usize::from(a != b);
            previous.push(change.min(above[1] + 1).min(previous[j] + 1));
        }
        row = previous;
    }
    row.last().copied().unwrap_or(0)
}

/// A writer that refuses to go on once its room is used up.
#[derive(Default)]
pub(super) struct Clipped {
    text: String,
    used: usize,
}

/// What `write` writes, shortened.
pub(super) fn clip(write: impl FnOnce(&mut Clipped) -> fmt::Result) -> String {
    let mut out = Clipped::default();
    if write(&mut out).is_err() {
        out.text.push_str("...");
    }
    out.text
}

impl Write for Clipped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.used == ROOM {
                return Err(fmt::Error);
            }
            self.text.push(character);
            self.used += 1;
        }
        Ok(())
    }
}
