//! `POST /introspect` (RFC 7662), and `POST /introspect/batch`.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Type};

use super::callers::{BatchIntrospector, Introspector};
use super::{KEY, paths, token_fields, with_client};
use crate::domain::time::Timestamp;
use crate::http::answer;
use crate::http::drf::body::{Data, Value};
use crate::http::endpoint::{BODIES, Endpoint, Header, JSON, Operation, fields, reference, size, text};
use crate::http::error::{Answered, HttpError};
use crate::http::state::State;
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
        "For an edge: for each token, `login` or `named`; for one that is not active, `user_inactive` or `inactive`.",
    ));
    let secret_until = ObjectBuilder::new().schema_type(Type::Integer);
    let secret_until = secret_until.description(Some(
        "For an edge: when the caller's client secret ends, in seconds since 1970, if it was replaced.",
    ));
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
                    .property("secret_until", secret_until),
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
    let for_edge = if by_edge { edge_members(&results, secret_until) } else { String::new() };
    let results: Vec<_> = results.into_iter().map(Introspection::into_json).collect();
    let body = [b"{\"results\":[".as_slice(), &results.join(b",".as_slice()), b"]", for_edge.as_bytes(), b"}"].concat();
    Ok(answer(body.into()))
}

/// More members of an answer to an edge, which answers other requests from these results.
fn edge_members(results: &[Introspection], secret_until: Option<Timestamp>) -> String {
    let kinds: Vec<_> = results.iter().map(Introspection::kind_for_edge).collect();
    let until = secret_until.map_or_else(String::new, |until| format!(",\"secret_until\":{}", until.epoch_seconds()));
    format!(",\"kinds\":{}{until}", json!(kinds))
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
