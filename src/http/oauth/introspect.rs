//! `POST /introspect` (RFC 7662), and `POST /introspect/batch`.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::json;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Type};

use super::callers::{BatchIntrospector, Introspector};
use super::{KEY, paths, token_fields, with_client};
use crate::domain::change::AsOf;
use crate::domain::client::ClientSecret;
use crate::domain::time::Uptime;
use crate::domain::token::UsedBy;
use crate::http::answer;
use crate::http::drf::body::{Data, Value};
use crate::http::endpoint::{BODIES, Endpoint, Header, JSON, Operation, fields, reference, size, text};
use crate::http::error::{Answered, HttpError};
use crate::http::state::{AppState, State};
use crate::service::{AcceptedClient, CheckedClient, Introspection};

/// The largest batch, in tokens.
const MAX_BATCH: usize = 1_000;
/// How many clients an edge may ask about at most in one request.
const MAX_CLIENTS: usize = 100;
/// The largest body of a batch, in bytes.
const MAX_BATCH_BODY: usize = 256 * 1024;

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let tokens = ArrayBuilder::new().items(text()).max_items(Some(MAX_BATCH));
    let results = ArrayBuilder::new().items(reference::<Introspection>());
    let edge = ObjectBuilder::new().schema_type(Type::Boolean);
    let edge = edge.description(Some(
        "Sent by whoever remembers the answers, such as `jeton edge` and the Python client's `Verifier`: the answer \
         then has the members that say how long they may be remembered.",
    ));
    let kinds = ArrayBuilder::new().items(text());
    let kinds = kinds.description(Some(
        "With `edge`: for each token, `login` or `named`; for one that is not active, `user_inactive` or `inactive`.",
    ));
    let seconds = |nullable, what| {
        let types = if nullable { SchemaType::from_iter([Type::Number, Type::Null]) } else { Type::Number.into() };
        ObjectBuilder::new().schema_type(types).description(what)
    };
    let expires_in = ArrayBuilder::new().items(seconds(true, None));
    let expires_in = expires_in.description(Some(
        "With `edge`: in how many seconds each token ends, if it does; for one that is not active, how long that may \
         be remembered, if it is limited.",
    ));
    let users = ArrayBuilder::new().items(text()).max_items(Some(MAX_BATCH));
    let users = users.description(Some("Sent by `jeton edge`: of each token, who has sent it to the edge."));
    let texts = |what| ArrayBuilder::new().items(text()).max_items(Some(MAX_CLIENTS)).description(Some(what));
    let client_ids = texts("Sent by `jeton edge`: its clients that are to be checked.");
    let client_secrets = texts("Sent by `jeton edge`: their secrets, in the same order.");
    let valid = ObjectBuilder::new().schema_type(Type::Boolean);
    let until = seconds(false, Some("In how many seconds the secret ends, if it was replaced."));
    let wait = seconds(false, Some("In how many seconds the client is checked again, after too many failures."));
    let checked = fields().property("valid", valid).required("valid").property("expires_in", until);
    let checked = checked.property("retry_after", wait);
    let checked = ArrayBuilder::new().items(checked);
    let age = seconds(false, Some("With `edge`: how old the answers were when the request arrived, in seconds."));
    let place = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let place =
        place.description(Some("With `edge`: which database they are from; the cursors of `/changes` begin with it."));
    let checked = checked.description(Some("For an edge: of each client, whether the secret is right."));
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
                with_client(
                    fields()
                        .property("tokens", tokens)
                        .required("tokens")
                        .property("edge", edge)
                        .property("used_by", users)
                        .property("client_ids", client_ids)
                        .property("client_secrets", client_secrets),
                ),
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
                    .property("clients", checked)
                    .property("age", age)
                    .property("place", place),
                json!({ "results": [{ "active": false }] }),
            )
            .always_with(Header::NoStore)
            .to(introspect_batch)
            .frequent()
            .cross_origin(),
    ]
}

/// Introspects a token. The caller is authenticated before the token is read.
async fn introspect(Introspector { parameters, used_by }: Introspector, state: State) -> Answered {
    let token =
        parameters.checked()?.get("token").ok_or(HttpError::invalid_request("the parameter token is missing"))?;
    let introspection = state.service.introspection.introspect(token, &used_by).await;
    let introspection = introspection.map_err(HttpError::OAuthService)?;
    Ok(answer(introspection.into_json()))
}

