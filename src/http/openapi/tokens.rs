//! `/tokens/`, `/admin/users/{username}/tokens/`, `/admin/tokens/{id}`, and what staff do with tokens.

use serde_json::json;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Type};

use super::operation::{Op, reference};
use super::parts::{BODIES, Header, boolean, fields, integer, text};
use crate::domain::scope;
use crate::domain::token::TokenFacts;
use crate::http::admin::regenerate::NewKey;
use crate::http::drf::Detail;
use crate::http::error::OAuthError;
use crate::http::own::tokens::Created;
use crate::service::Explanation;

/// A length of time; a hundred years at most, which no pattern says well.
/// How long what is replaced lives on.
pub const GRACE: &str = "^(0|[0-9]{1,4}(ms|s|m|h|d))$";

pub fn own() -> Vec<Op> {
    vec![
        page(Op::get("/tokens/", "list_own_tokens", "The caller's own live tokens")).for_login_holder(),
        create_own(),
        Op::delete("/tokens/{id}", "revoke_own_token", "Revoke one of the caller's own tokens")
            .answers_nothing(204, "It is revoked.")
            .for_login_holder()
            .may_not_exist("The caller has no such live token."),
    ]
}

pub fn of_others() -> Vec<Op> {
    vec![
        page(Op::get("/admin/users/{username}/tokens/", "list_tokens", "A user's live tokens")).for_staff(),
        create().for_staff().may_not_exist("There is no such user."),
        Op::delete("/admin/tokens/{id}", "revoke_token", "Revoke anybody's token")
            .answers_nothing(204, "It is revoked.")
            .for_staff()
            .may_not_exist("There is no such live token."),
        regenerate(),
        explain(),
    ]
}

fn page(op: Op) -> Op {
    op.paged().answers_page::<TokenFacts>("Without their keys, by id.")
}

fn create_own() -> Op {
    let limit = "Maximum amount of tokens allowed per user exceeded.";
    let either = AnyOfBuilder::new().item(reference::<OAuthError>()).item(reference::<Detail>());
    let body = wanted().property("password", text().format(Some(super::format("password")))).required("password");
    let example = json!({ "name": "ci", "scope": "", "expires_in": "90d", "password": "correct horse" });
    let mut op = Op::post("/tokens/", "create_own_token", "Make a named token (an API key) for the caller")
        .describe(
            "It takes a login token and its user's password, so that a stolen key does not make itself permanent. Users \
             give the scopes of `JETON_USER_SCOPES`, staff any. With `JETON_NAMED_TOKEN_MAX_TTL` it must have an \
             `expires_in`, and none that is longer.",
        )
        .body(BODIES, body, &example)
        .answers::<Created>(201, "The token, and this once its key.")
        .with(Header::NoStore)
        .refuses_bad_fields("password", "Your password was entered incorrectly. Please enter it again.")
        .for_holder()
        .answers_either(
            403,
            "The caller has `JETON_NAMED_TOKENS_PER_USER` live ones of their own making, or their token is a named one.",
            either,
            json!({ "error": limit }),
        )
        .counts_failures();
    op.add::<OAuthError>();
    op.add::<Detail>();
    op
}

fn create() -> Op {
    Op::post("/admin/users/{username}/tokens/", "create_token", "Make a named token for a user")
        .describe("With the scope `jeton:admin` it may do what its user may, here too.")
        .body(BODIES, wanted(), &json!({ "name": "ci", "scope": "reports:read", "expires_in": "90d" }))
        .answers::<Created>(201, "The token, and this once its key.")
        .with(Header::NoStore)
        .refuses_bad_fields("name", "This field is required.")
}

/// The fields of a named token.
fn wanted() -> ObjectBuilder {
    let seconds = integer().minimum(Some(1)).maximum(Some(100 * 365 * 86_400_u64));
    let span = text().pattern(Some("^[1-9][0-9]{0,3}(s|m|h|d)$"));
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    let expires_in = OneOfBuilder::new().item(seconds).item(span).item(nothing);
    let scopes = text().pattern(Some(r"^[ !#-\[\]-~]*$")).max_length(Some(scope::MAX_CHARS));
    fields()
        .property("name", text().min_length(Some(1)).max_length(Some(100)))
        .required("name")
        .property("scope", scopes.description(Some("Scopes as RFC 6749 writes them, separated by blanks.")))
        .property("expires_in", expires_in.description(Some("Whole seconds, or a duration such as `90d`.")))
}

fn regenerate() -> Op {
    Op::post("/admin/users/{username}/regenerate", "regenerate", "A new login token in place of the user's old ones")
        .describe("The answer to a leaked key. Staff may not for staff and superusers, superusers may.")
        .query(
            "grace",
            text().pattern(Some(GRACE)).examples([json!("1h")]),
            "How long the old tokens live on; not at all by default.",
        )
        .query("all", boolean(), "Revoke named tokens too.")
        .answers::<NewKey>(200, "The new key.")
        .with(Header::NoStore)
        .for_staff()
        .refuses_bad_parameters("grace", "Enter a duration such as 30m or 12h.")
        .may_not_exist("There is no such user.")
        .reads_body()
}

fn explain() -> Op {
    let body = fields().property("token", text().min_length(Some(1)).description(Some("The key."))).required("token");
    Op::post("/admin/explain", "explain", "Why introspection says what it says of a token")
        .body(BODIES, body, &json!({ "token": "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b" }))
        .answers::<Explanation>(200, "The reason, with when and by whom.")
        .with(Header::NoStore)
        .for_staff()
        .refuses_bad_fields("token", "This field is required.")
}
