//! The house: `main -> cli -> server -> config -> http -> service -> store -> domain`. An arrow may skip rooms, never turn back.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the top; a room may use those below it.
const ROOMS: [&str; 7] = ["cli", "server", "config", "http", "service", "store", "domain"];

/// Beside the rooms: who may use these, and what they may use.
const SMALL_ROOMS: [(&str, &[&str], &[&str]); 1] = [("logging", &["cli", "config", "http", "service"], &["domain"])];

/// What only some places may speak.
const KEPT: [(&str, &[&str]); 11] = [
    ("diesel", &["src/store/"]),
    ("actix_web", &["src/http/", "src/server/"]),
    ("actix_http", &["src/http/edge/", "src/server/wire/"]),
    ("actix_rt", &["src/http/", "src/server/", "src/cli/"]),
    ("utoipa", &["src/http/", "src/service/", "src/domain/"]),
    ("std::env::", &["src/config/raw_settings.rs", "src/main.rs"]),
    ("env::var", &["src/config/raw_settings.rs"]),
    ("SystemTime::now", &["src/domain/time.rs"]),
    ("Instant::now", &["src/domain/time.rs"]),
    ("Utc::now", &["src/domain/time.rs"]),
    ("getrandom::", &["src/domain/random.rs"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Path from the crate's root, and the text without comment lines.
fn all_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    assert!(paths.len() > 40, "the sources are there");
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            (path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), code.join("\n"))
        })
        .collect()
}

fn room_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

fn may_use(from: &str, to: &str) -> bool {
    if from == to || from == "main" || from == "lib" {
        return true;
    }
    if let Some((_, users, _)) = SMALL_ROOMS.iter().find(|(room, ..)| *room == to) {
        return users.contains(&from);
    }
    if let Some((_, _, used)) = SMALL_ROOMS.iter().find(|(room, ..)| *room == from) {
        return used.contains(&to);
    }
    let place = |room: &str| ROOMS.iter().position(|known| *known == room);
    match (place(from), place(to)) {
        (Some(from), Some(to)) => from < to,
        _ => false,
    }
}

/// The rooms that a text names: `crate::room`, and `use crate::{room, ..}` by its first level.
fn rooms_named(text: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut named = Vec::new();
    for (position, found) in text.match_indices("crate::") {
        let rest = &text[position + found.len()..];
        match rest.strip_prefix('{') {
            None => named.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (at, character) in group.char_indices() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && c.is_alphabetic() => {
                            named.push(word(&group[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    named
}

#[test]
fn no_arrow_turns_back() {
    let mut broken = Vec::new();
    for (path, text) in all_sources() {
        for room in rooms_named(&text) {
            if !may_use(room_of(&path), &room) {
                broken.push(format!("{path} uses {room}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Without what stands in quotes: the filter of the log knows crates by their names, and speaks none of them.
fn unquoted(text: &str) -> String {
    let line = |line: &str| line.replace("\\\"", "").split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_kept_in_one_place_stays_there() {
    let mut broken = Vec::new();
    for (path, text) in all_sources() {
        let text = unquoted(&text);
        for (word, places) in KEPT {
            if text.contains(word) && !places.iter().any(|place| path.starts_with(place)) {
                broken.push(format!("{path} speaks {word}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_test_itself_sees_a_broken_arrow() {
    assert_eq!(rooms_named("use crate::{http::{a, b}, store};\ncrate::cli::run()"), ["http", "store", "cli"]);
    assert_eq!(unquoted("a(\"diesel \\\" \", diesel::b, \"c\")"), "a(\"\", diesel::b, \"\")");
    assert!(may_use("http", "domain") && may_use("cli", "service"));
    assert!(!may_use("domain", "store") && !may_use("service", "http") && !may_use("store", "config"));
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("postgres"), names("sqlite"));
    assert!(!names("postgres").is_empty());
}
