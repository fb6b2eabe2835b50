//! The settings that are reloaded while a server runs. Each part is independent: a file that cannot be read, or was
//! removed since the start, does not hold up the other parts.

use super::reader::{Reader, is_about};
use super::upstream::{Upstream, upstream};
use super::{ConfigError, RawSettings, SecretKeys, TlsFiles, database_url};
use crate::domain::database_url::DatabaseUrl;

/// The reloaded parts.
#[derive(Debug)]
pub struct Reloadable {
    /// `DATABASE_URL`.
    pub database_url: Result<DatabaseUrl, ConfigError>,
    /// `JETON_SECRET_KEY` and `JETON_SECRET_KEY_FALLBACKS`.
    pub secret_keys: Result<SecretKeys, ConfigError>,
    /// `JETON_UPSTREAM` and the credentials for it.
    pub upstream: Result<Option<Upstream>, ConfigError>,
    /// `JETON_TLS_CERT` and `JETON_TLS_KEY`.
    pub tls: Result<Option<TlsFiles>, ConfigError>,
}

impl RawSettings {
    /// The parts that may change while a server runs.
    #[must_use]
    pub fn reloadable(&self) -> Reloadable {
        Reloadable {
            database_url: self.part(database_url),
            secret_keys: self.part(SecretKeys::read),
            upstream: self.part(upstream),
            tls: self.part(TlsFiles::read),
        }
    }

    fn part<T>(&self, read: impl FnOnce(&mut Reader<'_>) -> T) -> Result<T, ConfigError> {
        let mut reader = Reader::new(&self.texts);
        let value = read(&mut reader);
        let (rows, new_faults) = reader.finish();
        let is_about_these = |fault: &&String| rows.iter().any(|row| is_about(fault, row.name));
        let mut faults: Vec<String> = self.faults.iter().filter(is_about_these).cloned().collect();
        faults.extend(new_faults);
        let faults: Vec<String> = faults.into_iter().map(|fault| self.located(fault)).collect();
        if faults.is_empty() { Ok(value) } else { Err(ConfigError(faults)) }
    }
}
