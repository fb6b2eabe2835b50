//! What a setting is. Each is declared once, as a row beside its parser, where its field of [`super::Config`] is
//! filled. Flags, help, `jeton config` and `docs/settings.md` are built from the rows.

/// One setting: an environment variable, and a flag of the same name.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The value if the setting is unset; empty: none.
    pub default: &'static str,
    /// Whether its value is hidden, and may be read from a file that `<name>_FILE` names.
    pub kind: Kind,
    /// What it does, for `--help`.
    pub help: &'static str,
    /// Its heading in the documentation.
    pub section: &'static str,
}

/// How a setting is passed and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Shown, and passed as its value only.
    Plain,
    /// As `Plain`: the path of a file that only its owner should be able to read.
    SecretPath,
    /// May also be read from the file that `<name>_FILE` names.
    File,
    /// As `File`, but never shown and without a flag, because flags are visible in the process list.
    Secret,
}

pub(super) const fn plain(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, kind: Kind::Plain, help, section: "" }
}

pub(super) const fn secret_path(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", kind: Kind::SecretPath, help, section: "" }
}

pub(super) const fn file(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, kind: Kind::File, help, section: "" }
}

pub(super) const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", kind: Kind::Secret, help, section: "" }
}

impl Setting {
    /// The flag: `JETON_TOKEN_MODE` is `--token-mode`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.trim_start_matches("JETON_").to_lowercase().replace('_', "-")
    }

    /// The variable that names a file with the value.
    #[must_use]
    pub fn file_variable(&self) -> Option<String> {
        match self.kind {
            Kind::Plain | Kind::SecretPath => None,
            Kind::File | Kind::Secret => Some(format!("{}_FILE", self.name)),
        }
    }
}
