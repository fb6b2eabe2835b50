//! A short path for nearly every request, `POST /introspect` by a known client: past the router, the middleware and the
//! general parsers. It must answer exactly as the router would. Whatever it does not recognise goes to the router with
//! its body, and `tests/api/edge/fast_lane.rs` checks that both give the same answer.

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

use super::request_id::{self, X_REQUEST_ID};
use crate::domain::time::Stopwatch;
use crate::http::caller::basic;
use crate::http::endpoint::{Endpoint, allow};
use crate::http::error::HttpError;
use crate::http::oauth::introspect::endpoints;
use crate::http::oauth::paths;
use crate::http::peer::{origin, origin_parts};
use crate::service::cache::ChangeSeq;
use crate::service::{Introspection, Service, WorkerCounts};

/// The path, which is the route's name in metrics.
const ROUTE: &str = paths::INTROSPECT;

/// A longer body goes to the router.
const MAX_BODY: usize = 2 * 1024;

/// A factory: puts a fast lane before the application, one for each worker.
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
            let endpoints: Vec<_> = endpoints().into_iter().filter(|endpoint| endpoint.path() == ROUTE).collect();
            let allow = allow(&endpoints).expect("the path lists its methods");
            let worker = Worker {
                allow: HeaderValue::try_from(allow).expect("methods are a header value"),
                paths: endpoints.iter().flat_map(Endpoint::patterns).collect(),
                service,
                counts,
                accepted: RefCell::default(),
                origins: Origins::default(),
                ids: request_id::IdGenerator::new(),
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
    /// The `Allow` header of the route.
    allow: HeaderValue,
    /// The path, without and with a trailing slash.
    paths: Vec<String>,
    service: Service,
    counts: Arc<WorkerCounts>,
    accepted: RefCell<Option<Accepted>>,
    origins: Origins,
    ids: request_id::IdGenerator,
}

/// Where accepted credentials came from. A request from a new place goes to the router once, and again from time to
/// time, because the router knows proxies and notes who authenticated from where.
#[derive(Default)]
struct Origins {
    hasher: RandomState,
    known: RefCell<HashSet<u64>>,
    since: Cell<u64>,
}

impl Origins {
    /// How many places a worker knows at most.
    const MAX_KNOWN: usize = 4_096;

    /// For how many sweeps of the limits on failures a place stays known: a few minutes.
    const SWEEPS: u64 = 60;

    fn knows(&self, head: &RequestHead, service: &Service) -> bool {
        let (mut known, sweeps) = (self.known.borrow_mut(), service.introspection.limit_sweeps());
        if known.len() >= Self::MAX_KNOWN || sweeps - self.since.get() > Self::SWEEPS {
            known.clear();
            self.since.set(sweeps);
        }
        let parts = origin_parts(head);
        let hash = self.hasher.hash_one(parts);
        known.contains(&hash) || (service.introspection.knows_client_origin(&origin(head)) && known.insert(hash))
    }
}

/// The `Authorization` that was accepted last, and the sequence number of changes at its lookup.
struct Accepted {
    header: Box<[u8]>,
    change_seq: ChangeSeq,
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
        let Some(size) = self.worker.eligible_body_length(&request) else {
            let answer = self.app.call(request);
            return Box::pin(
                async move { Ok(Response::from(answer.await?).map_body(|_, body| EitherBody::right(body))) },
            );
        };
        let (app, worker) = (Rc::clone(&self.app), Rc::clone(&self.worker));
        Box::pin(async move {
            if let Some(chunk) = read_with_head(request.payload()).await {
                match chunk {
                    Ok(body) if body.len() == size => {
                        if let Some(answer) = worker.answer(request.head(), &body).await {
                            return Ok(answer.map_body(|_, body| EitherBody::left(body)));
                        }
                        request = request.replace_payload(Payload::from(body)).0;
                    }
                    part => request = with_body_restored(request, part),
                }
            }
            Ok(Response::from(app.call(request).await?).map_body(|_, body| EitherBody::right(body)))
        })
    }
}

/// The part of the body that came with the head. actix polls a request once, then passes it the bytes read so far, then
/// polls again. A body that is not there by then goes to the router, which has a time limit.
async fn read_with_head(payload: &mut Payload) -> Option<Result<Bytes, PayloadError>> {
    let polled = Cell::new(false);
    std::future::poll_fn(|cx| match payload.poll_next_unpin(cx) {
        Poll::Pending if !polled.replace(true) => Poll::Pending,
        Poll::Pending => Poll::Ready(None),
        Poll::Ready(chunk) => Poll::Ready(chunk),
    })
    .await
}

