//! The short path of `GET /auth/verify`.

use actix_http::body::BoxBody;
use actix_http::header::CONTENT_LENGTH;
use actix_http::{Method, RequestHead, Response};

use super::{Worker, finished, is_plain};
use crate::http::caller;
use crate::http::oauth::{paths, verify};

impl Worker {
    /// The answer, if the token is in the cache and may pass. The router answers all other requests.
    pub(super) fn verify(&self, head: &RequestHead) -> Option<Response<BoxBody>> {
        let fits = head.method == Method::GET
            && matches!(head.uri.path().strip_prefix(paths::VERIFY), Some(below) if below.is_empty() || below.starts_with('/'))
            && !head.headers.contains_key(CONTENT_LENGTH)
            && is_plain(head);
        if !fits {
            return None;
        }
        let key = caller::gateway_key(&head.headers, &self.state.options).ok()?;
        let holder = self.state.service.introspection.identify_cached(&key)?;
        let answer = verify::verify(&holder, head.uri.query().unwrap_or_default()).ok()?;
        self.counts.record_hit(None);
        Some(finished(answer.into(), self.request_id(head)))
    }
}
