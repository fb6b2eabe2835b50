//! Requests that are passed on as they came, and their answers as they come: any method, header and body, streamed both
//! ways. Each has a connection of its own: one that is kept may be closed by the other side at the moment of a request.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{LocalBoxStream, Stream, StreamExt, poll_fn as stream_of};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::tls::tls_client;
use crate::store::StoreError;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A body in pieces.
pub type Pieces = LocalBoxStream<'static, io::Result<Bytes>>;

/// A request. Its headers must say how long its body is, or that it comes in chunks.
pub struct Outgoing {
    /// The method.
    pub method: String,
    /// The path and the query.
    pub target: String,
    /// A header that is to be sent twice is in the list twice.
    pub headers: Vec<(String, Vec<u8>)>,
    /// `None` for a request without a body.
    pub body: Option<Pieces>,
}

/// An answer.
pub struct Received {
    /// The status.
    pub status: u16,
    /// A header that was sent twice is in the list twice. The names are in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Pieces,
}

/// A server to which requests are passed on.
pub struct Forward {
    host: String,
    port: u16,
    authority: String,
    prefix: String,
    tls: Option<Arc<ClientConfig>>,
}

impl Forward {
    /// Connects to nothing yet. The URL has a scheme, a host, and no query.
    ///
    /// # Errors
    /// For `https` without the system's certificates.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let unusable = || StoreError::Unusable(format!("JETON_UPSTREAM: {url} is no URL"));
        let uri: Uri = url.parse().map_err(|_| unusable())?;
        let authority = uri.authority().ok_or_else(unusable)?;
        let is_https = uri.scheme_str() == Some("https");
        let tls = is_https.then(tls_client).transpose()?;
        let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { host, port, authority: authority.to_string(), prefix, tls })
    }

    /// Sends a request. Returns as soon as the head of the answer is there; the body can then be read piece by piece. A
    /// request without `Host` gets that of the server.
    ///
    /// There is no limit on waiting for the head. A view may work for minutes before it answers, and the server may have
    /// a limit of its own for that (gunicorn's `timeout`), as the client and a proxy before this one do. A shorter limit
    /// here would break requests that work without this proxy.
    ///
    /// # Errors
    /// When there is no connection, or no answer on it.
    pub async fn send(&self, request: Outgoing) -> io::Result<Received> {
        let request = self.request(request)?;
        let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((self.host.as_str(), self.port)));
        let stream = connected.await.map_err(|_| io::ErrorKind::TimedOut)??;
        // An answer's last piece must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
                let connected = timeout(CONNECT_TIMEOUT, TlsConnector::from(Arc::clone(tls)).connect(name, stream));
                exchange(connected.await.map_err(|_| io::ErrorKind::TimedOut)??, request).await
            }
        }
    }

    fn request(&self, sent: Outgoing) -> io::Result<hyper::Request<Sent>> {
        let mut request = hyper::Request::new(Sent(sent.body));
        *request.method_mut() = Method::from_bytes(sent.method.as_bytes()).map_err(io::Error::other)?;
        *request.uri_mut() = format!("{}{}", self.prefix, sent.target).parse().map_err(io::Error::other)?;
        let headers = request.headers_mut();
        for (name, value) in sent.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
            headers.append(name, HeaderValue::from_bytes(&value).map_err(io::Error::other)?);
        }
        if !headers.contains_key(HOST) {
            headers.insert(HOST, HeaderValue::from_str(&self.authority).map_err(io::Error::other)?);
        }
        headers.insert("connection", HeaderValue::from_static("close"));
        Ok(request)
    }
}

async fn exchange<T>(stream: T, request: hyper::Request<Sent>) -> io::Result<Received>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    spawn_local(async move {
        // Whoever reads the answer gets the connection's error, too.
        let _ = connection.await;
    });
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let (head, body) = answer.into_parts();
    let headers =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    Ok(Received { status: head.status.as_u16(), headers, body: pieces(body).boxed_local() })
}

fn pieces(mut body: Incoming) -> impl Stream<Item = io::Result<Bytes>> {
    stream_of(move |context| {
        let frame = Pin::new(&mut body).poll_frame(context);
        // A frame without data has trailers, which are dropped.
        frame.map(|frame| {
            frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()).map_err(io::Error::other))
        })
    })
}

/// All of a body, if it is not longer than `limit`.
///
/// # Errors
/// Those of the connection.
pub async fn whole(mut body: Pieces, limit: usize) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    while let Some(piece) = poll_fn(|context| body.poll_next_unpin(context)).await {
        read.extend_from_slice(&piece?);
        if read.len() > limit {
            return Err(io::Error::other("the answer is too long"));
        }
    }
    Ok(read)
}

/// The body of a request, as hyper takes it.
struct Sent(Option<Pieces>);

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.0 {
            None => Poll::Ready(None),
            Some(body) => body.poll_next_unpin(context).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}
