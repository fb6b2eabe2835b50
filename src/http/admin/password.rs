//! `POST /admin/users/{username}/password`.

use actix_web::HttpResponse;
use serde_json::json;

use super::users::password;
use crate::domain::password::Password;
use crate::http::drf::fields::Trim;
use crate::http::endpoint::{BODIES, Endpoint, Operation, fields};
use crate::http::error::Answered;
use crate::http::extract::Body;
use crate::http::state::State;
use crate::service::ChangeableUser;

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let body = fields().property("password", password()).required("password");
    vec![
        Operation::post("/admin/users/{username}/password", "set_password", "Set a user's password")
            .describe("Revokes the user's login tokens.")
            .body(BODIES, body, &json!({ "password": "a tall ship and a star" }))
            .answers_nothing(204, "The password is set.")
            .refuses_bad_fields("password", "This password is too common.")
            .may_not_exist("There is no such user.")
            .revokes()
            .to(set_password),
    ]
}

/// Sets a user's password and revokes their login tokens.
async fn set_password(target: ChangeableUser, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let password = Password::new(fields.required_text("password", Trim::No));
    fields.finish()?;
    state.service.accounts.set_password(&target, password).await?;
    Ok(HttpResponse::NoContent().finish())
}
