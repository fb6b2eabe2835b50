//! Wires store, hasher, service and routes together from the settings; starts and stops actix.

mod background;
mod bind;
mod certificate;
mod listen;
mod metrics;
mod open;
mod open_files;
mod reload;
mod shadow;
mod signals;
mod start_error;
mod stop;
mod wire;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_rt::task::JoinHandle;
use actix_web::dev::{Server as ActixServer, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, web};

use crate::config::Config;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::time::Clock;
use crate::http::{self, AppState, FastLane, OuterLayer};
use crate::service::{FirstStart, Metrics, Service};
use crate::upstream::UpstreamOptions;
use bind::{Bound, Place, bind, shutdown_timeout};
use certificate::Certificate;
use listen::SocketFile;
use metrics::bind_metrics;
use open::open_edge;
pub use open::{Schema, migrate, open_service, open_service_without_keys, open_store, read_sealer};
pub use reload::{ReadSettings, Reload};
pub use shadow::Shadow;
pub use signals::Signals;
pub use start_error::StartError;
pub use stop::{Stop, ensure_exit};

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
        let certificate = Certificate::of(&config.serving)?;
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
        let certificate = Certificate::of(&config.serving)?;
        let service = open_edge(config, upstream, clock)?;
        Self::listening(config, certificate, service)
    }

    fn listening(config: &Config, certificate: Option<Arc<Certificate>>, service: Service) -> Result<Self, StartError> {
        let state = web::Data::new(AppState::new(service.clone(), config.http.clone()));
        let connections = open_files::raise_limit_for_connections(config);
        let serving = &config.serving;
        let metrics = serving.metrics_listen.as_ref();
        let metrics = metrics.map(|listen| bind_metrics(serving, listen, state.clone())).transpose()?;
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
        let Bound { socket, actix, addresses, urls } =
            bind(&Place::main(serving, connections, certificate.as_ref()), app)?;
        let (metrics_socket, metrics) = metrics.map(|bound| (bound.socket, bound.actix)).unzip();
        Ok(Self {
            urls,
            addresses,
            first_start: None,
            sockets: Arc::new(metrics_socket.flatten().into_iter().chain(socket).collect()),
            actix,
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
