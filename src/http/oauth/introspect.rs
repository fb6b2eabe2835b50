//! `POST /introspect` (RFC 7662), and `POST /introspect/batch`.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Type};

use super::callers::{BatchIntrospector, Introspector};
use super::{KEY, paths, token_fields, with_client};
use crate::domain::time::Timestamp;
use crate::http::answer;
use crate::http::drf::body::{Data, Value};
use crate::http::endpoint::{BODIES, Endpoint, Header, JSON, Operation, fields, reference, size, text};
use crate::http::error::{Answered, HttpError};
use crate::http::state::{AppState, State};
use crate::service::Introspection;

/// The largest batch, in tokens.
const MAX_BATCH: usize = 1_000;
/// The largest body of a batch, in bytes.
const MAX_BATCH_BODY: usize = 256 * 1024;

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let tokens = ArrayBuilder::new().items(text()).max_items(Some(MAX_BATCH));
    let results = ArrayBuilder::new().items(reference::<Introspection>());
    let edge = ObjectBuilder::new().schema_type(Type::Boolean);
    let edge = edge.description(Some("Sent by `jeton edge`, which needs more members in the answer."));
    let kinds = ArrayBuilder::new().items(text());
    let kinds = kinds.description(Some(
        "For an edge: of each token `login` or `named`, and of one that is not active `user_inactive` or `inactive`.",
    ));
    let seconds = |nullable, what| {
        let types = if nullable { SchemaType::from_iter([Type::Number, Type::Null]) } else { Type::Number.into() };
        ObjectBuilder::new().schema_type(types).description(what)
    };
    let expires_in = ArrayBuilder::new().items(seconds(true, None));
    let expires_in = expires_in.description(Some("For an edge: in how many seconds each token ends, if it does."));
    let secret_expires_in =
        seconds(false, Some("For an edge: in how many seconds the caller's client secret ends, if it was replaced."));
    vec![
        Operation::post(paths::INTROSPECT, "introspect", "Introspect a token (RFC 7662)")
            .describe("For a registered client, or staff. It counts as a use of the token.")
            .body(BODIES, token_fields(), &json!({ "token": KEY }))
            .answers::<Introspection>(200, "The introspection response.")
            .always_with(Header::NoStore)
            .to(introspect)
            .frequent()
            .cross_origin(),
        Operation::post(paths::BATCH, "introspect_batch", "Introspect many tokens with one query")
            .body_limit(MAX_BATCH_BODY)
            .describe(format!("At most {MAX_BATCH} tokens, in a body of at most {}.", size(MAX_BATCH_BODY)))
            .body(
                &[JSON],
                with_client(fields().property("tokens", tokens).required("tokens").property("edge", edge)),
                &json!({ "tokens": [KEY, "unknown"] }),
            )
            .answers_fields(
                200,
                "The introspection responses, in the order of the tokens.",
                fields()
                    .property("results", results)
                    .required("results")
                    .property("kinds", kinds)
                    .property("expires_in", expires_in)
                    .property("secret_expires_in", secret_expires_in),
                json!({ "results": [{ "active": false }] }),
            )
            .always_with(Header::NoStore)
            .to(introspect_batch)
            .frequent()
            .cross_origin(),
    ]
}

/// Introspects a token. The caller is authenticated before the token is read.
async fn introspect(Introspector(parameters): Introspector, state: State) -> Answered {
    let token =
        parameters.checked()?.get("token").ok_or(HttpError::invalid_request("the parameter token is missing"))?;
    let introspection = state.service.introspection.introspect(token).await.map_err(HttpError::OAuthService)?;
    Ok(answer(introspection.into_json()))
}

/// The same for many tokens, with one query.
async fn introspect_batch(BatchIntrospector { data, secret_until }: BatchIntrospector, state: State) -> Answered {
    let (tokens, by_edge) = match &data {
        Ok(data @ Data::Fields { form: false, .. }) => (texts(data.get("tokens"))?, is_true(data.get("edge"))),
        _ => return Err(HttpError::invalid_request("the body is not a JSON object")),
    };
    let results = state.service.introspection.introspect_batch(&tokens).await.map_err(HttpError::OAuthService)?;
    let for_edge = if by_edge { edge_members(&state, &results, secret_until) } else { String::new() };
    let results: Vec<_> = results.into_iter().map(Introspection::into_json).collect();
    let body = [b"{\"results\":[".as_slice(), &results.join(b",".as_slice()), b"]", for_edge.as_bytes(), b"}"].concat();
    Ok(answer(body.into()))
}

/// More members of an answer to an edge, which answers other requests from these results.
fn edge_members(state: &AppState, results: &[Introspection], secret_until: Option<Timestamp>) -> String {
    let left = |ends_at| state.service.introspection.time_left(ends_at).map(seconds);
    let kinds: Vec<_> = results.iter().map(Introspection::kind_for_edge).collect();
    let expires_in: Vec<_> = results.iter().map(|result| left(result.ends_at())).collect();
    let of_secret = secret_until.and_then(left).map_or_else(String::new, |left| format!(",\"secret_expires_in\":{left}"));
    format!(",\"kinds\":{},\"expires_in\":{}{of_secret}", json!(kinds), json!(expires_in))
}

/// In milliseconds, rounded down: whoever reads it must not think that more is left.
#[expect(clippy::cast_precision_loss, reason = "in a hundred years there are fewer milliseconds than 2^53")]
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1_000.0
}

/// Whether a member is `true`. Any other value counts as left out.
fn is_true(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Bool(true)))
}

/// An answer whose body is JSON text already.
fn answer(json: Cow<'static, [u8]>) -> HttpResponse {
    let mut answer = answer::builder(StatusCode::OK);
    match json {
        Cow::Borrowed(json) => answer.body(json),
        Cow::Owned(json) => answer.body(json),
    }
}

fn texts(value: Option<&Value>) -> Result<Vec<String>, HttpError> {
    let Some(Value::List(values)) = value else { return Err(HttpError::invalid_request("tokens is not a list")) };
    if values.len() > MAX_BATCH {
        return Err(HttpError::invalid_request(format!("there are more than {MAX_BATCH} tokens")));
    }
    let text = |value: &Value| match value {
        Value::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        _ => Err(HttpError::invalid_request("a token is not text")),
    };
    values.iter().map(text).collect()
}
