//! Wires store, hasher, service and routes together from the settings; starts and stops actix.

mod chores;
mod listen;
mod open;

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use actix_web::dev::{Server as ActixServer, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};

use crate::config::{Config, Listen};
use crate::domain::time::Clock;
use crate::http::{self, AppState, FastLane, KeyPlaces, TrustedProxies};
use crate::service::{Bootstrap, Error, FirstStart, Service};
use crate::store::StoreError;
use listen::{cannot_listen, remove_stale_socket, tls};
pub use open::{open_service, open_store};

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
            trusted_proxies: TrustedProxies::new(config.trusted_proxies.clone()),
            keys: KeyPlaces::new(&config.key_headers, config.key_basic),
            cors_origins: config.cors_origins.clone(),
            verify_preflight: config.verify_preflight,
        });
        let metrics = config.metrics_listen.as_ref().map(|listen| metrics_server(listen, state.clone())).transpose()?;
        let with_metrics = metrics.is_none();
        let lane = service.clone();
        let app = move || {
            let app = App::new().app_data(state.clone()).wrap(from_fn(http::cross_origin));
            let app = app.wrap(from_fn(http::surround)).configure(http::routes);
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
        let uses = actix_rt::spawn(chores::keep_flushing(self.service.clone()));
        let purge = actix_rt::spawn(chores::keep_purging(self.service.clone()));
        let metrics = self.metrics.map(|server| (server.handle(), actix_rt::spawn(server)));
        let served = self.actix.await;
        if let Some((handle, _)) = metrics {
            handle.stop(false).await;
        }
        uses.abort();
        purge.abort();
        drop(watch);
        chores::flush_at_last(&self.service).await;
        served
    }
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
