//! `jeton help settings`, and `jeton help settings NAME` for one: what each setting does, from the same rows as `docs/settings.md`.

use std::ffi::OsString;

use super::Failure;
use super::output::{line, visible};
use crate::config::{Kind, Setting, settings as all_settings};

/// The columns of a terminal that help takes at most.
pub const WIDTH: usize = 80;

const INTRODUCTION: &str = "A setting is an environment variable, a flag of the same name (JETON_TOKEN_MODE is \
    --token-mode), or a line of the file .env in the folder in which jeton is started. A flag overrides the \
    environment, and that overrides .env. Where NAME_FILE is written too, it names a file that holds the value; a \
    secret has no flag but that of its file. `jeton config` prints the value of each setting, and where it came from; `jeton help settings NAME` explains one.";

/// Prints all settings.
pub fn settings() -> Result<(), Failure> {
    line(text(WIDTH).trim_end())
}

/// The text of the setting with this name: that of its variable or of its flag, in capitals or not, also with `_FILE`.
///
/// # Errors
/// A sentence, if there is none.
pub fn one(name: &str) -> Result<String, String> {
    let wanted = name.to_uppercase().replace('-', "_");
    let is_wanted = |setting: &Setting| {
        let is_named = |name: &str| name == wanted || name.strip_prefix("JETON_") == Some(&wanted);
        is_named(setting.name) || setting.file_variable().is_some_and(|name| is_named(&name))
    };
    let found = each(WIDTH).find(|(setting, _)| is_wanted(setting));
    let none = || format!("there is no setting {}; `jeton help settings` lists them", visible(&wanted));
    found.map(|(_, text)| text).ok_or_else(none)
}

/// The name of a setting that the arguments ask about, the program's name first. clap has a command for each setting, so
/// that shells complete them, and refuses every other word in its own words.
pub fn asked_about(arguments: &[OsString]) -> Option<&str> {
    let words: Vec<&str> = arguments.iter().skip(1).filter_map(|word| word.to_str()).collect();
    match words.as_slice() {
        ["help", "settings", name] | ["settings", name] if !name.starts_with('-') && *name != "help" => Some(name),
        _ => None,
    }
}

/// Each setting, and its text alone.
pub fn each(width: usize) -> impl Iterator<Item = (Setting, String)> {
    all_settings().into_iter().map(move |setting| {
        let text = described(&setting, width) + "\n";
        (setting, text)
    })
}

/// The settings under their headings, each with its default, in lines of at most `width` columns.
pub fn text(width: usize) -> String {
    let (mut parts, mut section) = (vec![wrapped(INTRODUCTION, "", width)], "");
    for setting in all_settings() {
        if setting.section != section {
            section = setting.section;
            parts.push(format!("\n{section}:"));
        }
        parts.push(described(&setting, width));
    }
    parts.join("\n") + "\n"
}

fn described(setting: &Setting, width: usize) -> String {
    let names = match setting.kind {
        Kind::Plain | Kind::SecretPath => setting.name.to_owned(),
        Kind::File | Kind::Secret => format!("{0}, {0}_FILE", setting.name),
    };
    let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
    format!("  {names}\n{}", wrapped(&format!("{}{default}", setting.help), "      ", width))
}

/// The text in lines of at most `width` columns, each after `indent`.
fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line from the start");
        if line.len() == indent.len() || line.chars().count() + 1 + word.chars().count() <= width {
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        } else {
            lines.push(format!("{indent}{word}"));
        }
    }
    lines.join("\n")
}
