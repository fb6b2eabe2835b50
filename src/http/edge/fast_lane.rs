//! The way of nearly every request, `POST /introspect` by a known client, past the router, the middleware and the general
//! parsers. It decides nothing that the ordinary way would decide otherwise: whatever it does not know at a glance goes
//! there, body and all, and `tests/api/edge/fast_lane.rs` holds that both give the same answer.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::body::{BoxBody, EitherBody};
use actix_http::error::PayloadError;
use actix_http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, TRANSFER_ENCODING,
    UPGRADE,
};
use actix_http::{BoxedPayloadStream, Method, Payload, Request, RequestHead, Response, StatusCode, Version};
use actix_service::IntoServiceFactory;
use actix_web::ResponseError;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Service as ActixService, ServiceFactory, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::web::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{StreamExt, once};
use subtle::ConstantTimeEq;

use super::origin::{origin, origin_parts};
use super::request_id::{self, X_REQUEST_ID};
use crate::domain::time::Stopwatch;
use crate::http::caller::basic;
use crate::http::error::HttpError;
use crate::http::oauth::paths;
use crate::service::introspection::cache::Born;
use crate::service::{Introspection, Service, WorkerCounts};

/// Where this way leads, as metrics name it.
const ROUTE: &str = paths::INTROSPECT;
/// What the route says of its methods.
const ALLOWED: &str = "POST, OPTIONS";
const PATHS: [&str; 2] = [ROUTE, "/introspect/"];

/// A longer body goes the ordinary way.
const MAX_BODY: usize = 2 * 1024;

/// Makes the fast lane before an application, for each worker its own.
pub struct FastLane<F> {
    service: Service,
    app: F,
}

impl<F> FastLane<F> {
    /// Before `app`.
    pub fn new(service: Service, app: impl IntoServiceFactory<F, Request>) -> Self
    where
        F: ServiceFactory<Request>,
    {
        Self { service, app: app.into_factory() }
    }
}

impl<F, B> ServiceFactory<Request> for FastLane<F>
where
    F: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = actix_web::Error>,
    F::InitError: std::fmt::Debug,
    F::Future: 'static,
    F::Service: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<EitherBody<BoxBody, B>>;
    type Error = actix_web::Error;
    type Config = AppConfig;
    type Service = Lane<F::Service>;
    type InitError = F::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, F::InitError>>;

    fn new_service(&self, config: AppConfig) -> Self::Future {
        let (app, service) = (self.app.new_service(config), self.service.clone());
        Box::pin(async move {
            let counts = service.metrics.worker();
            let worker = Worker {
                service,
                counts,
                accepted: RefCell::default(),
                origins: Origins::default(),
                ids: request_id::Ids::new(),
            };
            Ok(Lane { app: Rc::new(app.await?), worker: Rc::new(worker) })
        })
    }
}

/// The fast lane of one worker, and the application behind it.
pub struct Lane<S> {
    app: Rc<S>,
    worker: Rc<Worker>,
}

struct Worker {
    service: Service,
    counts: Arc<WorkerCounts>,
    accepted: RefCell<Option<Accepted>>,
    origins: Origins,
    ids: request_id::Ids,
}

/// Where good credentials came from. What comes from a new place goes the ordinary way once, and now and then again, for
/// it is that which knows proxies, and notes who authenticated from where.
#[derive(Default)]
struct Origins {
    hasher: RandomState,
    known: RefCell<HashSet<u64>>,
    since: Cell<u64>,
}

impl Origins {
    /// How many are known to a worker at most.
    const MOST: usize = 4_096;

    /// For so many sweeps of the limits they are not asked for again: some minutes.
    const SWEEPS: u64 = 60;

    fn know(&self, head: &RequestHead, service: &Service) -> bool {
        let (mut known, sweeps) = (self.known.borrow_mut(), service.introspection.limit_sweeps());
        if known.len() >= Self::MOST || sweeps - self.since.get() > Self::SWEEPS {
            known.clear();
            self.since.set(sweeps);
        }
        let parts = origin_parts(head);
        let hash = self.hasher.hash_one(parts);
        known.contains(&hash) || (service.introspection.knows_client_origin(&origin(head)) && known.insert(hash))
    }
}

/// The `Authorization` that was accepted last, and what had been heard of clients when it was looked up.
struct Accepted {
    header: Box<[u8]>,
    born: Born,
}

impl<S, B> ActixService<Request> for Lane<S>
where
    S: ActixService<Request, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = Response<EitherBody<BoxBody, B>>;
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.app.poll_ready(cx)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let Some(size) = body_of_interest(&request) else {
            let answer = self.app.call(request);
            return Box::pin(
                async move { Ok(Response::from(answer.await?).map_body(|_, body| EitherBody::right(body))) },
            );
        };
        let (app, worker) = (Rc::clone(&self.app), Rc::clone(&self.worker));
        Box::pin(async move {
            if let Some(chunk) = arrived(request.payload()).await {
                match chunk {
                    Ok(body) if body.len() == size => {
                        if let Some(answer) = worker.answer(request.head(), &body).await {
                            return Ok(answer.map_body(|_, body| EitherBody::left(body)));
                        }
                        request = request.replace_payload(Payload::from(body)).0;
                    }
                    part => request = put_back(request, part),
                }
            }
            Ok(Response::from(app.call(request).await?).map_body(|_, body| EitherBody::right(body)))
        })
    }
}

