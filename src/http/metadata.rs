//! `GET /.well-known/oauth-authorization-server` (RFC 8414).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::{AppState, base_url, drf};

/// What the OAuth endpoints accept. There is neither an authorization nor a token endpoint.
pub async fn metadata(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let issuer = state.issuer.clone().unwrap_or_else(|| base_url(&request, &state));
    let base = issuer.trim_end_matches('/');
    let metadata = json!({
        "issuer": issuer,
        "response_types_supported": [],
        "introspection_endpoint": format!("{base}/introspect"),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint": format!("{base}/revoke"),
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    });
    drf::answer(StatusCode::OK, &metadata)
}