/// The same for many tokens, with one query.
async fn introspect_batch(batch: BatchIntrospector, state: State) -> Answered {
    let BatchIntrospector { data, caller, used_by } = batch;
    let (tokens, by_edge, clients) = match &data {
        Ok(data @ Data::Fields { form: false, .. }) => {
            let by_edge = is_true(data.get("edge"));
            let tokens = tokens(data.get("tokens"))?;
            let tokens = if by_edge {
                used_at_edge(tokens, data.get("used_by"), &used_by)?
            } else {
                tokens.into_iter().map(|token| (token, used_by.clone())).collect()
            };
            (tokens, by_edge, clients(data)?)
        }
        _ => return Err(HttpError::invalid_request("the body is not a JSON object")),
    };
    let arrival = Uptime::now();
    let introspected = state.service.introspection.introspect_batch(&tokens).await;
    let (results, as_of) = introspected.map_err(HttpError::OAuthService)?;
    let for_edge = if by_edge {
        let checked = state.service.introspection.check_clients(clients, &caller).await;
        edge_members(&state, &results, &checked.map_err(HttpError::OAuthService)?, as_of, arrival)
    } else {
        String::new()
    };
    let results: Vec<_> = results.into_iter().map(Introspection::into_json).collect();
    let body = [b"{\"results\":[".as_slice(), &results.join(b",".as_slice()), b"]", for_edge.as_bytes(), b"}"].concat();
    Ok(answer(body.into()))
}

/// More members of an answer to an edge, which answers other requests from these results.
fn edge_members(
    state: &AppState,
    results: &[Introspection],
    clients: &[CheckedClient],
    as_of: AsOf,
    arrival: Uptime,
) -> String {
    let as_of = clients.iter().fold(as_of, |as_of, client| match client {
        CheckedClient::Accepted(client) => as_of.and(&client.as_of),
        CheckedClient::Refused | CheckedClient::Throttled(_) => as_of,
    });
    // In milliseconds, rounded down: whoever reads it must not think that more is left. An age is rounded up.
    let left = |ends_at| state.service.introspection.time_left(ends_at).map(|left| in_seconds(left.as_millis()));
    let age = in_seconds(arrival.since(as_of.moment).as_micros().div_ceil(1_000));
    let kinds: Vec<_> = results.iter().map(Introspection::kind_for_edge).collect();
    let expires_in: Vec<_> = results.iter().map(|result| left(result.ends_at())).collect();
    let clients: Vec<_> = clients
        .iter()
        .map(|client| match client {
            CheckedClient::Refused => json!({ "valid": false }),
            CheckedClient::Throttled(wait) => {
                json!({ "valid": false, "retry_after": in_seconds(wait.as_micros().div_ceil(1_000)) })
            }
            CheckedClient::Accepted(AcceptedClient { secret_until: None, .. }) => json!({ "valid": true }),
            CheckedClient::Accepted(AcceptedClient { secret_until: Some(until), .. }) => {
                json!({ "valid": true, "expires_in": left(*until) })
            }
        })
        .collect();
    let members = [
        ("kinds", json!(kinds)),
        ("expires_in", json!(expires_in)),
        ("clients", json!(clients)),
        ("age", json!(age)),
        ("place", json!(as_of.place)),
    ];
    members.map(|(name, value)| format!(",\"{name}\":{value}")).concat()
}

#[expect(clippy::cast_precision_loss, reason = "in a hundred years there are fewer milliseconds than 2^53")]
fn in_seconds(millis: u128) -> f64 {
    millis as f64 / 1_000.0
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

fn tokens(value: Option<&Value>) -> Result<Vec<String>, HttpError> {
    let Some(Value::List(values)) = value else { return Err(HttpError::invalid_request("tokens is not a list")) };
    if values.len() > MAX_BATCH {
        return Err(HttpError::invalid_request(format!("there are more than {MAX_BATCH} tokens")));
    }
    texts(values).ok_or(HttpError::invalid_request("a token is not text"))
}

/// The tokens, and who used each of them at the edge. Edges of earlier versions do not say it.
fn used_at_edge(tokens: Vec<String>, users: Option<&Value>, edge: &UsedBy) -> Result<Vec<(String, UsedBy)>, HttpError> {
    let users = match users {
        None => Some(vec![String::new(); tokens.len()]),
        Some(Value::List(users)) if users.len() == tokens.len() => texts(users),
        Some(_) => None,
    };
    let users =
        users.ok_or(HttpError::invalid_request("used_by is not a list of as many texts as there are tokens"))?;
    Ok(tokens.into_iter().zip(users.iter().map(|user| UsedBy::reported_by_edge(edge, user))).collect())
}

fn texts(values: &[Value]) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    };
    values.iter().map(text).collect()
}

/// Clients and their secrets.
fn clients(data: &Data) -> Result<Vec<(String, ClientSecret)>, HttpError> {
    let list = |name| match data.get(name) {
        None => Some(Vec::new()),
        Some(Value::List(values)) if values.len() <= MAX_CLIENTS => texts(values),
        Some(_) => None,
    };
    let lists = list("client_ids").zip(list("client_secrets")).filter(|(ids, secrets)| ids.len() == secrets.len());
    let (ids, secrets) = lists
        .ok_or(HttpError::invalid_request("client_ids and client_secrets are not lists of texts of the same length"))?;
    Ok(ids.into_iter().zip(secrets.iter().map(|secret| ClientSecret::from_text(secret))).collect())
}
