//! Opens what the routes need, as the settings say: store, secret key, hasher, service.

use std::path::Path;

use super::start_error::StartError;
use crate::config::{Config, SecretKeys};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::secret_key::SecretKey;
use crate::domain::time::Clock;
use crate::domain::token::TokenMode;
use crate::service::{Hasher, Sealer, SealingKeys, Service, key_file};
use crate::store::{ALL_BUT_OWNER, MetaKey, SchemaState, Store, StoreError, restrict_file_mode};
use crate::upstream::{Upstream, UpstreamOptions};

/// Opens the store without touching its schema.
///
/// # Errors
/// [`StartError::Store`].
pub fn open_store(config: &Config) -> Result<Store, StartError> {
    Ok(Store::open(&config.database.url, &config.database.options)?)
}

/// What opening does when the database's schema is missing or out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Creates the schema or migrates it.
    Migrate,
    /// Refuses the database and changes nothing.
    Require,
}

/// Opens the service: the store with its schema, the secret key that belongs to it, the hashing threads.
///
/// # Errors
/// [`StartError`].
pub fn open_service(config: &Config, clock: Clock, schema: Schema) -> Result<Service, StartError> {
    let store = open_store(config)?;
    open_on(store.clone(), config, clock, schema, Keys::Required).inspect_err(|_| store.close())
}

/// The same on an existing database, without the secret key, for commands that neither print nor create login keys. So
/// a backup can be inspected without its key, and a lost key does not prevent other commands.
///
/// # Errors
/// [`StartError`].
pub fn open_service_without_keys(config: &Config, clock: Clock) -> Result<Service, StartError> {
    let store = open_store(config)?;
    open_on(store.clone(), config, clock, Schema::Require, Keys::NotNeeded).inspect_err(|_| store.close())
}

/// Opens the service of an edge: no database, only the upstream.
///
/// # Errors
/// [`StartError::Store`].
pub fn open_edge(config: &Config, options: &UpstreamOptions, clock: Clock) -> Result<Service, StartError> {
    // A little less than the limit of a request, so that the error response is in time.
    let timeout = config.database.options.timeout * 9 / 10;
    let upstream = Upstream::new(options, timeout, config.policy.max_age())?;
    Ok(Service::edge(upstream, clock, config.policy.clone())?)
}

/// Whether the secret key is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Required,
    NotNeeded,
}

fn open_on(store: Store, config: &Config, clock: Clock, schema: Schema, keys: Keys) -> Result<Service, StartError> {
    match schema {
        Schema::Require => store.require_schema()?,
        Schema::Migrate => {
            for migration in migrate(config, &store)? {
                log::info!("ran the migration {migration}");
            }
        }
    }
    let keys = match keys {
        Keys::Required => {
            let key = secret_key(config, &store)?;
            let sealer = key.map(|key| Sealer::new(&key, &config.secret_keys.fallbacks));
            sealer.map_or(SealingKeys::Unset, SealingKeys::Keys)
        }
        Keys::NotNeeded => {
            match &config.database.url {
                DatabaseUrl::Sqlite(database) if config.secret_keys.key.is_none() => {
                    restrict_file_mode(&key_file::path_beside(database), ALL_BUT_OWNER)?;
                }
                DatabaseUrl::Sqlite(_) | DatabaseUrl::Postgres(_) => {}
            }
            SealingKeys::NotNeeded
        }
    };
    let hasher =
        Hasher::start(config.hashing).map_err(|error| StartError::Io("cannot start a hashing thread".into(), error))?;
    Ok(Service::new(store, hasher, keys, clock, config.policy.clone())?)
}

/// The keys that open seals, if there are any. Creates no key.
///
/// # Errors
/// [`StartError::Io`] when the file beside an SQLite database cannot be read.
pub fn read_sealer(config: &Config) -> Result<Option<Sealer>, StartError> {
    sealer_of(&config.secret_keys, &config.database.url)
}

/// The same, from these two settings alone.
///
/// # Errors
/// As [`read_sealer`].
pub(super) fn sealer_of(keys: &SecretKeys, url: &DatabaseUrl) -> Result<Option<Sealer>, StartError> {
    let key = match (&keys.key, url) {
        (Some(key), _) => Some(key.clone()),
        (None, DatabaseUrl::Postgres(_)) => None,
        (None, DatabaseUrl::Sqlite(database)) => {
            let path = key_file::path_beside(database);
            key_file::read(&path).map_err(|error| StartError::Io(path.display().to_string(), error))?
        }
    };
    Ok(key.map(|key| Sealer::new(&key, &keys.fallbacks)))
}

/// Creates the database if it is missing and runs its migrations. Returns the migrations that were run.
///
/// # Errors
/// [`StartError::Store`]; also if the database is missing but its key file exists. That file was created together with
/// a database, so the database was lost, and an empty one must not silently take its place.
pub fn migrate(config: &Config, store: &Store) -> Result<Vec<String>, StartError> {
    match &config.database.url {
        DatabaseUrl::Sqlite(database) => require_not_lost(database, store)?,
        DatabaseUrl::Postgres(_) => {}
    }
    Ok(store.migrate()?)
}

fn require_not_lost(database: &Path, store: &Store) -> Result<(), StartError> {
    let key = key_file::path_beside(database);
    // In this order: another process that starts now creates the database first and the key file after it.
    if key.exists() && store.schema_state()? == SchemaState::Missing {
        return Err(StartError::Store(StoreError::Unusable(format!(
            "{} is missing or empty, but its secret key file exists ({}), so this is not a first start: put the \
             database back, or restore a backup with `jeton restore FILE`; to start anew, move the key file away",
            database.display(),
            key.display()
        ))));
    }
    Ok(())
}

/// The secret key: the one that is set, or the one in the file beside an SQLite database, created with the database.
fn secret_key(config: &Config, store: &Store) -> Result<Option<SecretKey>, StartError> {
    if let Some(key) = &config.secret_keys.key {
        return Ok(Some(key.clone()));
    }
    let database = match &config.database.url {
        DatabaseUrl::Sqlite(database) => database,
        DatabaseUrl::Postgres(_) => return Ok(None),
    };
    let path = key_file::path_beside(database);
    let io = |error| StartError::Io(path.display().to_string(), error);
    // `meta` is read before the file, because another node that starts now creates the file before it writes `meta`.
    let used_with_a_key = store.meta(MetaKey::SecretKeyCheck)?.is_some();
    restrict_file_mode(&path, ALL_BUT_OWNER)?;
    if let Some(key) = key_file::read(&path).map_err(io)? {
        return Ok(Some(key));
    }
    if config.policy.token_mode == TokenMode::Multiple {
        return Ok(None);
    }
    // A used database must not silently get another key: its sealed tokens would be lost.
    if used_with_a_key {
        return Err(StartError::Store(StoreError::Unusable(format!(
            "the secret key of this database is missing: put its file back at {}, or set JETON_SECRET_KEY",
            path.display()
        ))));
    }
    Ok(Some(key_file::make(&path).map_err(io)?))
}
