//! Wires store, hasher, service and routes together from the settings; starts and stops actix.

mod background;
mod certificate;
mod listen;
mod open;
mod open_files;
mod reload;
mod shadow;
mod signals;
mod stop;
mod wire;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_http::{Request, Response};
use actix_rt::task::JoinHandle;
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, ServiceFactory, boxed};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server as ActixServer, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, web};

use crate::config::{Config, Listen, Serving};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Clock;
use crate::http::{self, AppState, FastLane, OuterLayer};
use crate::service::{Error, FirstStart, Metrics, Service};
use crate::store::StoreError;
use crate::upstream::UpstreamOptions;
use certificate::Certificate;
use listen::{SocketFile, cannot_listen, listen, listen_unix};
use open::open_edge;
pub use open::{Schema, migrate, open_service, open_service_without_keys, open_store, read_sealer};
pub use reload::{ReadSettings, Reload};
pub use shadow::Shadow;
pub use signals::Signals;
pub use stop::{Stop, ensure_exit};
use wire::{Connections, HttpListener, MAX_WAITING};

/// Why jeton does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bootstrap user or client, or those of a first start, could not be created.
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
    /// What the first start on an empty SQLite database created.
    pub first_start: Option<FirstStart>,
    /// Before the listeners: see [`SocketFile::remove`].
    sockets: Arc<Vec<SocketFile>>,
    actix: ActixServer,
    metrics: Option<ActixServer>,
    service: Service,
    certificate: Option<Arc<Certificate>>,
    drain: Duration,
    shutdown_timeout: Duration,
}

impl Server {
    /// Opens everything and begins to listen. Returns `None` if `stop` is ready while the start still waits for
    /// PostgreSQL, or for locks there. The caller must then end the process, which rolls back the open transaction.
    /// With SQLite the start is short and is not interrupted.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: &Config,
        clock: Clock,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Self>, StartError> {
        let certificate = read_certificate(config)?;
        let schema = if config.database.migrate { Schema::Migrate } else { Schema::Require };
        let settings = config.clone();
        let mut opening = actix_rt::task::spawn_blocking(move || open_service(&settings, clock, schema));
        let mut stop = pin!(stop);
        // PostgreSQL can keep a start waiting, SQLite cannot.
        let may_wait = match &config.database.url {
            DatabaseUrl::Postgres(_) => true,
            DatabaseUrl::Sqlite(_) => false,
        };
        let opened = poll_fn(|context| {
            if may_wait && stop.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            Pin::new(&mut opening).poll(context).map(Some)
        });
        let Some(opened) = opened.await else { return Ok(None) };
        let service = opened.map_err(|panic| StartError::Io("the start".into(), io::Error::other(panic)))??;
        // A failed start closes the database as a stop does.
        let server = async {
            let mut server = Self::listening(config, certificate, service.clone())?;
            server.begin(config).await?;
            Ok(Some(server))
        };
        server.await.inspect_err(|_| service.node.close())
    }

