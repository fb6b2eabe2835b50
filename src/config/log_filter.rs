//! `JETON_LOG`: env_logger's filter. env_logger takes every word that is not a level for a module's name, and then logs
//! only that module: a mistyped level would silence the log. Here every word must be a level or a known module.

use log::LevelFilter;

/// The crates that may write log lines.
const CRATES: [&str; 12] = [
    "jeton",
    "actix_codec",
    "actix_http",
    "actix_router",
    "actix_server",
    "actix_web",
    "diesel",
    "mio",
    "r2d2",
    "rustls",
    "tokio",
    "tracing",
];

/// jeton's rooms.
const ROOMS: [&str; 9] = ["cli", "config", "domain", "http", "logging", "server", "service", "store", "upstream"];

/// Words that people write for a level.
const MISTAKEN: [(&str, &[&str]); 5] = [
    ("error", &["err", "errors", "fatal", "critical", "crit", "alert", "emergency", "panic", "severe"]),
    ("warn", &["warning", "warnings"]),
    ("info", &["information", "informational", "notice", "normal", "default"]),
    ("trace", &["verbose", "all", "everything", "finest", "silly", "notset"]),
    ("off", &["none", "quiet", "silent", "no", "false", "never", "disabled"]),
];

/// Checks the filter's words.
///
/// # Errors
/// What is wrong, and what to write.
pub fn parse(text: &str) -> Result<String, String> {
    let (directives, wanted) =
        text.split_once('/').map_or((text, None), |(directives, wanted)| (directives, Some(wanted)));
    let mut any = false;
    for directive in directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        any = true;
        match directive.split_once('=') {
            None if is_level(directive) => {}
            None => known(directive)?,
            Some((module, level)) => {
                known(module)?;
                let level = level.trim();
                if !is_level(level) {
                    let meant = meant(level).map_or(LEVELS.to_owned(), |level| format!("write {level}"));
                    return Err(format!("`{directive}`: `{level}` is not a level; {meant}"));
                }
            }
        }
    }
    if !any {
        return Err("write a filter such as info or jeton=debug,warn".into());
    }
    let whole = env_filter::Builder::new().try_parse(text).map(|_| text.to_owned());
    let bad_regex = || "after `/` write a regular expression without another `/`, or leave both out".to_owned();
    if wanted == Some("") { Err(bad_regex()) } else { whole.map_err(|_| bad_regex()) }
}

const LEVELS: &str = "write off, error, warn, info, debug or trace";

fn is_level(word: &str) -> bool {
    word.parse::<LevelFilter>().is_ok()
}

/// The level that a mistaken word stands for.
fn meant(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    MISTAKEN.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(level, _)| *level)
}

/// Checks that the word names a crate that may write lines, or a module in it.
fn known(word: &str) -> Result<(), String> {
    if let Some(level) = meant(word) {
        return Err(format!("`{word}` is not a level; write {level}"));
    }
    let mut path = word.split("::");
    let (name, room) = (path.next().unwrap_or_default(), path.next());
    if name == "jeton" {
        return match room {
            Some(room) if !ROOMS.contains(&room) => {
                Err(format!("`{word}` is not a module of jeton; write jeton::{}", ROOMS.join(", jeton::")))
            }
            _ => Ok(()),
        };
    }
    if CRATES.contains(&name) {
        return Ok(());
    }
    Err(format!(
        "`{word}` is neither a level nor a module that writes lines; {LEVELS}, or for example jeton::http=debug"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_filters_are_accepted() {
        for good in [
            "info",
            "WARN",
            "off",
            "warn,jeton::store=debug",
            " info , jeton= Trace ",
            "jeton",
            "jeton::http::login",
            "actix_web::middleware=debug,info",
            "info,",
            "info/request|refused",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn a_word_that_would_silence_the_log_is_refused_with_a_suggestion() {
        for (bad, word) in [
            ("WARNING", "write warn"),
            ("warning", "write warn"),
            ("jeton=warning", "write warn"),
            ("err", "write error"),
            ("Fatal,info", "write error"),
            ("verbose", "write trace"),
            ("none", "write off"),
            ("jeton=loud", "write off, error"),
            ("jeton=", "write off, error"),
            ("jetn=debug", "`jetn` is neither"),
            ("info;jeton=debug", "is neither"),
            ("jeton =debug", "`jeton ` is neither"),
            ("jeton::htpp=debug", "jeton::http"),
            ("jeton::=debug", "not a module of jeton"),
            ("3", "is neither"),
            ("", "write a filter"),
            (" , ", "write a filter"),
            ("/words", "write a filter"),
            ("info/", "after `/`"),
            ("info/(", "after `/`"),
            ("info/a/b", "after `/`"),
        ] {
            let said = parse(bad).expect_err(bad);
            assert!(said.contains(word), "{bad}: {said}");
        }
    }

    #[test]
    fn the_lists_name_the_existing_crates_and_rooms() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap().replace('-', "_");
        for name in CRATES {
            assert!(lock.contains(&format!("name = \"{name}\"\n")), "{name} is no crate of ours");
        }
        let mut rooms: Vec<String> = std::fs::read_dir(root.join("src"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["main.rs", "lib.rs"].contains(&name.as_str()))
            .map(|name| name.trim_end_matches(".rs").to_owned())
            .collect();
        rooms.sort();
        assert_eq!(rooms, ROOMS);
    }
}
