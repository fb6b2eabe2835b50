//! `/tokens/`, `/admin/users/{username}/tokens/`, `/admin/tokens/{id}`, and what staff do with tokens.

use serde_json::json;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Type};

use super::operation::Op;
use super::parts::{BODIES, Header, boolean, fields, integer, text};
use crate::domain::token::TokenFacts;
use crate::http::admin::regenerate::NewKey;
use crate::http::tokens::Created;
use crate::service::Explanation;

/// A length of time; a hundred years at most, which no pattern says well.
const GRACE: &str = "^(0|[0-9]{1,4}(ms|s|m|h|d))$";

pub fn own() -> Vec<Op> {
    vec![
        page(Op::get("/tokens/", "list_own_tokens", "The caller's own live tokens")).for_holder(),
        create(Op::post("/tokens/", "create_own_token", "Make a named token (an API key) for the caller")).for_holder(),
        Op::delete("/tokens/{id}", "revoke_own_token", "Revoke one of the caller's own tokens")
            .answers_nothing(204, "It is revoked.")
            .for_holder()
            .may_not_exist("The caller has no such live token."),
    ]
}

pub fn of_others() -> Vec<Op> {
    vec![
        page(Op::get("/admin/users/{username}/tokens/", "list_tokens", "A user's live tokens")).for_staff(),
        create(Op::post("/admin/users/{username}/tokens/", "create_token", "Make a named token for a user"))
            .for_staff()
            .may_not_exist("There is no such user."),
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

fn create(op: Op) -> Op {
    let seconds = integer().minimum(Some(1)).maximum(Some(100 * 365 * 86_400_u64));
    let span = text().pattern(Some("^[1-9][0-9]{0,3}(s|m|h|d)$"));
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    let expires_in = OneOfBuilder::new().item(seconds).item(span).item(nothing);
    let body = fields()
        .property("name", text().min_length(Some(1)).max_length(Some(100)))
        .required("name")
        .property(
            "scope",
            text()
                .pattern(Some(r"^[ !#-\[\]-~]*$"))
                .description(Some("Scopes as RFC 6749 writes them, separated by blanks.")),
        )
        .property("expires_in", expires_in.description(Some("Whole seconds, or a duration such as `90d`.")));
    op.body(BODIES, body, &json!({ "name": "ci", "scope": "reports:read", "expires_in": "90d" }))
        .answers::<Created>(201, "The token, and this once its key.")
        .with(Header::NoStore)
        .refuses_bad_fields("name", "This field is required.")
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
