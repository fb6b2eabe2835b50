//! Wires store, hasher, service and routes together from the settings; starts and stops actix.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use actix_web::dev::{Server as ActixServer, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{Config, Listen};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::password::HashPolicy;
use crate::domain::secret_key::SecretKey;
use crate::domain::time::Clock;
use crate::domain::token::TokenMode;
use crate::http::{self, AppState, FastLane};
use crate::service::{
    Bootstrap, Error, FirstStart, Hasher, HasherOptions, Policy, PurgeRound, Sealer, Service, key_file,
};
use crate::store::{LockedRows, MetaKey, Purge, Store, StoreError, StoreOptions};

/// Why jeton does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first users and clients.
    #[error(transparent)]
    Service(#[from] Error),
    /// A file, an address or a thread.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// The certificate or its key.
    #[error("{0}")]
    Tls(String),
}

/// Opens the store without touching its schema.
///
/// # Errors
/// [`StartError::Store`].
pub fn open_store(config: &Config) -> Result<Store, StartError> {
    let options = StoreOptions { pool: config.database_pool, timeout: config.database_timeout };
    Ok(Store::open(&config.database_url, &options)?)
}

/// Everything behind the routes: the store with its schema up to date, the key that belongs to it, the hashing threads.
///
/// # Errors
/// [`StartError`].
pub fn open_service(config: &Config, clock: Clock) -> Result<Service, StartError> {
    let store = open_store(config)?;
    for migration in store.migrate()? {
        log::info!("ran the migration {migration}");
    }
    let sealer = secret_key(config, &store)?.as_ref().map(Sealer::new);
    let options = HasherOptions {
        threads: config.login_threads,
        queue: config.login_queue,
        policy: HashPolicy { cost: config.argon2, legacy: config.legacy_hashes },
    };
    let hasher =
        Hasher::start(options).map_err(|error| StartError::Io("cannot start a hashing thread".into(), error))?;
    let policy = Policy {
        token_mode: config.token_mode,
        token_ttl: config.token_ttl,
        token_auto_refresh: config.token_auto_refresh,
        token_min_refresh_interval: config.token_min_refresh_interval,
        token_max_ttl: config.token_max_ttl,
        token_prefix: config.token_prefix.clone(),
        retention: config.retention,
        token_limit_per_user: config.token_limit_per_user,
        login_scope: config.login_scope.clone(),
        issuer: config.issuer.clone(),
        login_limit_address: config.login_limit_address,
        login_limit_user: config.login_limit_user,
        database_timeout: config.database_timeout,
        cache_bytes: config.cache_bytes,
        revocation_bound: config.revocation_bound,
        stale_if_error: config.stale_if_error,
    };
    Ok(Service::new(store, hasher, sealer, clock, policy)?)
}

/// The secret key: the one that is set, or the one kept beside an SQLite database, made with the database.
fn secret_key(config: &Config, store: &Store) -> Result<Option<SecretKey>, StartError> {
    if let Some(key) = &config.secret_key {
        return Ok(Some(key.clone()));
    }
    let DatabaseUrl::Sqlite(database) = &config.database_url else { return Ok(None) };
    let path = key_file::path_beside(database);
    let io = |error| StartError::Io(path.display().to_string(), error);
    // Asked before the file is looked for: a node that starts beside this one makes the file first.
    let used_with_a_key = store.meta(MetaKey::SecretKeyCheck)?.is_some();
    if let Some(key) = key_file::read(&path).map_err(io)? {
        return Ok(Some(key));
    }
    if config.token_mode == TokenMode::Multiple {
        return Ok(None);
    }
    // Such a database must not silently get another one: its sealed tokens would be lost.
    if used_with_a_key {
        return Err(StartError::Store(StoreError::Unusable(format!(
            "the secret key of this database is missing: put its file back at {}, or set JETON_SECRET_KEY",
            path.display()
        ))));
    }
    Ok(Some(key_file::make(&path).map_err(io)?))
}