/// The request with the part of its body that was read put back.
fn with_body_restored(mut request: Request, part: Result<Bytes, PayloadError>) -> Request {
    let rest = request.take_payload();
    let whole: BoxedPayloadStream = Box::pin(once(std::future::ready(part)).chain(rest));
    request.replace_payload(Payload::from(whole)).0
}

impl Worker {
    /// The length of the body, if the request's head allows the fast lane.
    fn eligible_body_length(&self, request: &Request) -> Option<usize> {
        let head = request.head();
        let fits = head.method == Method::POST
            && self.paths.iter().any(|path| path == head.uri.path())
            && head.uri.query().is_none()
            && head.version == Version::HTTP_11
            && head.headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/x-www-form-urlencoded")
            && !head.headers.contains_key(CONTENT_ENCODING)
            // With either header the body has no length, or not the announced one.
            && !head.headers.contains_key(TRANSFER_ENCODING)
            && !head.headers.contains_key(UPGRADE)
            // A browser needs CORS headers.
            && !head.headers.contains_key(ORIGIN)
            // The router writes the request's log line.
            && log::max_level() < log::LevelFilter::Debug;
        if !fits {
            return None;
        }
        head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok().filter(|size| *size <= MAX_BODY)
    }

    /// The answer, if the client's secret is known to be right and the form has one plain token.
    async fn answer(&self, head: &RequestHead, body: &[u8]) -> Option<Response<BoxBody>> {
        let token = plain_token(body)?;
        let headers = &head.headers;
        if !self.accepts(head) {
            return None;
        }
        let id = request_id::valid_id(headers).unwrap_or_else(|| self.ids.next());
        let mut answer = match self.service.introspection.introspect_cached(token) {
            Some(cached) => {
                self.counts.record_hit(cached.reason());
                ok_response(cached)
            }
            // Boxed, so that the future of a cache hit stays small.
            None => Box::pin(self.ask(token, &id)).await,
        };
        answer.headers_mut().insert(ALLOW, self.allow.clone());
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.headers_mut().insert(X_REQUEST_ID, id);
        Some(answer)
    }

    /// The database's answer, counted in metrics as the router counts it.
    async fn ask(&self, token: &str, id: &HeaderValue) -> Response<BoxBody> {
        let started = Stopwatch::start();
        let answer = match self.service.introspection.introspect(token).await {
            Ok(result) => ok_response(result),
            // The line that is logged here needs the request's id.
            Err(error) => request_id::context_of(id).run(|| HttpError::OAuthService(error).error_response().into()),
        };
        self.service.metrics.request(ROUTE, answer.status().as_u16(), started.elapsed().as_secs_f64());
        answer
    }

    /// Whether this `Authorization` was accepted from this place, and no client has changed since.
    fn accepts(&self, head: &RequestHead) -> bool {
        let mut values = head.headers.get_all(AUTHORIZATION);
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let header = value.as_bytes();
        // While somebody guesses from this address, the router decides: its limit may refuse even a right guess.
        let is_watched = self.service.introspection.watches_clients_from(head.peer_addr.map(|peer| peer.ip()));
        !is_watched && self.has_right_credentials(header) && self.origins.knows(head, &self.service)
    }

    fn has_right_credentials(&self, header: &[u8]) -> bool {
        if let Some(accepted) = &*self.accepted.borrow()
            && bool::from(accepted.header.ct_eq(header))
            && self.service.introspection.clients_are_current(accepted.change_seq)
        {
            return true;
        }
        let Some(encoded) = header.strip_prefix(b"Basic ") else { return false };
        let Some(change_seq) = self.service.introspection.accepts_client(&basic(encoded)) else { return false };
        *self.accepted.borrow_mut() = Some(Accepted { header: header.into(), change_seq });
        true
    }
}

/// A 200 answer as the router sends it.
fn ok_response(result: Introspection) -> Response<BoxBody> {
    let body = match result.into_json() {
        Cow::Borrowed(json) => Bytes::from_static(json),
        Cow::Owned(json) => Bytes::from(json),
    };
    let mut answer = Response::with_body(StatusCode::OK, BoxBody::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// The token of a form that has only `token` and perhaps `token_type_hint`, and no character that needs decoding.
fn plain_token(body: &[u8]) -> Option<&str> {
    let form = std::str::from_utf8(body).ok()?;
    let (token, rest) = form.strip_prefix("token=")?.split_once('&').unwrap_or((form.strip_prefix("token=")?, ""));
    let plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let ignored =
        rest.is_empty() || rest.strip_prefix("token_type_hint=").is_some_and(|hint| !hint.is_empty() && plain(hint));
    (!token.is_empty() && plain(token) && ignored).then_some(token)
}
