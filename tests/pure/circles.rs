//! Within a module, too, the files stand above each other: no two of them need each other. A name that a parent only
//! hands on counts as its home's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// A file's place in the tree of modules: `["branch", "link"]`.
type Place = Vec<String>;

/// The text of each file.
type Files = BTreeMap<Place, String>;

fn read(source: &Path) -> Files {
    let mut files = Files::new();
    for path in crate::architecture::rust_files(source) {
        let text = fs::read_to_string(&path).expect("a source file");
        let inside = path.strip_prefix(source).expect("a file of src").with_extension("");
        let mut place: Place = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        match place.last().map(String::as_str) {
            Some("mod" | "lib") => drop(place.pop()),
            Some("tests") => continue,
            _ => {}
        }
        files.insert(place, text);
    }
    files
}

/// Each circle, once, as the places that need each other.
fn circles(files: &Files) -> Vec<String> {
    let files: Files = files.iter().map(|(place, text)| (place.clone(), code(text))).collect();
    let needs: BTreeMap<&Place, BTreeSet<Place>> =
        files.iter().map(|(place, code)| (place, needs(place, code, &files))).collect();
    let reach: BTreeMap<&Place, BTreeSet<&Place>> = files.keys().map(|place| (place, reached(place, &needs))).collect();
    let mut found = BTreeSet::new();
    for (&place, ahead) in &reach {
        if ahead.contains(place) {
            let circle = ahead.iter().filter(|other| reach[*other].contains(place));
            found.insert(circle.map(|place| place.join("::")).collect::<Vec<_>>().join(" "));
        }
    }
    found.into_iter().collect()
}

/// Everything that is needed by what this place needs, and so on.
fn reached<'a>(from: &Place, needs: &'a BTreeMap<&Place, BTreeSet<Place>>) -> BTreeSet<&'a Place> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Place> = needs[from].iter().collect();
    while let Some(place) = next.pop() {
        if reached.insert(place) {
            next.extend(&needs[place]);
        }
    }
    reached
}

/// The files that this one names.
fn needs(place: &Place, code: &str, files: &Files) -> BTreeSet<Place> {
    let handed_on = handed_on(code);
    let mut needed = BTreeSet::new();
    for path in paths(code) {
        if handed_on.contains(&path) {
            continue;
        }
        if let Some(absolute) = absolute(place, &path, files)
            && let Some(home) = home(absolute, files, 0)
            && home != *place
        {
            needed.insert(home);
        }
    }
    needed
}

/// A path from the crate's root, if it is one of this crate.
fn absolute(place: &Place, path: &[String], files: &Files) -> Option<Place> {
    let mut base = place.clone();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|word| word == "super") {
                base.pop()?;
                rest = &rest[1..];
            }
        }
        first => {
            let child = [base.clone(), vec![first.to_owned()]].concat();
            if !files.contains_key(&child) {
                return None;
            }
        }
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// The file in which what the path names is written.
fn home(path: Place, files: &Files, depth: usize) -> Option<Place> {
    let mut place = path.clone();
    while !files.contains_key(&place) {
        place.pop()?;
    }
    let Some(name) = path.get(place.len()) else { return Some(place) };
    for handed in handed_on(&files[&place]) {
        let is_it = handed.last() == Some(name) || handed.last().is_some_and(|last| last == "*");
        if is_it && depth < 8 {
            let mut handed = handed;
            if handed.last().is_some_and(|last| last == "*") {
                handed.pop();
                handed.push(name.clone());
            }
            if let Some(absolute) = absolute(&place, &handed, files) {
                return home(absolute, files, depth + 1);
            }
        }
    }
    (!place.is_empty()).then_some(place)
}

/// The paths that a file names only to hand them on: its `pub use`s.
fn handed_on(code: &str) -> BTreeSet<Vec<String>> {
    let mut handed = BTreeSet::new();
    for (at, _) in code.match_indices("use ") {
        let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = code[line..at].trim();
        if before.starts_with("pub")
            && let Some(end) = code[at..].find(';')
        {
            handed.extend(tree(&code[at + "use ".len()..at + end]));
        }
    }
    handed
}

/// Every path in the code, those in groups taken apart.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    while let Some(at) = rest.find(is_word) {
        rest = &rest[at..];
        let end = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
        if rest[end..].starts_with("::") {
            let length = end_of_tree(rest);
            found.extend(tree(&rest[..length]));
            rest = &rest[length..];
        } else {
            rest = &rest[end..];
        }
    }
    found
}

/// Where a path that begins here ends, its groups included.
fn end_of_tree(text: &str) -> usize {
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        let is_part = character.is_alphanumeric() || "_:*".contains(character);
        match character {
            '{' if text[..at].ends_with("::") || depth > 0 => depth += 1,
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ if depth > 0 || is_part => {}
            _ => return at,
        }
    }
    text.len()
}

/// `a::{b, c::d}` as its paths.
fn tree(text: &str) -> Vec<Vec<String>> {
    let text = text.trim();
    let Some((head, group)) = text.split_once('{') else {
        let path = text.split(" as ").next().unwrap_or_default();
        return vec![path.split("::").map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()];
    };
    let head: Vec<String> =
        head.split("::").map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
    let mut paths = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                for path in tree(&group[start..at]).into_iter().filter(|path| !path.is_empty()) {
                    let path = if path == ["self"] { Vec::new() } else { path };
                    paths.push([head.clone(), path].concat());
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// What is built into the library: no comments, and no tests at the end.
fn code(text: &str) -> String {
    let built = text.split("\nmod tests {").next().unwrap_or_default();
    built.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_two_files_need_each_other() {
    let found = circles(&read(&crate::architecture::source()));
    assert!(found.is_empty(), "these need each other:\n{}", found.join("\n"));
}

#[test]
fn circles_are_seen() {
    let files = |texts: &[(&str, &str)]| {
        let place = |path: &str| path.split("::").map(str::to_owned).filter(|word| !word.is_empty()).collect();
        circles(&texts.iter().map(|(path, text)| (place(path), (*text).to_owned())).collect())
    };
    let parent = ("m", "mod a;\nmod b;\npub use b::{B, c::C as D};");
    let two = [parent, ("m::a", "use super::b::B;"), ("m::b", "use crate::{m::{a::A, x}, y};")];
    assert_eq!(files(&two), ["m::a m::b"]);
    let through_the_parent = [parent, ("m::a", "use super::B;"), ("m::b", "fn f() -> super::a::A {}")];
    assert_eq!(files(&through_the_parent), ["m::a m::b"]);
    let with_the_parent = [("m", "mod a;\nuse a::A;\nstruct M;"), ("m::a", "use super::M;")];
    assert_eq!(files(&with_the_parent), ["m m::a"]);
    let handed_on = [
        parent,
        ("m::a", "use super::B;\n// super::a"),
        ("m::b", "struct B;\n#[cfg(test)]\nmod tests {\nuse super::super::a::A;"),
    ];
    assert_eq!(files(&handed_on), [""; 0]);
}
