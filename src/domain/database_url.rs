//! `DATABASE_URL`: which database, told by the scheme alone.

use std::fmt;
use std::path::PathBuf;

/// Where everything is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A libpq connection URI, as it was given.
    Postgres(String),
    /// The path of the database file.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// Reads a URL. Nothing is opened or made.
    ///
    /// # Errors
    /// A sentence that names what is wrong and what would be right, without the URL, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let Some(path) = text.strip_prefix("sqlite://") else {
            return Err("its scheme must be postgres://, postgresql:// or sqlite:// \
                        (for example sqlite://jeton.db or postgres://user:password@host/name)"
                .into());
        };
        if path.is_empty() {
            return Err("there is no path after sqlite:// (for example sqlite://jeton.db)".into());
        }
        if path == ":memory:" {
            return Err("a database in memory would not be shared by jeton's connections; give a file's path".into());
        }
        if path.contains('\0') {
            return Err("the path holds a NUL character".into());
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }

    /// Whether this is PostgreSQL.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// `message` without the URL or its password, whichever a database library quotes.
    #[must_use]
    pub fn scrub(&self, message: &str) -> String {
        let Self::Postgres(url) = self else { return message.to_owned() };
        let mut scrubbed = message.replace(url, "DATABASE_URL");
        for secret in passwords_in(url).into_iter().filter(|secret| secret.len() > 2) {
            scrubbed = scrubbed.replace(secret, "********");
        }
        scrubbed
    }
}

/// The URL with its passwords hidden.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let mut shown = url.clone();
                for secret in passwords_in(url).into_iter().filter(|secret| !secret.is_empty()) {
                    shown = shown
                        .replace(&format!(":{secret}@"), ":********@")
                        .replace(&format!("password={secret}"), "password=********");
                }
                f.write_str(&shown)
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The places of a libpq URI where a password may stand: after the user, and in the parameters.
fn passwords_in(url: &str) -> Vec<&str> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let (authority_and_path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let credentials = authority_and_path.rsplit_once('@').map_or("", |(credentials, _)| credentials);
    let in_credentials = credentials.split_once(':').map(|(_, password)| password);
    let in_parameters = parameters
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.ends_with("password"))
        .map(|(_, value)| value);
    in_credentials.into_iter().chain(in_parameters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides() {
        assert!(DatabaseUrl::parse("postgres://h/d").unwrap().is_postgres());
        assert!(DatabaseUrl::parse("postgresql://h/d").unwrap().is_postgres());
        let sqlite = |text| DatabaseUrl::parse(text).unwrap();
        assert_eq!(sqlite("sqlite://jeton.db"), DatabaseUrl::Sqlite("jeton.db".into()));
        assert_eq!(sqlite("sqlite:///var/x.db"), DatabaseUrl::Sqlite("/var/x.db".into()));
        for bad in
            ["", "sqlite:x", "sqlite://", "sqlite://:memory:", "postgres:oops", "mysql://h/d", "jeton.db", "POSTGRES"]
        {
            assert!(DatabaseUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_do_not_show() {
        for text in [
            "postgres://u:hunter22@h/d",
            "postgres://u:hunter22@h1,h2/d?sslmode=require",
            "postgres://u@h/d?password=hunter22",
            "postgres://u:a@hunter22@h/d",
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert!(!format!("{url} {url:?}").contains("hunter22"), "{url}");
            assert!(!url.scrub(&format!("cannot parse \"{text}\"")).contains("hunter22"));
        }
        assert_eq!(DatabaseUrl::parse("postgres://u@h/d?x=1").unwrap().to_string(), "postgres://u@h/d?x=1");
    }
}
