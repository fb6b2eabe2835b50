//! `POST /admin/users/{username}/password-link`.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::domain::password_link::LinkKey;
use crate::domain::time::Timestamp;
use crate::http::answer;
use crate::http::endpoint::{BODIES, Endpoint, Operation, fields};
use crate::http::error::Answered;
use crate::http::extract::Body;
use crate::http::own::tokens::lifetime_schema;
use crate::http::peer::public_url;
use crate::http::state::State;
use crate::service::{ChangeableUser, Error};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let text = "Whole seconds, or a duration such as `2d`; one hour if it is missing, at most `7d`.";
    let body = fields().property("expires_in", lifetime_schema().description(Some(text)));
    let path = "/admin/users/{username}/password-link";
    vec![
        Operation::post(path, "create_password_link", "Make a link with which a user sets a password")
            .describe(
                "For an invitation or a reset: the caller sends it to the user. It leads to a page of jeton, is good \
                 once, and ends an older link of the same user. It ends early when the password, the rights or \
                 `is_active` of its user or of its maker change. Only superusers may do this for staff and superusers.",
            )
            .body(BODIES, body, &json!({ "expires_in": "2d" }))
            .body_may_be_missing()
            .answers::<NewLink>(200, "The link, which is shown only here.")
            .secret()
            .refuses_bad_fields("expires_in", "Ensure this value is less than or equal to 7d.")
            .may_not_exist("There is no such user.")
            .refuses_as("The user is inactive.", &Error::Conflict("This user is inactive. Activate them first.".into()))
            .to(create_password_link),
    ]
}

/// A link.
#[derive(Serialize, ToSchema)]
#[schema(as = PasswordLink)]
pub struct NewLink {
    /// The link.
    #[schema(format = "uri", example = "https://tokens.example.com/account/password/4f0d..")]
    url: String,
    /// When it ends.
    expires_at: Timestamp,
}

/// Makes a link with which the user sets a password.
async fn create_password_link(target: ChangeableUser, body: Body, request: HttpRequest, state: State) -> Answered {
    let mut fields = body.fields()?;
    let expires_in = fields.nullable_duration("expires_in");
    fields.finish()?;
    let link = state.service.accounts.create_password_link(&target, expires_in).await?;
    let url = password_link_url(&public_url(&request, &state), &link.key);
    Ok(answer::json(StatusCode::OK, &NewLink { url, expires_at: link.expires_at }))
}

/// The link with this key, at the URL by which users reach jeton.
#[must_use]
pub fn password_link_url(base: &str, key: &LinkKey) -> String {
    format!("{}/account/password/{}", base.trim_end_matches('/'), key.expose())
}
