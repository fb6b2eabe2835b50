//! The raw text of each setting and its source: a flag, the environment, `.env`, a file. The only reader of the
//! environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::dot_env::{DotEnv, dot_env};
use super::reader::{Reader, Texts, settings};
use super::service_links::is_service_link;
use super::setting::{Kind, Setting};
use super::{Config, ConfigError, exposed};
use crate::domain::database_url::DatabaseUrl;

/// Where a value came from. A later variant overrides an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The setting's default.
    Default,
    /// The file `.env` in the working directory.
    DotEnv,
    /// The process's environment.
    Environment,
    /// A flag.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::Flag => "flag",
        })
    }
}

/// Why a URL with a password is refused as an argument.
pub const PASSWORD_IN_ARGUMENT: &str = "arguments are visible in the process list, so a password must not be one";

/// The raw text of each setting, before it is checked.
#[derive(Debug)]
pub struct RawSettings {
    settings: Vec<Setting>,
    pub(super) texts: Texts,
    pub(super) faults: Vec<String>,
    /// The files that values were read from: the name of the `_FILE` setting and the path.
    files: Vec<(String, String)>,
    /// Where the values are that `.env` gives: the name of the setting or its `_FILE`, and the number of the line.
    dot_env_lines: BTreeMap<String, usize>,
    dot_env: PathBuf,
}

/// The process's environment. A name that is not Unicode is ignored, a value that is not is refused.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
pub fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// The user who runs this process, for the audit log: from the environment, or from /etc/passwd if the environment does
/// not say it, as in a container or under a timer.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
pub fn os_user() -> String {
    let found = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let uid = rustix::process::getuid().as_raw();
    let listed = || name_of(uid, &String::from_utf8_lossy(&std::fs::read("/etc/passwd").ok()?));
    found.or_else(listed).unwrap_or_else(|| format!("uid {uid}"))
}

