//! Between the sockets and actix: which connections are admitted, how long they may last, and what they carry.

mod bare;
mod body;
mod closing;
mod connections;
mod handshake;
mod head;
mod stream;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{Extensions, HttpService, KeepAlive, Protocol, Request, Response};
use actix_server::{GracefulShutdownSignal, ServerBuilder};
use actix_service::{ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::certificate::Certificate;
pub use connections::{Connections, MAX_WAITING};
use stream::{ClientTimeouts, StreamOptions, Wire};

/// After an answer that was sent before the end of the request's body: how long the rest of the body is read and
/// discarded.
const LINGER: Duration = Duration::from_secs(3);

/// What actix's HTTP service takes: a stream, its protocol, the client's address.
type Streams<T> = (Wire<T>, Protocol, Option<SocketAddr>);

/// How connections are served.
#[derive(Clone)]
pub struct HttpListener {
    /// The limit of connections.
    pub connections: Arc<Connections>,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// When the server begins to stop.
    pub stopping: GracefulShutdownSignal,
}

impl HttpListener {
    /// Serves `app` to whoever connects to `listener`, over TLS if there is a certificate.
    ///
    /// # Errors
    /// Errors of the listener.
    pub fn listen<F, B>(
        &self,
        builder: ServerBuilder,
        listener: TcpListener,
        certificate: Option<Arc<Certificate>>,
        app: impl Fn() -> F + Send + Clone + 'static,
    ) -> io::Result<ServerBuilder>
    where
        F: ServiceFactory<Request, Config = AppConfig, Response = Response<B>, Error = actix_web::Error> + 'static,
        F::InitError: std::fmt::Debug,
        B: MessageBody + 'static,
    {
        let address = listener.local_addr()?;
        let (name, http_listener) = (format!("jeton-{address}"), self.clone());
        let Some(certificate) = certificate else {
            return builder.listen(name, listener, move || {
                let (accepting, http) = (http_listener.clone(), http_listener.http(app(), address, false));
                fn_service(move |stream: TcpStream| {
                    let http_listener = accepting.clone();
                    async move {
                        let peer = stream.peer_addr().ok();
                        Ok((http_listener.wire(stream).await?, Protocol::Http1, peer))
                    }
                })
                .and_then(http)
            });
        };
        builder.listen(name, listener, move || {
            let (accepting, certificate) = (http_listener.clone(), Arc::clone(&certificate));
            fn_service(move |stream: TcpStream| {
                let (http_listener, tls) = (accepting.clone(), certificate.acceptor());
                async move {
                    let (peer, admitted) = (stream.peer_addr().ok(), http_listener.admit().await?);
                    let stream = handshake::accept(&tls, stream, &admitted).await?;
                    Ok((Wire::new(stream, admitted, http_listener.options(true)), Protocol::Http1, peer))
                }
            })
            .and_then(http_listener.http(app(), address, true))
        })
    }

    /// The same on a Unix socket.
    ///
    /// # Errors
    /// Errors of the listener.
    pub fn listen_unix<F, B>(
        &self,
        builder: ServerBuilder,
        listener: UnixListener,
        app: impl Fn() -> F + Send + Clone + 'static,
    ) -> io::Result<ServerBuilder>
    where
        F: ServiceFactory<Request, Config = AppConfig, Response = Response<B>, Error = actix_web::Error> + 'static,
        F::InitError: std::fmt::Debug,
        B: MessageBody + 'static,
    {
        let http_listener = self.clone();
        // A Unix socket has no address, but actix requires one.
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        builder.listen_uds("jeton-unix", listener, move || {
            let accepting = http_listener.clone();
            fn_service(move |stream: UnixStream| {
                let http_listener = accepting.clone();
                async move { Ok((http_listener.wire(stream).await?, Protocol::Http1, None)) }
            })
            .and_then(http_listener.http(app(), address, false))
        })
    }

    fn options(&self, is_https: bool) -> StreamOptions {
        StreamOptions { timeouts: ClientTimeouts::new(self.keep_alive), is_https }
    }

    /// Waits, with growing pauses, until other connections have closed.
    async fn admit(&self) -> Result<connections::Admitted, DispatchError> {
        for pause in [0, 5, 10, 20, 50, 100, 200, 500, 1_000] {
            if pause > 0 {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            if let Some(admitted) = self.connections.admit() {
                return Ok(admitted);
            }
        }
        Err(DispatchError::Io(io::ErrorKind::ConnectionRefused.into()))
    }

    async fn wire<T: AsyncRead + AsyncWrite + Unpin>(&self, stream: T) -> Result<Wire<T>, DispatchError> {
        Ok(Wire::new(stream, self.admit().await?, self.options(false)))
    }

    /// HTTP as actix-web's own `HttpServer` serves it. That one accepts only the system's own streams.
    fn http<T, F, B>(
        &self,
        app: F,
        address: SocketAddr,
        is_https: bool,
    ) -> impl ServiceFactory<Streams<T>, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<T, F, B>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        F: ServiceFactory<Request, Config = AppConfig, Response = Response<B>, Error = actix_web::Error> + 'static,
        F::InitError: std::fmt::Debug,
        B: MessageBody + 'static,
    {
        let stopping = self.stopping.clone();
        // There is no public constructor that takes `is_https`. `HttpServer` passes the same values.
        let config = AppConfig::__priv_test_new(is_https, address.to_string(), address);
        HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KeepAlive::Timeout(self.keep_alive))
            // `Wire` has this time-out, for every request and not only for the first.
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(LINGER)
            .local_addr(address)
            .on_connect_ext(|wire: &Wire<T>, data: &mut Extensions| {
                data.insert(Arc::clone(wire.connection()));
            })
            .finish(map_config(app.map_err(|error: actix_web::Error| error.error_response()), move |()| config.clone()))
    }
}

/// Shortens the time-outs of all connections when the server begins to stop.
pub async fn shorten_timeouts_at_stop(connections: Arc<Connections>, stopping: GracefulShutdownSignal) {
    stopping.notified().await;
    connections.stop();
}
