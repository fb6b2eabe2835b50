//! The query of a request.

use actix_web::HttpRequest;

use super::body::{Charset, form};

/// The parameters of a query, as they were sent.
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// The query of this request.
    pub fn of(request: &HttpRequest) -> Self {
        Self { pairs: form(request.query_string().as_bytes(), Charset::Known(encoding_rs::UTF_8)) }
    }

    /// A parameter; empty when it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.pairs.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// All parameters, in their order.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}
