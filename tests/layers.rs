//! The rooms of `src/`: `main -> cli -> server -> config -> http -> service -> upstream -> store -> domain`. A room may use rooms to
//! its right, never one to its left. Inside a room the same holds for its groups.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the top; a room may use those below it.
const ROOMS: [&str; 8] = ["cli", "server", "config", "http", "service", "upstream", "store", "domain"];

/// Beside the rooms: who may use these, and what they may use.
const SMALL_ROOMS: [(&str, &[&str], &[&str]); 2] =
    [("logging", &["cli", "config", "http", "service"], &["domain"]), ("main", &[], &["cli"])];

/// The groups of a room from the top, folders and files; a group may use those below it. The room's `mod.rs` stands
/// above all of them, unless it is in the list as `mod`.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "http",
        &[
            "routes",
            "shadow",
            "edge",
            "document",
            "endpoints",
            "account",
            "console",
            "admin",
            "own",
            "oauth",
            "ops",
            "extract",
            "endpoint",
            "caller",
            "drf",
            "error",
            "answer",
            "peer",
            "state",
            "options",
            "trusted_proxies",
            "budget",
            "connection",
            "preflight",
        ],
    ),
    (
        "service",
        &[
            "tokens",
            "accounts",
            "import",
            "edge",
            "node",
            "sign_in",
            "login_tokens",
            "introspection",
            "counted_hashes",
            "hasher",
            "cache",
            "throttle",
            "base",
            "metrics",
            "shadow",
            "retry",
            "database",
            "rights",
            "caller",
            "error",
            "reasons",
            "messages",
            "reloaded",
            "policy",
            "queue",
            "threads",
        ],
    ),
    (
        "store",
        &[
            "import",
            "django",
            "search_index",
            "users",
            "group_changes",
            "login_tokens",
            "own",
            "tokens",
            "revocation",
            "revoke_many",
            "lookup",
            "new_password",
            "sessions",
            "password_links",
            "clients",
            "client_usage",
            "seals",
            "list_expiring_or_unused",
            "login_networks",
            "last_logins",
            "usage",
            "overview",
            "count_expiring_and_unused",
            "purge",
            "clock",
            "restore",
            "backup",
            "migrations",
            "plans",
            "checkpoint",
            "try_disk",
            "change_log",
            "nodes",
            "change_url",
            "meta",
            "login_names",
            "user_ids",
            "user_rows",
            "token_rows",
            "groups",
            "audit",
            "folded_sql",
            "transaction",
            "handle",
            "hints",
            "outcome",
            "schema",
            "sqlite_schema",
            "sqlite_log",
            "sqlite_mark",
            "schema_inspection",
            "schema_state",
            "known_migrations",
            "sqlstate",
            "grants",
            "disk",
            "pools",
            "write_turns",
            "breaker",
            "manager",
            "pool_connection",
            "pooler",
            "servers",
            "opened_file",
            "sqlite_file",
            "connect_error",
            "system_roots",
            "tls",
            "connection",
            "mode",
            "deadline",
            "error",
        ],
    ),
];