/// A server that listens.
pub struct Server {
    /// Where, as URLs.
    pub urls: Vec<String>,
    /// The addresses, when it listens on TCP.
    pub addresses: Vec<SocketAddr>,
    /// What a first start on an empty SQLite database made.
    pub first_start: Option<FirstStart>,
    actix: ActixServer,
    metrics: Option<ActixServer>,
    service: Service,
}

impl Server {
    /// Opens everything and begins to listen.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config, clock: Clock) -> Result<Self, StartError> {
        let tls = config.tls.as_ref().map(|(cert, key)| tls(cert, key)).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let service = open_service(config, clock)?;
        let state = web::Data::new(AppState {
            service: service.clone(),
            auth_keywords: config.auth_keywords.clone(),
            login_fields: config.login_fields.clone(),
            issuer: config.issuer.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
        });
        let metrics = config.metrics_listen.as_ref().map(|listen| metrics_server(listen, state.clone())).transpose()?;
        let with_metrics = metrics.is_none();
        let lane = service.clone();
        let app = move || {
            let app = App::new().app_data(state.clone()).wrap(from_fn(http::surround)).configure(http::routes);
            let app = if with_metrics { app.configure(http::metrics_routes) } else { app };
            FastLane::new(lane.clone(), app)
        };
        let server = HttpServer::new(app)
            .workers(config.workers)
            .disable_signals()
            .shutdown_timeout(config.shutdown_timeout.as_secs().max(1))
            .client_request_timeout(Duration::from_secs(10));
        let server = match (&config.listen, tls) {
            (Listen::Tcp(address), None) => server.bind(address).map_err(|error| cannot_listen(address, error))?,
            (Listen::Tcp(address), Some(tls)) => {
                server.bind_rustls_0_23(address, tls).map_err(|error| cannot_listen(address, error))?
            }
            (Listen::Unix(path), None) => {
                // Not actix's `bind_uds`: it removes whatever stands at the path.
                let listener = remove_stale_socket(path).and_then(|()| UnixListener::bind(path));
                let server = listener.and_then(|listener| server.listen_uds(listener));
                server.map_err(|error| cannot_listen(&path.display().to_string(), error))?
            }
            (Listen::Unix(_), Some(_)) => {
                return Err(StartError::Tls("JETON_TLS_CERT: there is no HTTPS on a Unix socket".into()));
            }
        };
        let (addresses, urls) = match &config.listen {
            Listen::Tcp(_) => {
                let addresses = server.addrs();
                let urls = addresses.iter().map(|address| format!("{scheme}://{address}")).collect();
                (addresses, urls)
            }
            // actix has an address for a socket too, a made-up one.
            Listen::Unix(path) => (Vec::new(), vec![format!("unix:{}", path.display())]),
        };
        // After the place to listen is ours: a start that fails must not use up the one showing of the first secrets.
        let bootstrap = Bootstrap { admin: config.bootstrap_admin.clone(), client: config.bootstrap_client.clone() };
        service.bootstrap(&bootstrap).await?;
        let first_start = if config.database_url.is_postgres() { None } else { service.first_start().await? };
        Ok(Self { urls, addresses, first_start, actix: server.run(), metrics, service })
    }

    /// Stops the server from elsewhere.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.actix.handle()
    }

    /// Serves until the handle stops it.
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn run(self) -> io::Result<()> {
        let watch = self.service.watch()?;
        let uses = actix_rt::spawn(keep_flushing(self.service.clone()));
        let purge = actix_rt::spawn(keep_purging(self.service.clone()));
        let metrics = self.metrics.map(|server| (server.handle(), actix_rt::spawn(server)));
        let served = self.actix.await;
        if let Some((handle, _)) = metrics {
            handle.stop(false).await;
        }
        uses.abort();
        purge.abort();
        drop(watch);
        flush_at_last(&self.service).await;
        served
    }
}

