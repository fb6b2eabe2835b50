//! `/openapi.json` says what jeton does, all of it and nothing else; `/docs/` shows it.

mod credentials;
mod docs;
mod document;
mod fuzz;

/// A public validator of OpenAPI, and what it is built on.
const VALIDATOR: [&str; 1] = ["openapi-spec-validator==0.9.0"];