    /// Begins to listen as an edge. Its upstream need not answer yet.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start_edge(config: &Config, upstream: &UpstreamOptions, clock: Clock) -> Result<Self, StartError> {
        let certificate = read_certificate(config)?;
        let service = open_edge(config, upstream, clock)?;
        Self::listening(config, certificate, service)
    }

    fn listening(config: &Config, certificate: Option<Arc<Certificate>>, service: Service) -> Result<Self, StartError> {
        let state = web::Data::new(AppState::new(service.clone(), config.http.clone()));
        let connections = open_files::raise_limit_for_connections(config);
        let serving = &config.serving;
        let metrics = serving.metrics_listen.as_ref();
        let mut sockets = Vec::new();
        let metrics = metrics.map(|listen| metrics_server(serving, listen, state.clone(), &mut sockets)).transpose()?;
        let with_metrics = metrics.is_none();
        let (is_edge, login) = (service.as_edge().is_some(), config.http.login.clone());
        let routes = move |config: &mut web::ServiceConfig| {
            if is_edge { http::edge_routes(config) } else { http::routes(config, &login) }
        };
        let lane = state.clone();
        let app = move || {
            let app = App::new().app_data(state.clone()).wrap(from_fn(http::cross_origin));
            let app = app.wrap(from_fn(http::identify_and_log)).configure(&routes);
            let app = if with_metrics { app.configure(http::metrics_routes) } else { app };
            OuterLayer::new(FastLane::new(lane.clone(), app))
        };
        let (builder, http_listener) = http_listener(serving, serving.workers, connections);
        let (server, addresses, urls) =
            bind(serving, builder, &http_listener, certificate.as_ref(), &mut sockets, app)?;
        Ok(Self {
            urls,
            addresses,
            first_start: None,
            sockets: Arc::new(sockets),
            actix: server.run(),
            metrics,
            service,
            certificate,
            drain: serving.drain,
            shutdown_timeout: shutdown_timeout(serving),
        })
    }

    /// Checks the usernames, creates the first users and clients, and logs a warning if no superuser exists. Runs only
    /// after listening succeeded: a start that fails must not use up the one chance to print the first secrets.
    async fn begin(&mut self, config: &Config) -> Result<(), StartError> {
        let service = &self.service;
        service.accounts.require_distinct_usernames().await?;
        service.accounts.bootstrap(&config.bootstrap).await?;
        service.counted_hashes.estimate().await?;
        // A server that only reads, such as a standby, can answer all the same.
        if let Err(error) = service.node.note_revocation_bound().await {
            log::warn!("JETON_REVOCATION_BOUND could not be noted in the database: {error}");
        }
        self.first_start = match &config.database.url {
            DatabaseUrl::Postgres(_) => None,
            DatabaseUrl::Sqlite(_) => service.accounts.first_start(config.http.login.first_admin()).await?,
        };
        if self.first_start.is_none() {
            service.accounts.warn_without_superuser().await?;
        }
        Ok(())
    }

    /// A handle that can stop the server from any thread.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.actix.handle()
    }

    /// Stops the server in steps: not ready, drain, finish, exit.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        Stop {
            service: self.service.clone(),
            drain: self.drain,
            shutdown_timeout: self.shutdown_timeout,
            sockets: Arc::clone(&self.sockets),
            handle: self.handle(),
        }
    }

    /// Reloads files when asked to: see `reload.rs`. `read_settings` reads the settings again.
    #[must_use]
    pub fn reload(&self, read_settings: ReadSettings) -> Reload {
        Reload { service: self.service.clone(), certificate: self.certificate.clone(), read_settings }
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.service.metrics
    }

    /// Serves until the handle stops it.
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn run(self) -> io::Result<()> {
        let watch = self.service.introspection.watch()?;
        let background = background::start(&self.service);
        if self.service.as_edge().is_none() {
            self.service.node.make_search_index();
        }
        let metrics = self.metrics.map(|server| (server.handle(), actix_rt::spawn(server)));
        let served = self.actix.await;
        if let Some((handle, _)) = metrics {
            handle.stop(false).await;
        }
        background.iter().for_each(JoinHandle::abort);
        drop(watch);
        if self.service.as_edge().is_none() {
            background::flush_at_shutdown(&self.service).await;
            self.service.node.close();
        }
        served
    }
}

fn read_certificate(config: &Config) -> Result<Option<Arc<Certificate>>, StartError> {
    Ok(config.serving.tls.as_ref().map(Certificate::read).transpose()?.map(Arc::new))
}

