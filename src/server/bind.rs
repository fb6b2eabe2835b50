//! Binds the addresses that the settings name, and has actix serve an application there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{Request, Response};
use actix_server::ServerBuilder;
use actix_service::ServiceFactory;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Server as ActixServer};

use super::certificate::Certificate;
use super::listen::{SocketFile, listen, listen_unix};
use super::open_files::METRICS_CONNECTIONS;
use super::start_error::StartError;
use super::wire::{Connections, HttpListener, MAX_WAITING, shorten_timeouts_at_stop};
use crate::config::{Listen, Serving};

/// Where to serve, and how much.
pub struct Place<'a> {
    serving: &'a Serving,
    listen: &'a Listen,
    certificate: Option<&'a Arc<Certificate>>,
    workers: usize,
    /// How many connections are served at once.
    connections: usize,
    /// What an error says.
    cannot_listen: String,
}

impl<'a> Place<'a> {
    /// `JETON_LISTEN`.
    pub fn main(serving: &'a Serving, connections: usize, certificate: Option<&'a Arc<Certificate>>) -> Self {
        let listen = &serving.listen;
        let address = match listen {
            Listen::Tcp(address) => address.clone(),
            Listen::Unix(path) => path.display().to_string(),
        };
        let cannot_listen = format!("JETON_LISTEN: cannot listen on {address}");
        Self { serving, listen, certificate, workers: serving.workers, connections, cannot_listen }
    }

    /// `JETON_METRICS_LISTEN`. One thread is enough.
    pub fn metrics(serving: &'a Serving, listen: &'a Listen) -> Self {
        let cannot_listen = "JETON_METRICS_LISTEN: cannot listen on it".into();
        Self { serving, listen, certificate: None, workers: 1, connections: METRICS_CONNECTIONS, cannot_listen }
    }
}

/// What serves a place.
pub struct Bound {
    /// The file, if it is a Unix socket. Before the listeners: see [`SocketFile::remove`].
    pub socket: Option<SocketFile>,
    /// Accepts connections once it is polled.
    pub actix: ActixServer,
    /// The addresses, if it is TCP.
    pub addresses: Vec<SocketAddr>,
    /// Where it is, as URLs.
    pub urls: Vec<String>,
}

/// Listens at a place, and serves `app` there.
///
/// # Errors
/// [`StartError::Io`], naming the setting; [`StartError::Tls`] for a Unix socket with a certificate.
pub fn bind<F, B>(place: &Place<'_>, app: impl Fn() -> F + Send + Clone + 'static) -> Result<Bound, StartError>
where
    F: ServiceFactory<Request, Config = AppConfig, Response = Response<B>, Error = actix_web::Error> + 'static,
    F::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
{
    let cannot = |error: io::Error| StartError::Io(place.cannot_listen.clone(), error);
    let scheme = if place.certificate.is_some() { "https" } else { "http" };
    let (mut builder, http_listener) = http_listener(place);
    match place.listen {
        Listen::Tcp(address) => {
            let mut addresses = Vec::new();
            for listener in listen(address).map_err(cannot)? {
                addresses.push(listener.local_addr().map_err(cannot)?);
                let certificate = place.certificate.cloned();
                builder = http_listener.listen(builder, listener, certificate, app.clone()).map_err(cannot)?;
            }
            let urls = addresses.iter().map(|address| format!("{scheme}://{address}")).collect();
            Ok(Bound { socket: None, actix: builder.run(), addresses, urls })
        }
        Listen::Unix(_) if place.certificate.is_some() => {
            Err(StartError::Tls("JETON_TLS_CERT: HTTPS is not possible on a Unix socket".into()))
        }
        Listen::Unix(path) => {
            let (listener, socket) = listen_unix(path).map_err(cannot)?;
            let builder = http_listener.listen_unix(builder, listener, app).map_err(cannot)?;
            let urls = vec![format!("unix:{}", path.display())];
            Ok(Bound { socket: Some(socket), actix: builder.run(), addresses: Vec::new(), urls })
        }
    }
}

/// A builder for the threads that serve a place, and how they serve its connections.
fn http_listener(place: &Place<'_>) -> (ServerBuilder, HttpListener) {
    let (connections, workers) = (place.connections, place.workers);
    // actix's own limit is higher than ours, because a connection beyond our limit is accepted and closes an idle one.
    let builder = ServerBuilder::new()
        .workers(workers)
        .max_concurrent_connections((connections + Connections::slack(connections)).div_ceil(workers) + MAX_WAITING)
        .disable_signals()
        .shutdown_timeout(shutdown_timeout(place.serving).as_secs());
    let http_listener = HttpListener {
        connections: Connections::new(connections),
        keep_alive: place.serving.keep_alive,
        stopping: builder.graceful_shutdown_signal(),
    };
    actix_rt::spawn(shorten_timeouts_at_stop(http_listener.connections.clone(), http_listener.stopping.clone()));
    (builder, http_listener)
}

/// How long a stop waits for open requests, as actix counts it: in whole seconds.
pub fn shutdown_timeout(serving: &Serving) -> Duration {
    Duration::from_secs(serving.shutdown_timeout.as_secs().max(1))
}
