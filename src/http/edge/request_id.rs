//! Gives every request its id and its line in the log.

use std::cell::Cell;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web;

use crate::domain::random;
use crate::domain::safe_text::{cut, path_without_keys};
use crate::domain::time::Stopwatch;
use crate::http::endpoint::Endpoint;
use crate::http::peer::client_address;
use crate::http::state::AppState;
use crate::logging::RequestContext;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The patterns of endpoints that are called very often, such as `/introspect`.
pub struct FrequentRoutes(Vec<String>);

impl FrequentRoutes {
    /// Those among `endpoints`.
    pub fn of(endpoints: &[Endpoint]) -> Self {
        let frequent = endpoints.iter().filter(|endpoint| endpoint.is_frequent());
        Self(frequent.flat_map(Endpoint::patterns).collect())
    }
}

/// The target of a request's log line. Operators' log filters use this name, so it stays when the file moves.
const TARGET: &str = "jeton::http::request_id";

/// The longest path that is logged, in characters.
const MAX_PATH_CHARS: usize = 100;

/// Gives every answer an `X-Request-Id`, the caller's own if it is valid, and logs the request. Every line that is
/// logged while the request is served has the id.
///
/// Requests to `FrequentRoutes` are logged at `debug` only.
pub async fn identify_and_log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = valid_id(request.headers()).unwrap_or_else(generate);
    let context = context_of(&id);
    let started = Stopwatch::start();
    let mut response = context.serve(next.call(request)).await?;
    response.headers_mut().insert(X_REQUEST_ID, id);
    let route = response.request().match_pattern();
    let took = started.elapsed();
    if let Some(state) = response.request().app_data::<web::Data<AppState>>() {
        let route = route.as_deref().unwrap_or("-").trim_end_matches('/');
        state.service.metrics.request(route, response.status().as_u16(), took.as_secs_f64());
    }
    context.clone().run(|| log_request(&response, route.as_deref(), took, &context));
    Ok(response)
}

/// The log context of a request with this id.
pub fn context_of(id: &HeaderValue) -> RequestContext {
    RequestContext::new(id.to_str().unwrap_or_default())
}

fn log_request(
    response: &ServiceResponse<impl MessageBody>,
    route: Option<&str>,
    took: Duration,
    context: &RequestContext,
) {
    let request = response.request();
    let frequent = request.app_data::<FrequentRoutes>();
    let is_frequent =
        route.is_some_and(|route| frequent.is_some_and(|frequent| frequent.0.iter().any(|known| known == route)));
    let level = if is_frequent { log::Level::Debug } else { log::Level::Info };
    if !log::log_enabled!(target: TARGET, level) {
        return;
    }
    let address = request.app_data::<web::Data<AppState>>().and_then(|state| client_address(request, state));
    // A route is logged by its pattern, as in metrics. Without a route the path is logged. Never the query.
    let path = route.is_none().then(|| cut(&path_without_keys(request.path()), MAX_PATH_CHARS));
    log::log!(
        target: TARGET,
        level,
        method = method_name(request.method()),
        route = route,
        path = path.as_deref(),
        status = response.status().as_u16(),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        address = address,
        user = context.user(),
        client = context.client();
        "request"
    );
}

/// The caller's id, if it sent a valid one: 1 to 128 letters, digits, `.`, `_` and `-`.
pub fn valid_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(X_REQUEST_ID)?;
    let is_valid = (1..=128).contains(&id.len())
        && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    is_valid.then(|| id.clone())
}

/// A new random id.
pub fn generate() -> HeaderValue {
    HeaderValue::from_str(&hex::encode(random::bytes::<16>())).expect("hex digits are a header value")
}

/// Generates the request ids of one worker: a random part, made once because it costs a system call, and a counter.
pub struct IdGenerator {
    worker: [u8; 8],
    count: Cell<u64>,
}

impl IdGenerator {
    pub fn new() -> Self {
        Self { worker: random::bytes(), count: Cell::new(0) }
    }

    pub fn next(&self) -> HeaderValue {
        let count = self.count.get() + 1;
        self.count.set(count);
        let mut text = [0; 32];
        let halves = text.split_at_mut(16);
        let written = hex::encode_to_slice(self.worker, halves.0)
            .and_then(|()| hex::encode_to_slice(count.to_be_bytes(), halves.1));
        written.expect("eight bytes are sixteen digits");
        HeaderValue::from_bytes(&text).expect("hex digits are a header value")
    }
}

/// The method, or `[other]`: an unknown method may contain anything, even a key, and is not logged.
pub fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("[other]")
}
