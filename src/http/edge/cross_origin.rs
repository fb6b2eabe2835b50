//! CORS for the origins in `JETON_CORS_ORIGINS`, with the defaults of django-cors-headers.

use actix_cors::Cors;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::web;

use crate::http::endpoint::Endpoint;
use crate::http::preflight::is_preflight;
use crate::http::state::AppState;

/// What a page of another origin may call.
pub struct CrossOriginRoutes {
    /// First segments of endpoints. What is below them is allowed too.
    segments: Vec<&'static str>,
    /// Paths that the operator chose for the login. Something else may be below their first segments.
    paths: Vec<String>,
}

impl CrossOriginRoutes {
    /// The segments of these endpoints.
    pub fn of(endpoints: &[Endpoint]) -> Self {
        let allowed = endpoints.iter().filter(|endpoint| endpoint.is_cross_origin);
        let mut segments: Vec<_> = allowed.filter_map(|endpoint| first_segment(endpoint.path())).collect();
        segments.dedup();
        let paths = endpoints.iter().filter(|endpoint| endpoint.is_cross_origin).flat_map(|endpoint| &endpoint.also_at);
        Self { segments, paths: paths.map(|path| path.trim_end_matches('/').to_owned()).collect() }
    }

    fn has(&self, path: &str) -> bool {
        first_segment(path).is_some_and(|first| self.segments.contains(&first))
            || self.paths.iter().any(|known| known == path.strip_suffix('/').unwrap_or(path))
    }
}

fn first_segment(path: &str) -> Option<&str> {
    path.split('/').nth(1)
}

/// django-cors-headers' defaults (`corsheaders/defaults.py`).
const METHODS: [&str; 6] = ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"];
const HEADERS: [&str; 6] = ["accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with"];
const MAX_AGE: usize = 86_400;

/// Response headers that a page may read, beyond those that every page may.
const EXPOSED: [&str; 2] = ["retry-after", "x-request-id"];

/// Answers preflights of allowed origins, and lets their pages read the answers, errors too. Other requests are
/// passed on unchanged.
pub async fn cross_origin<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, EitherBody<B>>>, actix_web::Error> {
    let state = request.app_data::<web::Data<AppState>>().filter(|state| !state.options.cors_origins.is_empty());
    let is_allowed_route = || request.app_data::<CrossOriginRoutes>().is_some_and(|routes| routes.has(request.path()));
    let Some(state) = state.filter(|_| is_allowed_route()) else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let is_cacheable = [Method::GET, Method::HEAD].contains(request.method());
    if !is_allowed(request.headers(), &state.options.cors_origins) {
        let mut answer = next.call(request).await?.map_into_left_body();
        if is_cacheable {
            add_vary_origin(answer.headers_mut());
        }
        return Ok(answer);
    }
    let cors = cors(state);
    // Each preflight is rewritten to one that actix-cors accepts, so that it lists what is allowed; the browser then
    // refuses the rest. To a preflight that it does not accept, actix-cors answers only 400.
    if is_preflight(request.request()) {
        let headers = request.headers_mut();
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
        headers.remove(ACCESS_CONTROL_REQUEST_HEADERS);
    }
    let cors = cors.new_transform(next).await.expect("the methods and headers are valid");
    let mut answer = cors.call(request).await?.map_into_right_body();
    add_vary_origin(answer.headers_mut());
    Ok(answer)
}

fn is_allowed(headers: &HeaderMap, origins: &[String]) -> bool {
    let mut sent = headers.get_all(ORIGIN);
    let (Some(origin), None) = (sent.next(), sent.next()) else { return false };
    origins.iter().any(|known| known.as_bytes() == origin.as_bytes())
}

/// The middleware for a request from an allowed origin.
fn cors(state: &AppState) -> Cors {
    Cors::default()
        .allowed_origin_fn(|_, _| true)
        .allowed_methods(METHODS)
        .allowed_headers(HEADERS.map(HeaderName::from_static).iter().chain(&state.options.keys.headers))
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE)
        .disable_vary_header()
}

/// A cached answer must not be given to a page of another origin.
fn add_vary_origin(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("origin"));
}
