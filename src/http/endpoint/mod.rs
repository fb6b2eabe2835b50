//! An endpoint is one value beside its handler: its method and path, what it takes and answers, and the handler, whose
//! parameters say who may call and what is read. Routes, `Allow`, the log's level and the OpenAPI document follow from it.

mod access;
mod answers;
mod common;
mod handler;
mod operation;

use actix_web::http::Method;
use actix_web::{HttpRequest, Route, guard, web};

pub use access::Access;
pub use answers::reference;
pub use common::{
    BODIES, FORM, Header, JSON, MULTIPART, PERMISSION, Security, boolean, fields, integer, properties, text,
};
pub use handler::{Handler, Incoming, MayCall, Part};
pub use operation::{Operation, format};

/// One method of one path, and what serves it.
pub struct Endpoint {
    pub(super) operation: Operation,
    /// Whether the OpenAPI document has it.
    pub(super) is_documented: bool,
    /// Whether its requests come by the thousand, and are logged at `debug` only.
    pub(super) is_frequent: bool,
    access: Access,
    every_method: bool,
    tail: Option<&'static str>,
    serve: Box<dyn FnOnce(Route) -> Route>,
}

impl Operation {
    /// The endpoint of this operation. What the handler's parameters say of it comes first: an answer that is described
    /// by hand stands in the place of theirs.
    pub fn to<Parts: 'static>(self, handler: impl Handler<Parts>) -> Endpoint {
        Endpoint::new(self, handler)
    }
}

impl Endpoint {
    fn new<Parts: 'static, H: Handler<Parts>>(mut operation: Operation, handler: H) -> Self {
        let by_hand = operation.take_answers();
        operation = H::describe(operation);
        operation.put_answers(by_hand);
        let served = move |request: HttpRequest, payload: web::Payload| handler::serve(handler, request, payload);
        Self {
            operation,
            is_documented: true,
            is_frequent: false,
            access: H::ACCESS,
            every_method: false,
            tail: None,
            serve: Box::new(move |route| route.to(served)),
        }
    }

    /// Its requests come by the thousand: they are logged at `debug` only.
    pub(super) fn frequent(self) -> Self {
        Self { is_frequent: true, ..self }
    }

    /// It is a part of another one that the document has.
    pub(super) fn undocumented(self) -> Self {
        Self { is_documented: false, ..self }
    }

    /// Its handler answers every other method of the path too.
    pub(super) fn every_method(self) -> Self {
        Self { every_method: true, ..self }
    }

    /// It serves whatever is below its path too: this pattern.
    pub(super) fn with_tail(self, pattern: &'static str) -> Self {
        Self { tail: Some(pattern), ..self }
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

    /// The patterns that lead to it.
    #[must_use]
    pub fn patterns(&self) -> Vec<String> {
        let path = self.path().trim_end_matches('/');
        vec![path.to_owned(), self.tail.map_or_else(|| format!("{path}/"), ToOwned::to_owned)]
    }

    /// What actix serves it by.
    pub(super) fn route(self) -> Route {
        let route = web::route();
        (self.serve)(match self.operation.method {
            _ if self.every_method => route,
            Method::GET => route.guard(guard::Any(guard::Get()).or(guard::Head())),
            method => route.method(method),
        })
    }
}

/// What `Allow` says at a path with these endpoints; nothing where any method is served alike.
#[must_use]
pub fn allow(endpoints: &[Endpoint]) -> Option<String> {
    if endpoints.iter().any(|endpoint| !endpoint.operation.always_has(Header::Allow)) {
        return None;
    }
    let mut methods: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method().as_str()).collect();
    let is_page = methods == ["GET"] && endpoints[0].access == Access::Anyone;
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    // Nobody asks of a probe or a page what it is; it is told all the same.
    if !is_page {
        methods.push("OPTIONS");
    }
    Some(methods.join(", "))
}