/// The length of the body of a request that may take this way, by its head.
fn body_of_interest(request: &Request) -> Option<usize> {
    let head = request.head();
    let fits = head.method == Method::POST
        && PATHS.contains(&head.uri.path())
        && head.uri.query().is_none()
        && head.version == Version::HTTP_11
        && head.headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/x-www-form-urlencoded")
        && !head.headers.contains_key(CONTENT_ENCODING)
        // Where either stands the body has no length, or another than is announced.
        && !head.headers.contains_key(TRANSFER_ENCODING)
        && !head.headers.contains_key(UPGRADE)
        // A browser's page is told more.
        && !head.headers.contains_key(ORIGIN)
        // Its line is to be written.
        && log::max_level() < log::LevelFilter::Debug;
    if !fits {
        return None;
    }
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok().filter(|size| *size <= MAX_BODY)
}

/// What has come of the body with its head. actix polls a request once, then gives it what it has read of its body, then
/// polls again; what is not there by then goes the ordinary way, which knows how long to wait.
async fn arrived(payload: &mut Payload) -> Option<Result<Bytes, PayloadError>> {
    let polled = Cell::new(false);
    std::future::poll_fn(|cx| match payload.poll_next_unpin(cx) {
        Poll::Pending if !polled.replace(true) => Poll::Pending,
        Poll::Pending => Poll::Ready(None),
        Poll::Ready(chunk) => Poll::Ready(chunk),
    })
    .await
}

/// The request with its body from the beginning.
fn put_back(mut request: Request, part: Result<Bytes, PayloadError>) -> Request {
    let rest = request.take_payload();
    let whole: BoxedPayloadStream = Box::pin(once(std::future::ready(part)).chain(rest));
    request.replace_payload(Payload::from(whole)).0
}

impl Worker {
    /// The answer, when all is plain: a client whose secret is known to be right, a form with one plain token.
    async fn answer(&self, head: &RequestHead, body: &[u8]) -> Option<Response<BoxBody>> {
        let token = plain_token(body)?;
        let headers = &head.headers;
        if !self.accepts(head) {
            return None;
        }
        let id = request_id::sane(headers).unwrap_or_else(|| self.ids.next());
        let mut answer = match self.service.introspection.introspect_kept(token) {
            Some(kept) => {
                self.counts.hit(kept.reason());
                found(kept)
            }
            // In a box of its own, so that the many who need none of it do not carry it along.
            None => Box::pin(self.ask(token, &id)).await,
        };
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOWED));
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.headers_mut().insert(X_REQUEST_ID, id);
        Some(answer)
    }

    /// The database's answer, counted as the ordinary way counts it.
    async fn ask(&self, token: &str, id: &HeaderValue) -> Response<BoxBody> {
        let started = Stopwatch::start();
        let answer = match self.service.introspection.introspect(token).await {
            Ok(result) => found(result),
            // The one line that is logged here tells whose it is.
            Err(error) => request_id::of(id).within(|| HttpError::OAuthService(error).error_response().into()),
        };
        self.service.metrics.request(ROUTE, answer.status().as_u16(), started.elapsed().as_secs_f64());
        answer
    }

    /// Whether `Authorization` is one that was accepted from there, and provably no client has changed since.
    fn accepts(&self, head: &RequestHead) -> bool {
        let mut values = head.headers.get_all(AUTHORIZATION);
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let header = value.as_bytes();
        // Where somebody guesses, a right guess must not be answered that the limit would refuse.
        let is_watched = self.service.introspection.watches_clients_from(head.peer_addr.map(|peer| peer.ip()));
        !is_watched && self.is_right(header) && self.origins.know(head, &self.service)
    }

    fn is_right(&self, header: &[u8]) -> bool {
        if let Some(accepted) = &*self.accepted.borrow()
            && bool::from(accepted.header.ct_eq(header))
            && self.service.introspection.clients_stand(accepted.born)
        {
            return true;
        }
        let Some(encoded) = header.strip_prefix(b"Basic ") else { return false };
        let Some(born) = self.service.introspection.accepts_client(&basic(encoded)) else { return false };
        *self.accepted.borrow_mut() = Some(Accepted { header: header.into(), born });
        true
    }
}

/// A 200 as the ordinary way gives it.
fn found(result: Introspection) -> Response<BoxBody> {
    let body = match result.into_json() {
        Cow::Borrowed(json) => Bytes::from_static(json),
        Cow::Owned(json) => Bytes::from(json),
    };
    let mut answer = Response::with_body(StatusCode::OK, BoxBody::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// The token of a form with nothing else in it but a hint, which is ignored, if no character of it means anything else.
fn plain_token(body: &[u8]) -> Option<&str> {
    let form = std::str::from_utf8(body).ok()?;
    let (token, rest) = form.strip_prefix("token=")?.split_once('&').unwrap_or((form.strip_prefix("token=")?, ""));
    let plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let ignored =
        rest.is_empty() || rest.strip_prefix("token_type_hint=").is_some_and(|hint| !hint.is_empty() && plain(hint));
    (!token.is_empty() && plain(token) && ignored).then_some(token)
}
