//! `jeton help settings`, and `jeton help settings NAME` for one: what each setting does, from the same rows as `docs/settings.md`.

use super::Failure;
use super::output::line;
use crate::config::{Kind, Setting, settings as all_settings};

/// The columns of a terminal that help takes at most.
pub const WIDTH: usize = 80;

const INTRODUCTION: &str = "A setting is an environment variable, a flag of the same name (JETON_TOKEN_MODE is \
    --token-mode), or a line of the file .env in the folder in which jeton is started. A flag overrides the \
    environment, and that overrides .env. Where NAME_FILE is written too, it names a file that holds the value; a \
    secret has no flag but that of its file. `jeton config` prints the value of each setting, and where it came from; `jeton help settings NAME` explains one.";

/// Prints the settings, or the one with this name.
pub fn settings(name: Option<&str>) -> Result<(), Failure> {
    let one = name.and_then(|name| each(WIDTH).find(|(setting, _)| setting.name == name));
    line(one.map_or_else(|| text(WIDTH), |(_, text)| text).trim_end())
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
