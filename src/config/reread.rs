//! What is read again while a server runs. Each part stands for itself: a file that cannot be read, or is gone since the
//! start, holds up no other.

use super::check::{Reader, secret_keys};
use super::{ConfigError, Given};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::secret_key::SecretKey;

/// The parts, as they are said now.
#[derive(Debug)]
pub struct Reread {
    /// `DATABASE_URL`.
    pub database_url: Result<DatabaseUrl, ConfigError>,
    /// `JETON_SECRET_KEY` and `JETON_SECRET_KEY_FALLBACKS`.
    pub secret_keys: Result<(Option<SecretKey>, Vec<SecretKey>), ConfigError>,
    /// The paths of `JETON_TLS_CERT` and `JETON_TLS_KEY`.
    pub tls: Result<Option<(String, String)>, ConfigError>,
}

impl Given {
    /// The parts that may change while a server runs.
    #[must_use]
    pub fn reread(&self) -> Reread {
        Reread {
            database_url: self.part(&["DATABASE_URL"], |reader| reader.required("DATABASE_URL", DatabaseUrl::parse)),
            secret_keys: self.part(&["JETON_SECRET_KEY", "JETON_SECRET_KEY_FALLBACKS"], |reader| {
                let key = reader.maybe("JETON_SECRET_KEY", SecretKey::parse);
                let fallbacks = reader.maybe("JETON_SECRET_KEY_FALLBACKS", secret_keys);
                Some((key?, fallbacks?.unwrap_or_default()))
            }),
            tls: self.part(&[], |reader| Some(reader.pair("JETON_TLS_CERT", "JETON_TLS_KEY"))),
        }
    }

    fn part<T>(&self, names: &[&str], read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Result<T, ConfigError> {
        let is_of_these = |fault: &&String| {
            names.iter().any(|name| {
                let rest = fault.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with(": ") || rest.starts_with("_FILE: "))
            })
        };
        let mut reader = Reader::new(self, self.faults.iter().filter(is_of_these).cloned().collect());
        let value = read(&mut reader);
        match (value, reader.into_faults()) {
            (Some(value), faults) if faults.is_empty() => Ok(value),
            (_, faults) => Err(ConfigError(faults)),
        }
    }
}
