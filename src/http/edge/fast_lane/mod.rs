//! A short path for nearly every request, `POST /introspect` by a known client and a gateway's `GET /auth/verify`: past
//! the router, the middleware and the general parsers. It must answer exactly as the router would. Whatever it does not
//! recognise goes to the router with its body, and `tests/api/edge/fast_lane/` checks that both give the same answer.

mod introspect;
mod origins;
mod verify;

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_http::body::{BoxBody, EitherBody};
use actix_http::header::{CACHE_CONTROL, CONTENT_ENCODING, ORIGIN, TRANSFER_ENCODING, UPGRADE};
use actix_http::{Payload, Request, RequestHead, Response, Version};
use actix_service::IntoServiceFactory;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Service as ActixService, ServiceFactory, ServiceResponse};
use actix_web::http::header::HeaderValue;
use futures_util::future::LocalBoxFuture;

use super::request_id::{self, X_REQUEST_ID};
use crate::http::state::State;
use crate::service::WorkerCounts;
use introspect::IntrospectLane;

/// A factory: puts a fast lane before the application, one for each worker.
pub struct FastLane<F> {
    state: State,
    app: F,
}

impl<F> FastLane<F> {
    /// Before `app`.
    pub fn new(state: State, app: impl IntoServiceFactory<F, Request>) -> Self
    where
        F: ServiceFactory<Request>,
    {
        Self { state, app: app.into_factory() }
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
        let (app, state) = (self.app.new_service(config), self.state.clone());
        Box::pin(async move {
            let counts = state.service.metrics.worker();
            let worker =
                Worker { introspect: IntrospectLane::new(), state, counts, ids: request_id::IdGenerator::new() };
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
    introspect: IntrospectLane,
    state: State,
    counts: Arc<WorkerCounts>,
    ids: request_id::IdGenerator,
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
        if let Some(answer) = self.worker.verify(request.head()) {
            return Box::pin(async { Ok(answer.map_body(|_, body| EitherBody::left(body))) });
        }
        let Some(size) = introspect::eligible_body_length(request.head()) else {
            let answer = self.app.call(request);
            return Box::pin(
                async move { Ok(Response::from(answer.await?).map_body(|_, body| EitherBody::right(body))) },
            );
        };
        let (app, worker) = (Rc::clone(&self.app), Rc::clone(&self.worker));
        Box::pin(async move {
            if let Some(chunk) = introspect::read_with_head(request.payload()).await {
                match chunk {
                    Ok(body) if body.len() == size => {
                        if let Some(answer) = worker.introspect(request.head(), &body).await {
                            return Ok(answer.map_body(|_, body| EitherBody::left(body)));
                        }
                        request = request.replace_payload(Payload::from(body)).0;
                    }
                    part => request = introspect::with_body_restored(request, part),
                }
            }
            Ok(Response::from(app.call(request).await?).map_body(|_, body| EitherBody::right(body)))
        })
    }
}

impl Worker {
    /// The request's id, which its answer and its lines in the log have.
    fn request_id(&self, head: &RequestHead) -> HeaderValue {
        request_id::valid_id(&head.headers).unwrap_or_else(|| self.ids.next())
    }
}

/// Whether a request may be answered by the fast lane, whatever its route.
fn is_plain(head: &RequestHead) -> bool {
    head.version == Version::HTTP_11
        && !head.headers.contains_key(CONTENT_ENCODING)
        // With either header `Content-Length` does not say where the body ends.
        && !head.headers.contains_key(TRANSFER_ENCODING)
        && !head.headers.contains_key(UPGRADE)
        // A browser needs CORS headers.
        && !head.headers.contains_key(ORIGIN)
        // At `debug` these requests have a line in the log, which the router writes.
        && log::max_level() < log::LevelFilter::Debug
}

/// The answer with the headers that the routes of the fast lane have in common.
fn finished(mut answer: Response<BoxBody>, id: HeaderValue) -> Response<BoxBody> {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(X_REQUEST_ID, id);
    answer
}
