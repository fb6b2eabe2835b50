//! `DATABASE_URL`: the scheme alone decides which database it is.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// The location of the database.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A libpq connection URI, as it was given.
    Postgres(String),
    /// The path of the database file.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// Parses a URL. Nothing is opened or created.
    ///
    /// # Errors
    /// A message that says what is wrong and what would be right. It does not contain the URL, which may hold a
    /// password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
            // If a password contains @, / or ?, libpq would read part of it as a host, a port or a name, and quote it in
            // an error message.
            return if Parts::of(rest).is_well_formed() {
                Ok(Self::Postgres(text.to_owned()))
            } else {
                Err("it is not of the form postgres://user:password@host:port/name?parameter=value; \
                     in a password write %40 for @, %2F for / and %3F for ?"
                    .into())
            };
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

    /// The name of the database system.
    #[must_use]
    pub const fn system(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "PostgreSQL",
            Self::Sqlite(_) => "SQLite",
        }
    }

    /// Whether it contains a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        matches!(self, Self::Postgres(url) if passwords_in(url).iter().any(|secret| !secret.is_empty()))
    }

    /// Whether it has parameters, so that another one must be appended with `&`.
    #[must_use]
    pub fn has_parameters(&self) -> bool {
        matches!(self, Self::Postgres(url) if url.contains('?'))
    }

    /// Removes the URL and its password from a message, in case the database library quotes them.
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
                    shown =
                        shown.replace(&format!(":{secret}@"), ":********@").replace(&format!("={secret}"), "=********");
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

/// All passwords in a libpq URI: after the user, and in the parameters.
fn passwords_in(url: &str) -> Vec<&str> {
    let parts = Parts::of(url.split_once("://").map_or("", |(_, rest)| rest));
    let in_credentials = parts.credentials.split_once(':').map(|(_, password)| password);
    let in_parameters = parts
        .parameters
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        // libpq decodes the names of parameters too.
        .filter(|(name, _)| percent_decode_str(name).decode_utf8_lossy().ends_with("password"))
        .map(|(_, value)| value);
    in_credentials.into_iter().chain(in_parameters).collect()
}

/// The parts of a libpq URI after its scheme, split as libpq splits it (`conninfo_uri_parse_options` in
/// `fe-connect.c`).
pub(super) struct Parts<'a> {
    pub(super) credentials: &'a str,
    pub(super) hosts: &'a str,
    pub(super) name: &'a str,
    pub(super) parameters: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn of(rest: &'a str) -> Self {
        let end = rest.find(['@', '/']).filter(|&at| rest[at..].starts_with('@'));
        let (credentials, rest) = end.map_or(("", rest), |at| (&rest[..at], &rest[at + 1..]));
        let (places, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, name) = places.split_once('/').unwrap_or((places, ""));
        Self { credentials, hosts, name, parameters }
    }

    fn is_well_formed(&self) -> bool {
        // A colon inside the brackets of an IPv6 address begins no port.
        let port =
            |host: &str| host.rsplit(']').next().and_then(|rest| rest.split_once(':')).map(|(_, port)| port.to_owned());
        let brackets = |host: &str| host.starts_with('[') == host.contains(']');
        let is_host = |host: &str| {
            brackets(host) && port(host).is_none_or(|port| port.bytes().all(|digit| digit.is_ascii_digit()))
        };
        let is_parameter = |parameter: &str| parameter.is_empty() || parameter.contains('=');
        !self.hosts.contains('@')
            && !self.name.contains('@')
            && self.hosts.split(',').all(is_host)
            && self.parameters.split('&').all(is_parameter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides() {
        assert_eq!(DatabaseUrl::parse("postgres://h/d").unwrap().system(), "PostgreSQL");
        assert_eq!(DatabaseUrl::parse("postgresql://h/d").unwrap().system(), "PostgreSQL");
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
            "postgres://u:hunter22?@h/d?user=a@b",
            "postgres://h:5432/d?user=u&password=hunter22@",
            "postgres://u:hunter22@[::1]:5432,h:1/d",
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert!(url.has_password(), "{url}");
            assert!(!format!("{url} {url:?}").contains("hunter22"), "{url}");
            assert!(!url.scrub(&format!("cannot parse \"{text}\"")).contains("hunter22"));
        }
        for text in ["postgres://u@h/d", "postgres://u:@h/d", "postgres://h:5432/d?user=u&password=", "sqlite://u:p@h"]
        {
            assert!(!DatabaseUrl::parse(text).unwrap().has_password(), "{text}");
        }
        assert_eq!(DatabaseUrl::parse("postgres://u@h/d?x=1").unwrap().to_string(), "postgres://u@h/d?x=1");
    }

    #[test]
    fn a_password_that_would_be_split_is_refused() {
        for text in [
            "postgres://u:a@hunter22@h/d",
            "postgres://u:hunter/22@h/d",
            "postgres://u:1/hunter22@h/d",
            "postgres://u:a@b?hunter22@h/d",
            "postgres://u:hunter22@[::1/d",
            "postgres://u:hunter22@h:port/d",
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(error.contains("%2F") && !error.contains("hunter"), "{text}: {error}");
        }
        for text in
            ["postgres:///d", "postgres://", "postgres://%2Ftmp/d", "postgres://u@/d?host=/tmp", "postgres://h:/d"]
        {
            assert!(DatabaseUrl::parse(text).is_ok(), "{text}");
        }
    }
}
