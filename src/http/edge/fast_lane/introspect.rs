//! The short path of `POST /introspect`.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::task::Poll;

use actix_http::body::BoxBody;
use actix_http::error::PayloadError;
use actix_http::header::{ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use actix_http::{BoxedPayloadStream, Method, Payload, Request, RequestHead, Response, StatusCode};
use actix_web::ResponseError;
use actix_web::http::header::HeaderValue;
use actix_web::web::Bytes;
use futures_util::stream::{StreamExt, once};
use subtle::ConstantTimeEq;

use super::origins::Origins;
use super::{Worker, finished, is_plain};
use crate::domain::time::Stopwatch;
use crate::domain::token::UsedBy;
use crate::http::caller::basic;
use crate::http::edge::request_id;
use crate::http::endpoint::allow;
use crate::http::error::HttpError;
use crate::http::oauth::introspect::endpoints;
use crate::http::oauth::paths;
use crate::service::{Introspection, RememberedClient, Service};

/// The path, which is the route's name in metrics.
const ROUTE: &str = paths::INTROSPECT;

/// A longer body goes to the router.
const MAX_BODY: usize = 2 * 1024;

/// The short path of one worker, and the credentials that the worker has accepted.
pub(super) struct IntrospectLane {
    /// The `Allow` header of the route.
    allow: HeaderValue,
    accepted: RefCell<Option<Accepted>>,
    origins: Origins,
}

/// The `Authorization` that was accepted last, and whose it is.
struct Accepted {
    header: Box<[u8]>,
    client: RememberedClient,
}

impl IntrospectLane {
    pub(super) fn new() -> Self {
        let endpoints: Vec<_> = endpoints().into_iter().filter(|endpoint| endpoint.path() == ROUTE).collect();
        let allow = allow(&endpoints).expect("the path lists its methods");
        let allow = HeaderValue::try_from(allow).expect("methods are a header value");
        Self { allow, accepted: RefCell::default(), origins: Origins::default() }
    }

    /// Whether this `Authorization` was accepted from this place, and no client has changed since.
    fn accepts(&self, head: &RequestHead, service: &Service) -> bool {
        let mut values = head.headers.get_all(AUTHORIZATION);
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let header = value.as_bytes();
        // While somebody guesses from this address, the router decides: its limit may refuse even a right guess.
        let is_watched = service.introspection.watches_clients_from(head.peer_addr.map(|peer| peer.ip()));
        let accepts = !is_watched && self.has_right_credentials(header, service) && self.origins.knows(head, service);
        if let (true, Some(accepted)) = (accepts, &*self.accepted.borrow()) {
            accepted.client.uses.add();
        }
        accepts
    }

    fn has_right_credentials(&self, header: &[u8], service: &Service) -> bool {
        if let Some(accepted) = &*self.accepted.borrow()
            && bool::from(accepted.header.ct_eq(header))
            && service.introspection.clients_are_current(accepted.client.change_seq)
        {
            return true;
        }
        let Some(encoded) = header.strip_prefix(b"Basic ") else { return false };
        let Some(client) = service.introspection.accepts_client(&basic(encoded)) else { return false };
        *self.accepted.borrow_mut() = Some(Accepted { header: header.into(), client });
        true
    }

    /// Who was accepted last.
    fn used_by(&self) -> Option<UsedBy> {
        self.accepted.borrow().as_ref().map(|accepted| accepted.client.used_by.clone())
    }
}

impl Worker {
    /// The answer, if the client's secret is known to be right and the form has one plain token.
    pub(super) async fn introspect(&self, head: &RequestHead, body: &[u8]) -> Option<Response<BoxBody>> {
        let token = plain_token(body)?;
        let service = &self.state.service;
        if !self.introspect.accepts(head, service) {
            return None;
        }
        let id = self.request_id(head);
        let mut answer = match service.introspection.introspect_cached(token) {
            Some(cached) => {
                self.counts.record_hit(cached.reason());
                ok_response(cached)
            }
            // Boxed, so that the future of a cache hit stays small.
            None => Box::pin(ask(service, token, self.introspect.used_by()?, &id)).await,
        };
        answer.headers_mut().insert(ALLOW, self.introspect.allow.clone());
        Some(finished(answer, id))
    }
}

/// The database's answer, counted in metrics as the router counts it.
async fn ask(service: &Service, token: &str, used_by: UsedBy, id: &HeaderValue) -> Response<BoxBody> {
    let started = Stopwatch::start();
    let answer = match service.introspection.introspect(token, &used_by).await {
        Ok(result) => ok_response(result),
        // The line that is logged here needs the request's id.
        Err(error) => request_id::context_of(id).run(|| HttpError::OAuthService(error).error_response().into()),
    };
    service.metrics.request(ROUTE, answer.status().as_u16(), started.elapsed().as_secs_f64());
    answer
}

/// The length of the body, if the request's head allows the fast lane.
pub(super) fn eligible_body_length(head: &RequestHead) -> Option<usize> {
    let path = head.uri.path();
    let fits = head.method == Method::POST
        && path.strip_suffix('/').unwrap_or(path) == ROUTE
        && head.uri.query().is_none()
        && head.headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/x-www-form-urlencoded")
        && is_plain(head);
    if !fits {
        return None;
    }
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok().filter(|size| *size <= MAX_BODY)
}

/// The part of the body that came with the head. actix polls a request once, then passes it the bytes read so far, then
/// polls again. A body that is not there by then goes to the router, which has a time limit.
pub(super) async fn read_with_head(payload: &mut Payload) -> Option<Result<Bytes, PayloadError>> {
    let polled = Cell::new(false);
    std::future::poll_fn(|cx| match payload.poll_next_unpin(cx) {
        Poll::Pending if !polled.replace(true) => Poll::Pending,
        Poll::Pending => Poll::Ready(None),
        Poll::Ready(chunk) => Poll::Ready(chunk),
    })
    .await
}

/// The request with the part of its body that was read put back.
pub(super) fn with_body_restored(mut request: Request, part: Result<Bytes, PayloadError>) -> Request {
    let rest = request.take_payload();
    let whole: BoxedPayloadStream = Box::pin(once(std::future::ready(part)).chain(rest));
    request.replace_payload(Payload::from(whole)).0
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
