//! `jeton openapi`.

use super::Failure;
use super::output::line;
use crate::config::Config;
use crate::http;

/// The document that `/openapi.json` answers with, indented.
pub fn openapi(config: &Config) -> Result<(), Failure> {
    line(&format!("{:#}", http::document_with(&config.http.login)))
}
