//! `/api-token-auth/`: DRF's `obtain_auth_token`, to the byte.

use actix_web::http::header::ACCEPT;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde_json::{Map, Value, json};
use utoipa::openapi::ObjectBuilder;

use crate::domain::password::Password;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::http::answer;
use crate::http::drf::fields::{Fields, Trim};
use crate::http::drf::media_type::json_indent;
use crate::http::drf::{self, body};
use crate::http::endpoint::{
    Endpoint, FORM, JSON, MULTIPART, Operation, fields, format, integer, properties, reference, text,
};
use crate::http::error::HttpError;
use crate::http::extract::{Anyone, UnreadBody};
use crate::http::peer::client_address;
use crate::http::state::{AppState, State};
use crate::logging::RequestContext;
use crate::service::{Error, Faults, LoggedIn, Login, LoginRefusal};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let credentials = fields()
        .property("username", text().description(Some("Surrounding white space is removed.")))
        .property("password", text().format(Some(format("password"))))
        .required("username")
        .required("password");
    let refused = Error::LoginRefused(LoginRefusal::WrongPassword);
    let mut operation = Operation::post("/api-token-auth/", "login", "Get a token for a username and a password")
        .describe(
            "Django REST framework's `obtain_auth_token`, to the byte. With `JETON_TOKEN_MODE=single` each login gets \
             the same key until it is regenerated, revoked or expires; with `multiple` each login gets a new one. \
             `Accept: application/json; indent=4` indents the answer.",
        )
        .body(&[JSON, FORM, MULTIPART], credentials, &json!({ "username": "alice", "password": "correct horse" }))
        .answers_fields(
            200,
            "The token.",
            answer_schema(),
            json!({ "token": "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b" }),
        )
        .secret()
        .refuses_bad_fields(Faults::NON_FIELD, &refused.to_string())
        .refuses_as("`JETON_TOKEN_LIMIT_PER_USER` is reached.", &Error::TokenLimit)
        .refuses(406, "The client does not accept JSON.", "Could not satisfy the request Accept header.")
        .counts_failures()
        .needs_database();
    operation.add::<Timestamp>();
    vec![operation.to(login).every_method().cross_origin()]
}

/// The fields of the answer: the key, and the fields of the user that `JETON_LOGIN_FIELDS` may add.
fn answer_schema() -> ObjectBuilder {
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

/// Handles every method of the route. Like DRF it checks `Accept` first, then the method, then the body.
async fn login(_: Anyone, request: HttpRequest, body: UnreadBody, state: State) -> HttpResponse {
    let accepts: Vec<String> = request
        .headers()
        .get_all(ACCEPT)
        .map(|value| value.as_bytes().iter().map(|byte| char::from(*byte)).collect())
        .collect();
    let accept = (!accepts.is_empty()).then(|| accepts.join(","));
    let Some(indent) = json_indent(accept.as_deref()) else {
        return answer::detail(StatusCode::NOT_ACCEPTABLE, "Could not satisfy the request Accept header.");
    };
    let answer = match *request.method() {
        Method::POST => match post(&request, body, &state).await {
            Ok(answer) => answer::json(StatusCode::OK, &answer),
            Err(error) => error.error_response(),
        },
        Method::OPTIONS => answer::json(StatusCode::OK, &options()),
        ref other => drf::method_not_allowed(other),
    };
    drf::indented(answer, indent).await
}

async fn post(request: &HttpRequest, body: UnreadBody, state: &AppState) -> Result<Value, HttpError> {
    let body = body.read(request).await?;
    let logged_in = state.service.sign_in.login(credentials(request, body, state)?).await?;
    RequestContext::set_user(&logged_in.user.username);
    Ok(answer(&logged_in, &state.options.login_fields))
}

/// The credentials in the body. The body itself is dropped here and not kept while the login waits.
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

/// The answer of DRF's `SimpleMetadata` for `ObtainAuthToken`.
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
