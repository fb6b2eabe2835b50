//! `/introspect`, `/introspect/batch`, `/revoke`, the metadata, and forward-auth.

use serde_json::json;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder};

use super::operation::{Op, reference};
use super::parts::{BODIES, Header, JSON, PERMISSION, Security, fields, text};
use crate::http::drf::Detail;
use crate::http::error::OAuthError;
use crate::http::oauth::introspect::MAX_BATCH;
use crate::http::oauth::metadata::Metadata;
use crate::http::oauth::verify::HEADERS;
use crate::service::Introspection;

const NO_STAFF: &str = "The caller is a user who is not staff, or their token is a named one without `jeton:admin`.";
const KEY: &str = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";

pub fn operations() -> Vec<Op> {
    let mut operations = vec![introspect(), introspect_batch(), revoke(), metadata()];
    operations.extend(verify());
    operations
}

/// The caller's credentials, where they are not in `Authorization`.
fn with_client(fields: ObjectBuilder) -> ObjectBuilder {
    fields
        .property("client_id", text().description(Some("The client, when HTTP Basic does not say it.")))
        .property("client_secret", text().format(Some(super::format("password"))))
}

fn token() -> ObjectBuilder {
    let hint = "Accepted and ignored (RFC 7009 section 2.1).";
    with_client(
        fields()
            .property("token", text().min_length(Some(1)).description(Some("The key.")))
            .required("token")
            .property("token_type_hint", text().description(Some(hint))),
    )
}

fn introspect() -> Op {
    let body = token();
    refusals(
        Op::post("/introspect", "introspect", "Whether a token is good, and whose it is (RFC 7662)")
            .describe("For a registered client, or staff. It counts as a use of the token.")
            .secured(&[Security::Client, Security::Bearer, Security::Token, Security::None])
            .body(BODIES, body, &json!({ "token": KEY }))
            .answers::<Introspection>(200, "What there is to say of the token."),
    )
    .refuses(403, NO_STAFF, PERMISSION)
}

fn introspect_batch() -> Op {
    let tokens = ArrayBuilder::new().items(text()).max_items(Some(MAX_BATCH));
    let body = with_client(fields().property("tokens", tokens).required("tokens"));
    let results = ArrayBuilder::new().items(reference::<Introspection>());
    let answer = fields().property("results", results).required("results");
    refusals(
        Op::post("/introspect/batch", "introspect_batch", "The same of many tokens, with one query")
            .describe("At most 1,000 tokens, in a body of at most 256 KiB.")
            .secured(&[Security::Client, Security::Bearer, Security::Token, Security::None])
            .body(&[JSON], body, &json!({ "tokens": [KEY, "unknown"] }))
            .answers_fields(200, "In the order asked.", answer, json!({ "results": [{ "active": false }] })),
    )
    .refuses(403, NO_STAFF, PERMISSION)
}

fn revoke() -> Op {
    refusals(
        Op::post("/revoke", "revoke", "Revoke a token (RFC 7009)")
            .describe(
                "For a registered client, staff, or whoever holds the token: without credentials it revokes itself. \
                 An unknown token is no error.",
            )
            .secured(&[Security::Client, Security::Bearer, Security::Token, Security::None])
            .body(BODIES, token(), &json!({ "token": KEY }))
            .answers_fields(200, "The token is good no more.", fields(), json!({})),
    )
    .refuses(403, "The caller may not revoke this token.", PERMISSION)
}

/// How OAuth endpoints refuse. Nothing of theirs may be kept by anybody.
fn refusals(mut op: Op) -> Op {
    op.add::<Detail>();
    op.add::<OAuthError>();
    let missing = json!({ "error": "invalid_request", "error_description": "the parameter token is missing" });
    let either = || AnyOfBuilder::new().item(reference::<OAuthError>()).item(reference::<Detail>());
    op.answers_either(400, "The request is malformed.", either(), missing)
        .answers_either(401, "The caller is not who they say.", either(), json!({ "error": "invalid_client" }))
        .with(Header::ClientChallenge)
        .refuses(
            429,
            "Too many failed client credentials from this address (`JETON_CLIENT_LIMIT_ADDRESS`).",
            "Request was throttled. Expected available in 30 seconds.",
        )
        .with(Header::RetryAfter)
        .answers_either(
            503,
            "The database does not answer, and the cache cannot.",
            either(),
            json!({ "error": "temporarily_unavailable" }),
        )
        .with(Header::RetryAfter)
        .refuses(500, "A fault of jeton's; its log says which.", "A server error occurred.")
        .always_with(Header::NoStore)
}

fn metadata() -> Op {
    Op::get("/.well-known/oauth-authorization-server", "metadata", "What the OAuth endpoints accept (RFC 8414)")
        .describe("Of an issuer with a path, also at this path with the issuer's behind it (section 3.1).")
        .secured(&[])
        .answers::<Metadata>(200, "The metadata; without `JETON_ISSUER` the request's own host is in it.")
        .with(Header::NoStore)
}

/// Any method, for a gateway asks about somebody else's request.
fn verify() -> impl Iterator<Item = Op> {
    let methods = [
        (HttpMethod::Get, "verify"),
        (HttpMethod::Head, "verify_head"),
        (HttpMethod::Post, "verify_post"),
        (HttpMethod::Put, "verify_put"),
        (HttpMethod::Patch, "verify_patch"),
        (HttpMethod::Delete, "verify_delete"),
        (HttpMethod::Options, "verify_options"),
        (HttpMethod::Trace, "verify_trace"),
    ];
    methods.into_iter().map(|(method, id)| {
        let mut op = Op::new(method, "/auth/verify", id, "Forward-auth for a gateway")
            .describe(
                "For nginx `auth_request`, Traefik ForwardAuth, Caddy `forward_auth`, Envoy `ext_authz`; the same \
                 below this path, whatever follows. It reads `Authorization` (and the headers of `JETON_KEY_HEADERS`, \
                 and HTTP Basic with `JETON_KEY_BASIC`), and no body. With `JETON_VERIFY_PREFLIGHT` a preflight of a \
                 browser's passes, as nobody's.",
            )
            .query_list("scope", text(), "A scope that the token must have; may repeat.")
            .query_list("group", text(), "A group that the user must be in; may repeat.")
            .answers_nothing(200, "The token is good; whose it is, is in the headers.");
        for name in HEADERS {
            op = op.with(Header::Identity(name));
        }
        op.for_holder()
            .refuses(403, "A scope or a group is missing.", PERMISSION)
            .without_allow()
            .always_with(Header::NoStore)
    })
}
