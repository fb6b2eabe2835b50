//! The beginning of an HTTPS connection.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use actix_http::error::DispatchError;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connections::Admitted;

/// How long the handshake may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Does the TLS handshake, unless the connection is closed to make room for others.
pub async fn accept(
    tls: &TlsAcceptor,
    stream: TcpStream,
    admitted: &Admitted,
) -> Result<TlsStream<TcpStream>, DispatchError> {
    let mut handshake = pin!(tokio::time::timeout(TIMEOUT, tls.accept(stream)));
    let done = poll_fn(|cx| {
        admitted.connection.register(cx);
        if admitted.connection.is_closing() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        handshake.as_mut().poll(cx).map(|done| done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))
    });
    done.await.map_err(DispatchError::Io)
}