/// Crates and functions that only some files may use, and these files.
const RESTRICTED: [(&str, &[&str]); 18] = [
    ("diesel", &["src/store/"]),
    ("actix_web", &["src/http/", "src/server/"]),
    ("actix_http", &["src/http/edge/", "src/server/wire/", "src/server/bind.rs"]),
    ("actix_cors", &["src/http/edge/cross_origin.rs"]),
    ("actix_server", &["src/server/"]),
    ("actix_service", &["src/http/edge/", "src/server/"]),
    ("actix_rt", &["src/http/", "src/server/", "src/cli/"]),
    ("ureq", &["src/upstream/connection.rs"]),
    ("hyper", &["src/upstream/forward.rs"]),
    ("utoipa", &["src/http/", "src/service/", "src/domain/"]),
    ("std::env::", &["src/config/raw_settings.rs", "src/main.rs"]),
    ("env::var", &["src/config/raw_settings.rs"]),
    ("SystemTime::now", &["src/domain/time.rs"]),
    ("Instant::now", &["src/domain/time.rs"]),
    ("Utc::now", &["src/domain/time.rs"]),
    // All other files are given a clock. A line of the log and an answer to a malformed request belong to no service.
    ("Clock::System", &["src/domain/time.rs", "src/cli/", "src/logging/line.rs", "src/http/edge/refused.rs"]),
    ("getrandom::", &["src/domain/random.rs"]),
    // Keys are made in `domain` and `service`. The id of a request is no secret.
    ("random::", &["src/domain/", "src/service/", "src/http/edge/request_id.rs"]),
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

/// A file of `src/`.
struct Source {
    /// Its path from the crate's root.
    path: String,
    /// The module that it is: `src/http/edge/mod.rs` is `http::edge`.
    module: Vec<String>,
    /// Its text without comment lines.
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let inside = path.strip_prefix("src/").unwrap().trim_end_matches(".rs");
        let module = inside.split('/').filter(|word| !["mod", "lib"].contains(word)).map(ToOwned::to_owned).collect();
        Self { path: path.to_owned(), module, text: code.join("\n") }
    }

    fn room(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }

    /// Its group: the folder or the file below the room.
    fn group(&self) -> &str {
        self.module.get(1).map_or("mod", String::as_str)
    }

    /// The paths that it names, from the crate's root.
    fn named(&self) -> Vec<Vec<String>> {
        // The unit tests stand at the end of a file.
        let (code, tests) = self.text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&self.text, ""));
        let tests_module = [self.module.as_slice(), &["tests".to_owned()]].concat();
        [named(&self.module, code), named(&tests_module, tests)].concat()
    }
}