/// A user's name in the lines of passwd(5): `name:password:uid:...`
fn name_of(uid: u32, users: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

impl RawSettings {
    /// Gathers flags (by setting or `_FILE` name), the environment, and the lines of `.env` if there is one.
    /// A flag wins over the environment, and that over `.env`.
    #[must_use]
    pub fn gather(flags: &[(String, String)], environment: &[(OsString, OsString)], dot_env_path: &Path) -> Self {
        let settings = settings();
        let is_ours = |name: &str| {
            settings.iter().any(|setting| setting.name == name || setting.file_variable().as_deref() == Some(name))
        };
        let DotEnv { entries, faults } = dot_env(dot_env_path);
        let mut raw = Self {
            settings: settings.clone(),
            texts: Texts::new(),
            faults,
            files: Vec::new(),
            dot_env_lines: entries.iter().map(|(name, _, line)| (name.clone(), *line)).collect(),
            dot_env: dot_env_path.to_owned(),
        };
        let of_dot_env = entries.into_iter().map(|(name, value, _)| (name, (value, Source::DotEnv)));
        let mut found: BTreeMap<String, (String, Source)> = of_dot_env.collect();
        for (name, value) in environment {
            let Some(name) = name.to_str() else { continue };
            match value.to_str() {
                Some(value) if !is_ours(name) && is_service_link(name, value) => {}
                Some(value) => drop(found.insert(name.to_owned(), (value.to_owned(), Source::Environment))),
                None if is_ours(name) => raw.faults.push(format!("{name}: it is not UTF-8")),
                None => {}
            }
        }
        for (name, value) in flags {
            if name == "DATABASE_URL" && DatabaseUrl::parse(value).is_ok_and(|url| url.has_password()) {
                raw.faults.push(format!(
                    "DATABASE_URL: {PASSWORD_IN_ARGUMENT}; give the URL in the environment or in a file that \
                     DATABASE_URL_FILE names, or the password in PGPASSWORD or ~/.pgpass"
                ));
            }
            found.insert(name.clone(), (value.clone(), Source::Flag));
        }
        // An empty variable counts as unset, as compose files write it. An empty DATABASE_URL is a mistake and is
        // refused.
        found.retain(|name, (value, _)| !value.is_empty() || name == "DATABASE_URL");
        raw.dot_env_lines.retain(|name, _| found.get(name).is_some_and(|(_, source)| *source == Source::DotEnv));
        for name in found.keys().filter(|name| name.starts_with("JETON_") && !is_ours(name)) {
            raw.faults.push(format!("{name}: there is no such setting; `jeton config` lists all of them"));
        }
        for setting in settings {
            raw.resolve(setting, &found);
        }
        raw
    }

    fn resolve(&mut self, setting: Setting, found: &BTreeMap<String, (String, Source)>) {
        let direct = found.get(setting.name);
        let file_variable = setting.file_variable();
        let file = file_variable.as_ref().and_then(|name| found.get(name));
        let value = match (direct, file) {
            (None, None) => (setting.default.to_owned(), Source::Default),
            (Some(value), None) => value.clone(),
            // The setting or its `_FILE`, whichever has the higher source. Two from the same source are an error.
            (Some(value), Some((_, source))) if value.1 > *source => value.clone(),
            (Some((_, source)), Some((_, of_file))) if source == of_file => {
                let file_variable = file_variable.unwrap_or_default();
                self.faults.push(format!("{file_variable}: {} is set too; leave one of them out", setting.name));
                return;
            }
            (_, Some((path, source))) => match std::fs::read_to_string(path) {
                Ok(text) => {
                    self.files.push((file_variable.unwrap_or_default(), path.clone()));
                    (without_line_end(&text).to_owned(), *source)
                }
                Err(error) => {
                    let file_variable = file_variable.unwrap_or_default();
                    self.faults.push(format!("{file_variable}: cannot read {path}: {error}"));
                    return;
                }
            },
        };
        self.texts.insert(setting.name, value);
    }

    /// The fault, and the line of `.env` that it is about, if it is about one.
    pub(super) fn located(&self, fault: String) -> String {
        let line = fault.split_once(": ").and_then(|(name, _)| self.dot_env_lines.get(name));
        match line {
            Some(line) => format!("{fault} ({}, line {line})", self.dot_env.display()),
            None => fault,
        }
    }

    /// Name, value and source of every setting, in the order of the documentation; secrets hidden.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = self.settings.iter().filter_map(|setting| {
            let (value, source) = self.texts.get(setting.name)?;
            let shown = match setting.kind {
                Kind::Secret if !value.is_empty() => "********".to_owned(),
                _ if setting.name == "DATABASE_URL" => {
                    DatabaseUrl::parse(value).map_or_else(|_| value.clone(), |url| url.to_string())
                }
                _ => value.clone(),
            };
            Some(format!("{} {} {source}", setting.name, if shown.is_empty() { "-" } else { &shown }))
        });
        lines.collect()
    }

    /// Warnings about secret files that other users can read or write.
    #[must_use]
    pub fn exposed_files(&self) -> Vec<String> {
        let paths = self.settings.iter().filter(|setting| setting.kind == Kind::SecretPath);
        let paths = paths.filter_map(|setting| Some((setting.name, self.texts.get(setting.name)?.0.as_str())));
        let files = self.files.iter().map(|(name, path)| (name.as_str(), path.as_str()));
        files.chain(paths).filter_map(|(name, path)| Some(format!("{name}: {}", exposed::warning(path)?))).collect()
    }

    /// Checks all settings.
    ///
    /// # Errors
    /// All faults together, each with the name of its setting.
    pub fn check(&self) -> Result<Config, ConfigError> {
        let mut reader = Reader::new(&self.texts);
        let config = Config::read(&mut reader);
        let faults = [self.faults.clone(), reader.finish().1].concat();
        let faults: Vec<String> = faults.into_iter().map(|fault| self.located(fault)).collect();
        if faults.is_empty() { Ok(config) } else { Err(ConfigError(faults)) }
    }
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_user_has_a_name_in_the_systems_list() {
        let users = "root:x:0:0:root:/root:/bin/sh\n\n# a line by hand\nolga:x:1000:100:Olga:/home/olga:/bin/sh\nnobody:x:65534:0::/:";
        let name = |uid| super::name_of(uid, users);
        assert_eq!([name(0), name(1000), name(65_534)].map(Option::unwrap), ["root", "olga", "nobody"]);
        assert_eq!((name(100), name(1)), (None, None));
    }
}
