//! `/api-token-auth/`: DRF's `obtain_auth_token`, to the byte.

use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde_json::{Map, Value, json};

use super::error::HttpError;
use super::fields::{Fields, Trim};
use super::media_type::json_indent;
use super::{AppState, body, client_address, drf};
use crate::domain::password::Password;
use crate::logging::Request;
use crate::service::{LoggedIn, Login};

/// Every method of the route. DRF negotiates the answer's type first, then looks at the method, then at the body.
pub async fn login(request: HttpRequest, payload: web::Payload, state: web::Data<AppState>) -> HttpResponse {
    let accepts: Vec<String> = request
        .headers()
        .get_all(ACCEPT)
        .map(|value| value.as_bytes().iter().map(|byte| char::from(*byte)).collect())
        .collect();
    let accept = (!accepts.is_empty()).then(|| accepts.join(","));
    let Some(indent) = json_indent(accept.as_deref()) else {
        return drf::detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header.");
    };
    let answer = match *request.method() {
        Method::POST => match post(&request, payload, &state).await {
            Ok(answer) => drf::secret_answer(StatusCode::OK, &answer),
            Err(error) => error.error_response(),
        },
        Method::OPTIONS => drf::answer(StatusCode::OK, &options()),
        ref other => drf::method_not_allowed(other),
    };
    drf::indented(answer, indent).await
}

async fn post(request: &HttpRequest, payload: web::Payload, state: &AppState) -> Result<Value, HttpError> {
    let body = body::read(request, payload, body::MAX_BODY).await?;
    let logged_in = state.service.login(credentials(request, body, state)?).await?;
    Request::is_of_user(&logged_in.user.username);
    Ok(answer(&logged_in, &state.login_fields))
}

/// What the body says. Nothing else of it is kept while the login waits.
fn credentials(request: &HttpRequest, body: web::Bytes, state: &AppState) -> Result<Login, HttpError> {
    let data = body::parse(request, body)?;
    let mut fields = Fields::of(&data)?;
    let username = fields.required_text("username", Trim::Yes);
    let password = Password::new(fields.required_text("password", Trim::No));
    fields.finish()?;
    Ok(Login { username, password, address: client_address(request, state) })
}

fn answer(logged_in: &LoggedIn, login_fields: &[String]) -> Value {
    let mut answer = Map::new();
    if let Some(expires_at) = logged_in.expires_at {
        answer.insert("expiry".into(), json!(expires_at));
    }
    answer.insert("token".into(), json!(logged_in.token.expose()));
    let mut known = logged_in.user.fields();
    known.push(("user_id", json!(logged_in.user.id)));
    for field in login_fields {
        if let Some((_, value)) = known.iter().find(|(name, _)| name == field) {
            answer.insert(field.clone(), value.clone());
        }
    }
    Value::Object(answer)
}

/// What DRF's `SimpleMetadata` says of `ObtainAuthToken`.
fn options() -> Value {
    let field = |required, read_only, label: &str| json!({ "type": "string", "required": required, "read_only": read_only, "label": label });
    json!({
        "name": "Obtain Auth Token",
        "description": "",
        "renders": ["application/json"],
        "parses": ["application/x-www-form-urlencoded", "multipart/form-data", "application/json"],
        "actions": { "POST": {
            "username": field(true, false, "Username"),
            "password": field(true, false, "Password"),
            "token": field(false, true, "Token"),
        } },
    })
}
