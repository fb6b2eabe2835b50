//! An endpoint is one value beside its handler: method, path, request, answers, and the handler, whose parameters say
//! who may call it. Routes, `Allow`, the log's level and the OpenAPI document are built from it.

mod access;
mod answers;
mod common;
mod handler;
mod operation;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::{HttpRequest, Route, guard, web};

pub use access::Access;
pub use answers::{reference, size};
pub use common::{BODIES, FORM, Header, JSON, MULTIPART, Security, boolean, fields, integer, properties, text};
use handler::{AnyHandler, Rules};
pub use handler::{Extractor, Handler, Incoming, MayCall};
pub use operation::{Operation, format};

/// One method of one path, and its handler.
pub struct Endpoint {
    pub(super) operation: Operation,
    /// Whether the OpenAPI document has it.
    pub(super) is_documented: bool,
    /// Whether it is called so often that its requests are logged at `debug` only.
    pub(super) is_frequent: bool,
    /// Whether pages of the origins in `JETON_CORS_ORIGINS` may call it, and all other paths with the same first
    /// segment.
    pub(super) is_cross_origin: bool,
    lists_options: bool,
    access: Access,
    every_method: bool,
    tail: Option<&'static str>,
    /// Further paths that lead to it, each with a slash at its end.
    pub(super) also_at: Vec<String>,
    serve: Box<dyn FnOnce(Route) -> Route>,
}

impl Operation {
    /// The endpoint of this operation. The handler's parameters add their answers first. An answer that is described by
    /// hand replaces the one with the same status.
    pub fn to<Parts: 'static>(self, handler: impl Handler<Parts>) -> Endpoint {
        Endpoint::new(self, handler)
    }
}

impl Endpoint {
    fn new<Parts: 'static, H: Handler<Parts>>(mut operation: Operation, handler: H) -> Self {
        let by_hand = operation.take_answers();
        operation = H::describe(operation);
        operation.put_answers(by_hand);
        let rules = Rules {
            method: operation.method.clone(),
            revokes: operation.revokes,
            refuses_as_oauth: H::ACCESS.refuses_as_oauth(),
            body_limit: operation.body_limit,
            secret_status: operation.secret_status,
        };
        let handler: AnyHandler = Rc::new(move |incoming| Box::pin(handler.answer(incoming)));
        let served = move |request: HttpRequest, payload: web::Payload| {
            handler::serve(handler.clone(), rules.clone(), request, payload)
        };
        Self {
            operation,
            is_documented: true,
            is_frequent: false,
            is_cross_origin: false,
            lists_options: true,
            access: H::ACCESS,
            every_method: false,
            tail: None,
            also_at: Vec::new(),
            serve: Box::new(move |route| route.to(served)),
        }
    }

    /// It is called so often that its requests are logged at `debug` only.
    pub(super) fn frequent(self) -> Self {
        Self { is_frequent: true, ..self }
    }

    /// Pages of the origins in `JETON_CORS_ORIGINS` may call it.
    pub(super) fn cross_origin(self) -> Self {
        Self { is_cross_origin: true, ..self }
    }

    /// Its path does not list `OPTIONS` in `Allow`, because it is a probe, a file or a page. The path answers
    /// `OPTIONS` all the same.
    pub(super) fn without_options(self) -> Self {
        Self { lists_options: false, ..self }
    }

    /// It is not in the OpenAPI document, because it belongs to an endpoint that is.
    pub(super) fn undocumented(self) -> Self {
        Self { is_documented: false, ..self }
    }

    /// Its handler also answers all other methods of the path.
    pub(super) fn every_method(self) -> Self {
        Self { every_method: true, ..self }
    }

    /// It also serves this pattern of paths below its own.
    pub(super) fn with_tail(self, pattern: &'static str) -> Self {
        Self { tail: Some(pattern), ..self }
    }

    /// It is also served at these paths, which end with a slash.
    pub(super) fn also_at(self, paths: &[String]) -> Self {
        Self { also_at: paths.to_vec(), ..self }
    }

    /// Whether this path, which ends with a slash, leads to it.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        let segments =
            |path: &str| -> Vec<String> { path.trim_matches('/').split('/').map(ToOwned::to_owned).collect() };
        let (own, other) = (segments(self.path()), segments(path));
        let fits = own.iter().zip(&other).all(|(own, other)| own == other || own.starts_with('{'));
        fits && (own.len() == other.len() || (self.tail.is_some() && other.len() > own.len()))
    }

    /// The verb's name in the code, and in the OpenAPI document.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.operation.id()
    }

    /// Its path as the documentation has it; it is served with and without a trailing slash.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.operation.path
    }

    /// Its method. `HEAD` is served where `GET` is.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.operation.method
    }

    /// Who may call it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// The largest body that it accepts, in bytes. `None` if it reads none.
    #[must_use]
    pub fn body_limit(&self) -> Option<usize> {
        self.operation.reads_body.then_some(self.operation.body_limit)
    }

    /// Whether its answers with this status have `no-store`.
    #[must_use]
    pub fn is_secret(&self, status: u16) -> bool {
        self.operation.always_has(Header::NoStore) || self.operation.secret_status == Some(status)
    }

    /// Whether its requests are logged at `debug` only.
    #[must_use]
    pub fn is_frequent(&self) -> bool {
        self.is_frequent
    }

    /// Whether pages of the origins in `JETON_CORS_ORIGINS` may call it.
    #[must_use]
    pub fn is_cross_origin(&self) -> bool {
        self.is_cross_origin
    }

    /// The patterns that lead to it.
    #[must_use]
    pub fn patterns(&self) -> Vec<String> {
        let path = self.path().trim_end_matches('/');
        let mut patterns = vec![path.to_owned(), self.tail.map_or_else(|| format!("{path}/"), ToOwned::to_owned)];
        for path in &self.also_at {
            patterns.extend([path.trim_end_matches('/').to_owned(), path.clone()]);
        }
        patterns
    }

    /// Its actix route.
    pub(super) fn route(self) -> Route {
        let route = web::route();
        (self.serve)(match self.operation.method {
            _ if self.every_method => route,
            Method::GET => route.guard(guard::Any(guard::Get()).or(guard::Head())),
            method => route.method(method),
        })
    }
}

/// The `Allow` header of a path with these endpoints. `None` for a path that accepts every method.
#[must_use]
pub fn allow(endpoints: &[Endpoint]) -> Option<String> {
    if endpoints.iter().any(|endpoint| !endpoint.operation.always_has(Header::Allow)) {
        return None;
    }
    let mut methods: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method().as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    if endpoints.iter().all(|endpoint| endpoint.lists_options) {
        methods.push("OPTIONS");
    }
    Some(methods.join(", "))
}
