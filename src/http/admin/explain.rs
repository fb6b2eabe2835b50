//! `POST /admin/explain`: why introspection says what it says.

use actix_web::http::StatusCode;
use serde_json::json;

use crate::http::answer;
use crate::http::endpoint::{BODIES, Endpoint, Operation, fields, text};
use crate::http::error::Answered;
use crate::http::extract::Body;
use crate::http::state::State;
use crate::service::{Explanation, Staff};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let body = fields()
        .property(
            "token",
            text().min_length(Some(1)).description(Some("The key, also as it was copied, as in `Token <key>`.")),
        )
        .required("token");
    vec![
        Operation::post("/admin/explain", "explain", "Explain why introspection accepts or refuses a token")
            .body(BODIES, body, &json!({ "token": "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b" }))
            .answers::<Explanation>(200, "The reason, and if known when and by whom.")
            .secret()
            .refuses_bad_fields("token", "This field is required.")
            .to(explain),
    ]
}

/// Explains the `token` of the body.
async fn explain(caller: Staff, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let token = fields.required_raw_text("token");
    fields.finish()?;
    Ok(answer::json(StatusCode::OK, &state.service.tokens.explain(&token, &caller).await?))
}
