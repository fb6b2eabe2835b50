//! `/me`: the caller's own record and token; `/me/password`.

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::domain::password::Password;
use crate::domain::profile::{ProfileField, ProfilePatch};
use crate::domain::time::Timestamp;
use crate::domain::token::TokenFacts;
use crate::domain::user::{User, UserChange};
use crate::http::answer;
use crate::http::drf::fields::Trim;
use crate::http::endpoint::{BODIES, Endpoint, Header, Operation, fields, format, text};
use crate::http::error::Answered;
use crate::http::extract::{Body, TokenHolder};
use crate::http::state::State;
use crate::service::messages::WRONG_OLD_PASSWORD;
use crate::service::{LoginHolder, UserPatch};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Operation::get("/me", "me", "The caller's own record, and their token")
            .answers::<Me>(200, "The caller.")
            .secret()
            .to(me)
            .cross_origin(),
        update_endpoint(),
        password_endpoint(),
    ]
}

fn update_endpoint() -> Endpoint {
    let body = ProfileField::OWN
        .into_iter()
        .fold(fields(), |body, field| body.property(field.name(), text().max_length(Some(field.max_chars()))));
    Operation::patch("/me", "update_me", "Change the caller's own name")
        .describe("Fields that `JETON_PROFILE_FIELDS` does not name are ignored.")
        .body(BODIES, body, &json!({ "first_name": "Alice" }))
        .body_may_be_missing()
        .answers::<Me>(200, "The caller after the change.")
        .secret()
        .refuses_bad_fields(
            ProfileField::FirstName.name(),
            &format!("Ensure this field has no more than {} characters.", ProfileField::FirstName.max_chars()),
        )
        .to(update)
        .cross_origin()
}

fn password_endpoint() -> Endpoint {
    let password = || text().format(Some(format("password")));
    let body = fields()
        .property("old_password", password())
        .property("new_password", password())
        .required("old_password")
        .required("new_password");
    let example = json!({ "old_password": "correct horse", "new_password": "a tall ship and a star" });
    Operation::post("/me/password", "change_own_password", "Change the caller's own password")
        .describe("Revokes all login tokens of the caller; named tokens stay valid. The answer has a new login token.")
        .body(BODIES, body, &example)
        .answers::<NewLogin>(200, "The new login token.")
        .refuses_bad_fields("old_password", WRONG_OLD_PASSWORD)
        .counts_failures()
        .always_with(Header::NoStore)
        .revokes()
        .to(change_password)
        .cross_origin()
}

/// A user, and the token of the request.
#[derive(Serialize, ToSchema)]
pub struct Me<'a> {
    #[serde(flatten)]
    user: &'a User,
    token: &'a TokenFacts,
}

/// The caller's own record.
async fn me(TokenHolder { holder, .. }: TokenHolder) -> Answered {
    let me = Me { user: &holder.user, token: &holder.token };
    Ok(answer::json(StatusCode::OK, &me))
}

/// Changes the caller's own name. Other fields are ignored, as DRF ignores read-only fields.
async fn update(asker: LoginHolder, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let own = state.service.policy.own_profile_fields();
    let given = |field| if own.contains(&field) { fields.optional_text(field.name()) } else { None };
    let change = UserChange { profile: ProfilePatch::from_fn(given), ..UserChange::default() };
    let patch = UserPatch { change, edition: None, parse_faults: fields.faults() };
    let user = state.service.accounts.update_me(&asker, patch).await?;
    Ok(answer::json(StatusCode::OK, &Me { user: &user, token: asker.token() }))
}

/// The new login key, and its expiry if it has one.
#[derive(Serialize, ToSchema)]
pub struct NewLogin<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expiry: Option<Timestamp>,
    /// The key.
    #[schema(example = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b")]
    token: &'a str,
}

/// Changes the caller's own password. All their login tokens are revoked, and they get a new one.
async fn change_password(asker: LoginHolder, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let old = Password::new(fields.required_text("old_password", Trim::No));
    let new = Password::new(fields.required_text("new_password", Trim::No));
    fields.finish()?;
    let login = state.service.accounts.change_own_password(&asker, old, new).await?;
    Ok(answer::json(StatusCode::OK, &NewLogin { expiry: login.expires_at, token: login.token.expose() }))
}
