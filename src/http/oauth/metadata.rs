//! `GET /.well-known/oauth-authorization-server` (RFC 8414).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::paths;
use crate::http::answer;
use crate::http::drf;
use crate::http::endpoint::{Endpoint, Header, Operation};
use crate::http::extract::Anyone;
use crate::http::peer::public_url;
use crate::http::state::State;

const SUMMARY: &str = "What the OAuth endpoints accept (RFC 8414)";

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get("/.well-known/oauth-authorization-server", "metadata", SUMMARY)
            .describe("For an issuer with a path, it is also at this path followed by the issuer's path (section 3.1).")
            .answers::<Metadata>(200, "The metadata; without `JETON_ISSUER` the request's own host is in it.")
            .with(Header::NoStore)
            .to(metadata)
            .without_options(),
        Operation::get("/.well-known/oauth-authorization-server/{path:.*}", "metadata_of_path", SUMMARY)
            .to(metadata_of_path)
            .without_options()
            .undocumented(),
    ]
}

/// The metadata, its members in RFC 8414's order.
#[derive(Serialize, ToSchema)]
#[schema(description = "What the OAuth endpoints accept.")]
pub struct Metadata<'a> {
    #[schema(format = "uri", example = "https://tokens.example.com")]
    issuer: &'a str,
    #[schema(value_type = Vec<String>, example = json!([]))]
    response_types_supported: [&'static str; 0],
    #[schema(value_type = Vec<String>, example = json!([]))]
    grant_types_supported: [&'static str; 0],
    #[schema(format = "uri", example = "https://tokens.example.com/introspect")]
    introspection_endpoint: String,
    #[schema(value_type = Vec<String>, example = json!(["client_secret_basic", "client_secret_post"]))]
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    #[schema(format = "uri", example = "https://tokens.example.com/revoke")]
    revocation_endpoint: String,
    #[schema(value_type = Vec<String>, example = json!(["client_secret_basic", "client_secret_post", "none"]))]
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
}

/// What the OAuth endpoints accept. There is neither an authorization nor a token endpoint, and so no response type and
/// no grant type. By section 3.2 an empty list is left out. But section 2 requires `response_types_supported` (erratum
/// 7793 would drop that), and says that a missing `grant_types_supported` means two grant types.
async fn metadata(_: Anyone, request: HttpRequest, state: State) -> HttpResponse {
    let issuer = public_url(&request, &state);
    let base = issuer.trim_end_matches('/');
    let metadata = Metadata {
        issuer: &issuer,
        response_types_supported: [],
        grant_types_supported: [],
        introspection_endpoint: format!("{base}{}", paths::INTROSPECT),
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        revocation_endpoint: format!("{base}{}", paths::REVOKE),
        revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
    };
    let mut answer = answer::json(StatusCode::OK, &metadata);
    if state.service.policy.issuer.is_none() {
        // It contains the client's own `Host`, so it must not be cached for others.
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    answer
}

/// The same for an issuer with a path: clients then insert the well-known part before that path (section 3.1).
async fn metadata_of_path(anyone: Anyone, request: HttpRequest, path: web::Path<String>, state: State) -> HttpResponse {
    let configured = state.service.policy.issuer.as_deref();
    let issuer_path = configured.and_then(|issuer| Some(issuer.split_once("://")?.1.split_once('/')?.1));
    if issuer_path.is_some_and(|issuer_path| issuer_path.trim_end_matches('/') == path.trim_end_matches('/')) {
        metadata(anyone, request, state).await
    } else {
        drf::not_found().await
    }
}
