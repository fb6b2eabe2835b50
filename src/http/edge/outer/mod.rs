//! The outermost layer, before the fast lane and the application: what concerns the connection and not the single
//! request.

mod unread_body;

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

use crate::http::connection::{Connection, InFlight};
use unread_body::{BodyRest, content_length, may_arrive_later, share_body};

/// `Strict-Transport-Security` under jeton's own HTTPS: one year.
pub const HSTS: &str = "max-age=31536000";

/// A factory: puts an `OuterService` before the application, one for each worker.
pub struct OuterLayer<F> {
    inner: F,
}

impl<F: ServiceFactory<Request>> OuterLayer<F> {
    /// Puts the layer before `inner`.
    pub fn new(inner: impl IntoServiceFactory<F, Request>) -> Self {
        Self { inner: inner.into_factory() }
    }
}

/// An answer of the inner service.
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

impl<F> ServiceFactory<Request> for OuterLayer<F>
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
    type Service = OuterService<F::Service>;
    type InitError = F::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, F::InitError>>;

    fn new_service(&self, config: AppConfig) -> Self::Future {
        let is_https = config.secure();
        let inner = self.inner.new_service(config);
        Box::pin(async move { Ok(OuterService { inner: inner.await?, is_https }) })
    }
}

/// The outermost layer of one worker, and the inner service.
pub struct OuterService<S> {
    inner: S,
    is_https: bool,
}

impl<S> ActixService<Request> for OuterService<S>
where
    S: ActixService<Request, Error = actix_web::Error>,
    S::Response: Boxed + Unpin,
    S::Future: Unpin,
{
    type Response = Response<Answer>;
    type Error = actix_web::Error;
    type Future = OuterFuture<S::Future, S::Response>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let in_flight = request.conn_data::<Arc<Connection>>().map(Connection::begin_request);
        let is_websocket = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket");
        let offers_websocket = request.head().headers().get_all(UPGRADE).any(is_websocket);
        let offers_upgrade = offers_websocket || request.head().upgrade();
        if offers_websocket {
            request = limit_to_content_length(request);
        }
        let has_body = !matches!(request.payload(), Payload::None);
        let rest = if has_body && may_arrive_later(&request) {
            let rest;
            (request, rest) = share_body(request);
            Some(rest)
        } else {
            None
        };
        OuterFuture {
            answer: self.inner.call(request),
            early: if has_body { Early::Possible } else { Early::No },
            is_https: self.is_https,
            offers_upgrade,
            rest,
            in_flight,
        }
    }
}

/// Limits the body to the length in the head. After `Upgrade: websocket` actix reads everything that follows as the
/// body, but jeton accepts no upgrade.
fn limit_to_content_length(mut request: Request) -> Request {
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

/// Whether an answer may be ready before its request's body has been read.
enum Early<R> {
    No,
    Possible,
    /// It was ready early, and waits until the part of the body that is on its way has been read. Otherwise actix would
    /// have to close the connection. A small body needs one poll for that, in which actix reads what came with the head.
    Waits(R),
}

/// The future of an answer.
pub struct OuterFuture<F, R> {
    answer: F,
    early: Early<R>,
    is_https: bool,
    offers_upgrade: bool,
    rest: Option<BodyRest>,
    in_flight: Option<InFlight>,
}

impl<F, R> Future for OuterFuture<F, R>
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
        let in_flight = self.in_flight.take();
        // A client that offered an upgrade waits for another protocol, and actix does not keep its connection. actix
        // would read an unread chunked body to its end, however long it is.
        let is_unread = self.rest.take().is_some_and(|rest| rest.has_unread_chunks());
        if self.offers_upgrade || is_unread || in_flight.as_ref().is_some_and(InFlight::is_last) {
            answer.head_mut().set_connection_type(ConnectionType::Close);
        }
        if self.is_https {
            answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
        }
        Poll::Ready(Ok(answer.map_body(|_, body| Answer { body, piece: Bytes::new(), _in_flight: in_flight })))
    }
}

/// How much of an answer is passed to actix at once. actix copies all that it gets, whether the client reads or not.
const SLICE: usize = 16 * 1024;

/// The body of an answer. Its request is in progress until all of it is written.
pub struct Answer {
    body: BoxBody,
    /// A piece of the body that was not passed to actix yet.
    piece: Bytes,
    _in_flight: Option<InFlight>,
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
