//! `/api-token-auth/`, `/logout/`, `/logoutall/`, `/me`, `/me/password`.

use serde_json::json;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::path::HttpMethod;

use super::operation::{Op, reference};
use super::parts::{BODIES, FORM, Header, JSON, MULTIPART, fields, integer, properties, text};
use crate::domain::profile::ProfileField;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::http::error::OAuthError;
use crate::http::me::{Me, NewLogin};

pub fn operations() -> Vec<Op> {
    vec![login(), logout(), logoutall(), me(), update_me(), change_password()]
}

fn login() -> Op {
    let credentials = fields()
        .property("username", text().description(Some("Blanks round it are cut off.")))
        .property("password", text().format(Some(super::format("password"))))
        .required("username")
        .required("password");
    let limit = "Maximum amount of tokens allowed per user exceeded.";
    let mut op = Op::post("/api-token-auth/", "login", "A token for a username and a password")
        .describe(
            "Django REST framework's `obtain_auth_token`, to the byte. With `JETON_TOKEN_MODE=single` each login gets \
             the same key until it is regenerated, revoked or expires; with `multiple` each gets one of its own. \
             `Accept: application/json; indent=4` indents the answer.",
        )
        .secured(&[])
        .body(&[JSON, FORM, MULTIPART], credentials, &json!({ "username": "alice", "password": "correct horse" }))
        .answers_fields(200, "The token.", answer(), json!({ "token": "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b" }))
        .with(Header::NoStore)
        .refuses_bad_fields("non_field_errors", "Unable to log in with provided credentials.")
        .answers_like::<OAuthError>(403, "`JETON_TOKEN_LIMIT_PER_USER` is reached.", &json!({ "error": limit }))
        .refuses(406, "The client accepts no JSON.", "Could not satisfy the request Accept header.")
        .counts_failures()
        .needs_database();
    op.add::<Timestamp>();
    op
}

/// The key, and what `JETON_LOGIN_FIELDS` adds of the user, each as it is there.
fn answer() -> ObjectBuilder {
    let mut answer = fields()
        .property("token", text().description(Some("The key.")))
        .required("token")
        .property("expiry", reference::<Timestamp>());
    for (name, schema) in properties::<User>() {
        if User::login_field_names().contains(&name.as_str()) {
            answer = answer.property(name, schema);
        }
    }
    answer.property("user_id", integer())
}

fn logout() -> Op {
    Op::post("/logout/", "logout", "Revoke the token of the request")
        .describe("As Knox's. A named token may revoke itself too.")
        .answers_nothing(204, "It is revoked.")
        .for_holder()
        .refuses(400, "The body cannot be read.", "The request body could not be read.")
        .reads_body()
}

fn logoutall() -> Op {
    Op::post("/logoutall/", "logoutall", "Revoke all login tokens of the caller")
        .describe("As Knox's. Named tokens are left alone.")
        .answers_nothing(204, "They are revoked.")
        .for_holder()
        .refuses(400, "The body cannot be read.", "The request body could not be read.")
        .reads_body()
}

fn me() -> Op {
    Op::get("/me", "me", "The caller's own record, and their token's facts")
        .answers::<Me>(200, "Who the caller is.")
        .with(Header::NoStore)
        .for_holder()
}

fn update_me() -> Op {
    let body = ProfileField::OWN
        .into_iter()
        .fold(fields(), |body, field| body.property(field.name(), text().max_length(Some(field.max_chars()))));
    Op::new(HttpMethod::Patch, "/me", "update_me", "Change the caller's own name")
        .describe("Fields that `JETON_PROFILE_FIELDS` does not name are passed over, as all others are.")
        .body(BODIES, body, &json!({ "first_name": "Alice" }))
        .body_may_be_missing()
        .answers::<Me>(200, "Who the caller is now.")
        .with(Header::NoStore)
        .for_login_holder()
        .refuses_bad_fields("first_name", "Ensure this field has no more than 150 characters.")
}

fn change_password() -> Op {
    let password = || text().format(Some(super::format("password")));
    let body = fields()
        .property("old_password", password())
        .property("new_password", password())
        .required("old_password")
        .required("new_password");
    let example = json!({ "old_password": "correct horse", "new_password": "a tall ship and a star" });
    Op::post("/me/password", "change_own_password", "Change the caller's own password")
        .describe("Every login token that the caller had ends; named ones stay. The new one is in the answer.")
        .body(BODIES, body, &example)
        .answers::<NewLogin>(200, "The new login token.")
        .for_login_holder()
        .refuses_bad_fields("old_password", "Your old password was entered incorrectly. Please enter it again.")
        .counts_failures()
        .always_with(Header::NoStore)
}