/// How long a use of a token waits for its writing.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

async fn keep_flushing(service: Service) {
    loop {
        actix_rt::time::sleep(FLUSH_INTERVAL).await;
        if let Err(error) = service.flush_uses(LockedRows::PassOver).await {
            log::warn!("uses of tokens wait to be written: {error}");
        }
    }
}

/// A server that stops tries more than once to write what it has noted: a database that is busy for a moment must not
/// cost it, nor one row that somebody holds all the others.
const LAST_FLUSHES: [LockedRows; 3] = [LockedRows::PassOver, LockedRows::Wait, LockedRows::PassOver];

async fn flush_at_last(service: &Service) {
    for (attempt, locked) in LAST_FLUSHES.into_iter().enumerate() {
        let left = match service.flush_uses(locked).await {
            Ok(0) => return,
            Ok(tokens) => format!("somebody holds the rows of {tokens} tokens"),
            Err(error) if error.is_passing() => error.to_string(),
            Err(error) => return log::error!("the last uses of tokens were not written: {error}"),
        };
        if attempt + 1 == LAST_FLUSHES.len() {
            return log::error!("the last uses of tokens were not written: {left}");
        }
        log::warn!("the last uses of tokens wait to be written: {left}");
        // Until the database has given up what this attempt has locked.
        actix_rt::time::sleep(service.policy().database_timeout / 4).await;
    }
}

/// How often it is looked whether anything is to be purged, and the pause between two batches when there is.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);
const PURGE_PAUSE: Duration = Duration::from_millis(20);

/// One kind of row after the other, so that one that cannot be purged does not keep the others.
async fn keep_purging(service: Service) {
    loop {
        for what in Purge::ALL {
            if let Err(error) = purge_all(&service, what).await {
                log::warn!("{what:?} wait to be purged: {error}");
            }
        }
        actix_rt::time::sleep(PURGE_INTERVAL).await;
    }
}

async fn purge_all(service: &Service, what: Purge) -> Result<(), Error> {
    let mut round = PurgeRound::of(what);
    while service.purge(&mut round).await? {
        actix_rt::time::sleep(PURGE_PAUSE).await;
    }
    Ok(())
}

/// `/metrics` on an address of its own; one thread is enough for it.
fn metrics_server(listen: &Listen, state: web::Data<AppState>) -> Result<ActixServer, StartError> {
    let app = move || App::new().app_data(state.clone()).wrap(from_fn(http::surround)).configure(http::metrics_routes);
    let server = HttpServer::new(app).workers(1).disable_signals();
    let server = match listen {
        Listen::Tcp(address) => server.bind(address),
        Listen::Unix(path) => remove_stale_socket(path)
            .and_then(|()| UnixListener::bind(path))
            .and_then(|socket| server.listen_uds(socket)),
    };
    let cannot = |error| StartError::Io("JETON_METRICS_LISTEN: cannot listen there".into(), error);
    Ok(server.map_err(cannot)?.run())
}

fn cannot_listen(address: &str, error: io::Error) -> StartError {
    StartError::Io(format!("JETON_LISTEN: cannot listen on {address}"), error)
}

/// A socket that a killed jeton left behind; one that somebody answers on stays, and binding to it fails.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    match UnixStream::connect(path) {
        Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

fn tls(cert: &str, key: &str) -> Result<ServerConfig, StartError> {
    let fault =
        |name: &str, path: &str, error: &dyn std::fmt::Display| StartError::Tls(format!("{name}: {path}: {error}"));
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault("JETON_TLS_CERT", cert, &error))?;
    if chain.is_empty() {
        return Err(fault("JETON_TLS_CERT", cert, &"there is no certificate in it"));
    }
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| fault("JETON_TLS_KEY", key, &error))?;
    ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| fault("JETON_TLS_KEY", key, &error))
}
