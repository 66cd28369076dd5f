//! The house keeps its shape: floors import downward only, the pure floors know nothing of the
//! world, and no file grows out of hand. What is held here is described in DESIGN.md.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each module's floor. Modules of one floor do not import each other.
const FLOORS: [(&str, usize); 14] = [
    ("types", 0),
    ("check", 1),
    ("replica", 1),
    ("scenario", 1),
    ("topology", 1),
    ("trace", 1),
    ("record", 2),
    ("store", 2),
    ("wire", 2),
    ("branch", 3),
    ("customer", 3),
    ("sim", 3),
    ("bank", 4),
    ("python", 5),
];

/// What a pure module must not even name.
const IMPURE: [&str; 14] = [
    "tokio",
    "tonic",
    "prost",
    "pyo3",
    "std::time",
    "std::net",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "HashMap",
    "HashSet",
    "println!",
    "eprintln!",
];

const MAX_LINES: usize = 400;

fn floor(module: &str) -> usize {
    let found = FLOORS.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("module {module} has no floor: give it one")).1
}

/// Everything but comments.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules of this crate that the code names: `crate::module` and `crate::{module, other::X}`.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => found.extend(first_word(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = 0;
                for (index, character) in group.char_indices() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth > 0 => depth -= 1,
                        ',' | '}' if depth == 0 => {
                            found.extend(first_word(group[start..index].trim()));
                            start = index + 1;
                            if character == '}' {
                                break;
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// What is wrong with one file of `module`.
fn breaches(module: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut breaches = Vec::new();
    for import in imports(&code) {
        if import != module && floor(&import) >= floor(module) {
            breaches.push(format!("{module} imports {import}, which is not below it"));
        }
    }
    if floor(module) <= 1 || ["record", "sim"].contains(&module) {
        let named = IMPURE.iter().filter(|name| code.contains(*name));
        breaches.extend(named.map(|name| format!("{module} is pure and names {name}")));
    }
    if text.lines().count() > MAX_LINES {
        breaches.push(format!("{} lines, and {MAX_LINES} are the most", text.lines().count()));
    }
    if !text.starts_with("//!") {
        breaches.push("it does not say what it is for".to_owned());
    }
    breaches
}

pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn floors_import_downward_only_and_files_stay_small() {
    let mut checked = 0;
    let mut found = Vec::new();
    for (module, _) in FLOORS {
        for file in rust_files(&source().join(module)) {
            let text = fs::read_to_string(&file).expect("a source file");
            found.extend(breaches(module, &text).into_iter().map(|breach| format!("{}: {breach}", file.display())));
            checked += 1;
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(checked > 50, "only {checked} files were found");
}

#[test]
fn every_module_has_a_floor() {
    for entry in fs::read_dir(source()).expect("src") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            floor(path.file_name().and_then(|name| name.to_str()).expect("a module's name"));
        }
    }
}

#[test]
fn breaches_are_seen() {
    let wrong = [
        ("replica", "//! x\nuse crate::scenario::Reply;", "imports scenario"),
        ("types", "//! x\nuse crate::{replica::Delta};", "imports replica"),
        ("wire", "//! x\nuse crate::{\n    types::{Amount, Origin},\n    branch::Branch,\n};", "imports branch"),
        ("branch", "//! x\nfn f() -> crate::customer::Customer {}", "imports customer"),
        ("replica", "//! x\nuse std::time::Instant;", "names std::time"),
        ("topology", "//! x\nuse std::collections::HashMap;", "names HashMap"),
        ("types", "use crate::types::X;", "does not say"),
    ];
    for (module, text, breach) in wrong {
        let found = breaches(module, text);
        assert!(found.iter().any(|found| found.contains(breach)), "{text:?} in {module} gives {found:?}");
    }
    assert!(!breaches("types", &"//! x\n".repeat(MAX_LINES + 1)).is_empty());
    assert_eq!(breaches("bank", "//! x\nuse crate::{branch::Branch, types::{Amount, Origin}};"), Vec::<String>::new());
    assert_eq!(breaches("replica", "//! no tokio here\nuse crate::types::Time; // nor HashMap"), Vec::<String>::new());
}
