//! The door that every request comes through and every answer leaves by, before the fast lane and the application: what
//! belongs to the connection and not to the request is done here.

mod rest;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::body::{BodySize, BoxBody};
use actix_http::header::{HeaderValue, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, UPGRADE};
use actix_http::{BoxedPayloadStream, ConnectionType, Payload, Request, Response};
use actix_service::IntoServiceFactory;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Service as ActixService, ServiceFactory, ServiceResponse};
use actix_web::web::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{StreamExt, unfold};

use super::connection::{Connection, UnderWay};
use rest::{Rest, content_length, may_come_late, shared};

/// Under HTTPS of our own, browsers are told to come back by it for a year.
pub const HSTS: &str = "max-age=31536000";

/// Makes the door before an application, for each worker its own.
pub struct Front<F> {
    inner: F,
}

impl<F: ServiceFactory<Request>> Front<F> {
    /// Before `inner`.
    pub fn new(inner: impl IntoServiceFactory<F, Request>) -> Self {
        Self { inner: inner.into_factory() }
    }
}

/// What is behind the door answers so.
pub trait Boxed {
    /// The answer, whatever its body is.
    fn boxed(self) -> Response<BoxBody>;
}

impl<B: MessageBody + 'static> Boxed for Response<B> {
    fn boxed(self) -> Response<BoxBody> {
        self.map_body(|_, body| body.boxed())
    }
}

impl<B: MessageBody + 'static> Boxed for ServiceResponse<B> {
    fn boxed(self) -> Response<BoxBody> {
        Response::from(self).boxed()
    }
}

impl<F> ServiceFactory<Request> for Front<F>
where
    F: ServiceFactory<Request, Config = AppConfig, Error = actix_web::Error>,
    F::Response: Boxed + Unpin,
    F::InitError: std::fmt::Debug,
    F::Future: 'static,
    F::Service: 'static,
    <F::Service as ActixService<Request>>::Future: Unpin,
{
    type Response = Response<Answer>;
    type Error = actix_web::Error;
    type Config = AppConfig;
    type Service = Door<F::Service>;
    type InitError = F::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, F::InitError>>;

    fn new_service(&self, config: AppConfig) -> Self::Future {
        let is_https = config.secure();
        let inner = self.inner.new_service(config);
        Box::pin(async move { Ok(Door { inner: inner.await?, is_https }) })
    }
}

/// The door of one worker, and what is behind it.
pub struct Door<S> {
    inner: S,
    is_https: bool,
}

impl<S> ActixService<Request> for Door<S>
where
    S: ActixService<Request, Error = actix_web::Error>,
    S::Response: Boxed + Unpin,
    S::Future: Unpin,
{
    type Response = Response<Answer>;
    type Error = actix_web::Error;
    type Future = Passage<S::Future, S::Response>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let under_way = request.conn_data::<Arc<Connection>>().map(Connection::begin);
        let is_websocket = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket");
        let offers_websocket = request.head().headers().get_all(UPGRADE).any(is_websocket);
        let offers_upgrade = offers_websocket || request.head().upgrade();
        if offers_websocket {
            request = with_its_own_length(request);
        }
        let has_body = !matches!(request.payload(), Payload::None);
        let rest = if has_body && may_come_late(&request) {
            let rest;
            (request, rest) = shared(request);
            Some(rest)
        } else {
            None
        };
        Passage {
            answer: self.inner.call(request),
            early: if has_body { Early::Possible } else { Early::No },
            is_https: self.is_https,
            offers_upgrade,
            rest,
            under_way,
        }
    }
}

/// actix takes all that follows a head with `Upgrade: websocket` for the body. The offer is not taken up here, so the body
/// is as long as the head says.
fn with_its_own_length(mut request: Request) -> Request {
    if request.head().headers().contains_key(TRANSFER_ENCODING) {
        return request;
    }
    let Some(length) = content_length(&request).filter(|length| *length > 0) else {
        return request.replace_payload(Payload::None).0;
    };
    let payload = request.take_payload();
    let body = unfold((payload, length), |(mut payload, left)| async move {
        if left == 0 {
            return None;
        }
        let chunk = payload.next().await?.map(|mut chunk: Bytes| {
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            chunk
        });
        let left = chunk.as_ref().map_or(0, |chunk| left - chunk.len() as u64);
        Some((chunk, (payload, left)))
    });
    let body: BoxedPayloadStream = Box::pin(body);
    request.replace_payload(Payload::from(body)).0
}

/// Whether an answer may be there before its request's body.
enum Early<R> {
    No,
    Possible,
    /// It was, and waits for a body that comes along with its head to be taken in: so that the connection, of which actix
    /// would have to throw the rest away, can go on.
    Waits(R),
}

/// A request on its way to its answer.
pub struct Passage<F, R> {
    answer: F,
    early: Early<R>,
    is_https: bool,
    offers_upgrade: bool,
    rest: Option<Rest>,
    under_way: Option<UnderWay>,
}

impl<F, R> Future for Passage<F, R>
where
    F: Future<Output = Result<R, actix_web::Error>> + Unpin,
    R: Boxed + Unpin,
{
    type Output = Result<Response<Answer>, actix_web::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match std::mem::replace(&mut self.early, Early::No) {
            Early::Waits(answer) => {
                if let Some(rest) = &mut self.rest
                    && rest.poll(cx).is_pending()
                {
                    self.early = Early::Waits(answer);
                    return Poll::Pending;
                }
                answer
            }
            early => {
                let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(cx) else { return Poll::Pending };
                let answer = answer?;
                if matches!(early, Early::Possible) {
                    self.early = Early::Waits(answer);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                answer
            }
        };
        let mut answer = answer.boxed();
        let under_way = self.under_way.take();
        // Whoever offered it would wait for another protocol, and actix keeps no such connection.
        // And it would read the rest of a body without a length, however long.
        let is_unread = self.rest.take().is_some_and(|rest| rest.is_cut_short());
        if self.offers_upgrade || is_unread || under_way.as_ref().is_some_and(UnderWay::is_last) {
            answer.head_mut().set_connection_type(ConnectionType::Close);
        }
        if self.is_https {
            answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
        }
        Poll::Ready(Ok(answer.map_body(|_, body| Answer { body, piece: Bytes::new(), _under_way: under_way })))
    }
}

/// What actix is handed of an answer at once: it copies all of it, whether the client reads or not.
const SLICE: usize = 16 * 1024;

/// The body of an answer; its request is under way until all of it is written.
pub struct Answer {
    body: BoxBody,
    /// What the body gave and was not handed on.
    piece: Bytes,
    _under_way: Option<UnderWay>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.piece.is_empty() {
            match self.body.as_pin_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(piece))) => self.piece = piece,
                other => return other,
            }
        }
        let size = self.piece.len().min(SLICE);
        Poll::Ready(Some(Ok(self.piece.split_to(size))))
    }
}
