//! `jeton openapi`.

use super::Failure;
use super::output::line;
use crate::http;

/// The document that `/openapi.json` answers with, indented.
pub fn openapi() -> Result<(), Failure> {
    line(&format!("{:#}", http::document()))
}
