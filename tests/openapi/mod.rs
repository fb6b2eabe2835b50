//! `/openapi.json` describes everything that jeton's API does, and nothing else; `/docs/` shows it.

mod credentials;
mod docs;
mod document;
mod fuzz;

/// A public validator of OpenAPI documents, as a requirement of pip.
const VALIDATOR: [&str; 1] = ["openapi-spec-validator==0.9.0"];