/// A builder for `workers` threads that serve at most `connections` at once.
fn http_listener(serving: &Serving, workers: usize, connections: usize) -> (ServerBuilder, HttpListener) {
    // actix's own limit is higher than ours, because a connection beyond our limit is accepted and closes an idle one.
    let builder = ServerBuilder::new()
        .workers(workers)
        .max_concurrent_connections((connections + Connections::slack(connections)).div_ceil(workers) + MAX_WAITING)
        .disable_signals()
        .shutdown_timeout(shutdown_timeout(serving).as_secs());
    let http_listener = HttpListener {
        connections: Connections::new(connections),
        keep_alive: serving.keep_alive,
        stopping: builder.graceful_shutdown_signal(),
    };
    actix_rt::spawn(wire::shorten_timeouts_at_stop(http_listener.connections.clone(), http_listener.stopping.clone()));
    (builder, http_listener)
}

/// How long a stop waits for open requests, as actix counts it: in whole seconds.
fn shutdown_timeout(serving: &Serving) -> Duration {
    Duration::from_secs(serving.shutdown_timeout.as_secs().max(1))
}

/// Listens where the settings say, and serves `app` there. Returns the addresses, if it is TCP, and the URLs. The file of
/// a Unix socket is added to `sockets`.
fn bind<F, B>(
    serving: &Serving,
    builder: ServerBuilder,
    http_listener: &HttpListener,
    certificate: Option<&Arc<Certificate>>,
    sockets: &mut Vec<SocketFile>,
    app: impl Fn() -> F + Send + Clone + 'static,
) -> Result<(ServerBuilder, Vec<SocketAddr>, Vec<String>), StartError>
where
    F: ServiceFactory<Request, Config = AppConfig, Response = Response<B>, Error = actix_web::Error> + 'static,
    F::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
{
    let scheme = if certificate.is_some() { "https" } else { "http" };
    match &serving.listen {
        Listen::Tcp(address) => {
            let cannot = |error| cannot_listen(address, error);
            let (mut server, mut addresses) = (builder, Vec::new());
            for listener in listen(address).map_err(cannot)? {
                addresses.push(listener.local_addr().map_err(cannot)?);
                server = http_listener.listen(server, listener, certificate.cloned(), app.clone()).map_err(cannot)?;
            }
            let urls = addresses.iter().map(|address| format!("{scheme}://{address}")).collect();
            Ok((server, addresses, urls))
        }
        Listen::Unix(_) if certificate.is_some() => {
            Err(StartError::Tls("JETON_TLS_CERT: HTTPS is not possible on a Unix socket".into()))
        }
        Listen::Unix(path) => {
            let server = listen_unix(path).and_then(|(listener, file)| {
                sockets.push(file);
                http_listener.listen_unix(builder, listener, app)
            });
            let server = server.map_err(|error| cannot_listen(&path.display().to_string(), error))?;
            Ok((server, Vec::new(), vec![format!("unix:{}", path.display())]))
        }
    }
}

/// `/metrics` on a separate address. One thread is enough.
fn metrics_server(
    serving: &Serving,
    address: &Listen,
    state: web::Data<AppState>,
    sockets: &mut Vec<SocketFile>,
) -> Result<ActixServer, StartError> {
    let app = move || {
        let app = App::new()
            .app_data(state.clone())
            .wrap(from_fn(http::identify_and_log))
            .configure(http::only_metrics_routes);
        OuterLayer::new(boxed::factory(app.into_factory()))
    };
    let (builder, http_listener) = http_listener(serving, 1, open_files::METRICS_CONNECTIONS);
    let server = match address {
        Listen::Tcp(address) => listen(address).and_then(|listeners| {
            listeners
                .into_iter()
                .try_fold(builder, |server, listener| http_listener.listen(server, listener, None, app.clone()))
        }),
        Listen::Unix(path) => listen_unix(path).and_then(|(listener, file)| {
            sockets.push(file);
            http_listener.listen_unix(builder, listener, app)
        }),
    };
    let cannot = |error| StartError::Io("JETON_METRICS_LISTEN: cannot listen on it".into(), error);
    Ok(server.map_err(cannot)?.run())
}