fn all_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    assert!(paths.len() > 40, "the sources are there");
    let read = |path: &PathBuf| {
        Source::new(path.strip_prefix(root).unwrap().to_str().unwrap(), &fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

fn may_use(from: &str, to: &str) -> bool {
    if from == to || from == "lib" {
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

/// The paths in a module's text that begin with `crate`, `super` or `self`, in `main.rs` also with the crate's name, from
/// the crate's root.
fn named(module: &[String], text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    // Elsewhere the crate's name stands in targets of log lines only.
    let is_main = module.first().is_some_and(|room| room == "main");
    for first in ["crate::", "super::", "self::"].into_iter().chain(is_main.then_some("jeton::")) {
        for (at, _) in text.match_indices(first) {
            if text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':') {
                continue;
            }
            // `pub(in crate::service)` uses nothing.
            if text[..at].ends_with("pub(in ") {
                continue;
            }
            for path in paths_at_start(&text[at..]).0 {
                let mut whole = module.to_vec();
                for word in path {
                    match word.as_str() {
                        "crate" | "jeton" => whole.clear(),
                        "super" => drop(whole.pop()),
                        "self" => {}
                        _ => whole.push(word),
                    }
                }
                found.push(whole);
            }
        }
    }
    found
}

/// The paths at the start of a text, and the rest of it: `a::{b, c::d}` names `a::b` and `a::c::d`.
fn paths_at_start(text: &str) -> (Vec<Vec<String>>, &str) {
    let length = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    let before = |path: Vec<String>| [vec![word.to_owned()], path].concat();
    let Some(below) = rest.strip_prefix("::").filter(|below| !below.starts_with('<')) else {
        return (vec![vec![word.to_owned()]], rest);
    };
    let Some(mut list) = below.strip_prefix('{') else {
        let (paths, rest) = paths_at_start(below);
        return (paths.into_iter().map(before).collect(), rest);
    };
    let mut all = Vec::new();
    loop {
        list = list.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if list.is_empty() || list.starts_with('}') {
            return (all.into_iter().map(before).collect(), list.get(1..).unwrap_or_default());
        }
        let (paths, rest) = paths_at_start(list);
        all.extend(paths);
        // What remains of a member is `as` and its new name.
        list = &rest[rest.find([',', '}']).unwrap_or(rest.len())..];
    }
}

#[test]
fn no_room_uses_a_room_to_its_left() {
    let mut broken = Vec::new();
    for source in all_sources() {
        for path in source.named() {
            let Some(room) = path.first() else { continue };
            if !may_use(source.room(), room) {
                broken.push(format!("{} uses {room}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The names that a room's `mod.rs` re-exports, and the group of each.
fn reexports(text: &str) -> BTreeMap<String, String> {
    let uses = text.match_indices("use ").filter(|(at, _)| {
        let line = text[..*at].rsplit('\n').next().unwrap();
        line.starts_with("pub")
    });
    let paths = uses.flat_map(|(at, found)| paths_at_start(&text[at + found.len()..]).0);
    paths.filter_map(|path| Some((path.last()?.clone(), path.first()?.clone()))).collect()
}

/// Uses of a higher group inside a room, files that are in no group, and groups without files.
fn forbidden_uses(room: &str, groups: &[&str], all: &[Source]) -> Vec<String> {
    let sources: Vec<&Source> = all.iter().filter(|source| source.room() == room).collect();
    let mut broken: Vec<String> = groups
        .iter()
        .filter(|group| !sources.iter().any(|source| source.group() == **group))
        .map(|group| format!("{room} has no {group}"))
        .collect();
    let root = sources.iter().find(|source| source.group() == "mod");
    let reexports = root.map_or_else(BTreeMap::new, |root| reexports(&root.text));
    // 0 is `mod.rs` above the list.
    let place = |group: &str| groups.iter().position(|known| *known == group).map(|at| at + 1);
    for source in &sources {
        let Some(from) = place(source.group()).or((source.group() == "mod").then_some(0)) else {
            broken.push(format!("{} is in no group of {room}", source.path));
            continue;
        };
        for path in source.named().iter().filter(|path| path.first().is_some_and(|first| first == room)) {
            let name = path.get(1).map_or("all", String::as_str);
            let group = reexports.get(name).map_or(name, String::as_str);
            if place(group).unwrap_or(0) < from {
                broken.push(format!("{} uses {}", source.path, path.join("::")));
            }
        }
    }
    broken
}

#[test]
fn no_group_uses_a_group_above_it() {
    let all = all_sources();
    let broken: Vec<String> = GROUPS.iter().flat_map(|(room, groups)| forbidden_uses(room, groups, &all)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The text without its string literals: the log's filter names crates, and uses none of them.
fn unquoted(text: &str) -> String {
    let line = |line: &str| line.replace("\\\"", "").split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn restricted_names_are_used_only_where_they_may_be() {
    let mut broken = Vec::new();
    for source in all_sources() {
        let text = unquoted(&source.text);
        for (word, places) in RESTRICTED {
            if text.contains(word) && !places.iter().any(|place| source.path.starts_with(place)) {
                broken.push(format!("{} uses {word}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_test_itself_detects_a_forbidden_use() {
    assert_eq!(unquoted("a(\"diesel \\\" \", diesel::b, \"c\")"), "a(\"\", diesel::b, \"\")");
    assert!(may_use("http", "domain") && may_use("cli", "service") && may_use("main", "cli"));
    assert!(!may_use("domain", "store") && !may_use("service", "http") && !may_use("store", "config"));
    assert!(!may_use("main", "domain") && !may_use("store", "main"));
    let source = |path: &str, text: &str| Source::new(path, text);
    let named = |path: &str, text: &str| {
        let paths = source(path, text).named();
        paths.iter().map(|path| path.join("::")).collect::<Vec<_>>()
    };
    let uses = "use crate::{http::{a, b::c as d}, store};\ncrate::cli::run::<u8>()";
    assert_eq!(named("src/x/y.rs", uses), ["http::a", "http::b::c", "store", "cli::run"]);
    assert_eq!(named("src/main.rs", "jeton::domain::now()"), ["domain::now"]);
    assert_eq!(named("src/x/y/z.rs", "use super::super::{self as up, w};\nself::v()"), ["x", "x::w", "x::y::z::v"]);
    assert_eq!(
        named("src/x/y/mod.rs", "use super::w;\n#[cfg(test)]\nmod tests {\n    use super::*;"),
        ["x::w", "x::y::*"]
    );
    let broken = |path: &str, text: &str| {
        let root = source("src/x/mod.rs", "mod a;\npub use a::{Above, Other};\npub struct Whole;");
        let all = [root, source("src/x/a.rs", ""), source("src/x/b/mod.rs", ""), source(path, text)];
        forbidden_uses("x", &["a", "b"], &all).len()
    };
    for back in ["use crate::x::a::C;", "use super::super::a;", "use super::super::Above;", "use crate::x::Whole;"] {
        assert_eq!(broken("src/x/b/c.rs", back), 1, "{back}");
    }
    assert_eq!(broken("src/x/b/c.rs", "use super::super::b::d;\nuse super::e;\nuse crate::y::a;"), 0);
    assert_eq!(broken("src/x/a.rs", "use super::b;"), 0);
    assert_eq!(broken("src/x/n.rs", ""), 1, "a file of no group");
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
