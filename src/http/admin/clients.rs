//! `/admin/clients/`: the services that may introspect. Superusers only.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::grace;
use crate::domain::client::{
    CLIENT_ID_PATTERN, Client, ClientDetails, ClientDetailsChange, ClientSecret, MAX_CLIENT_ID, MAX_NOTE, MAX_OWNER,
};
use crate::domain::duration;
use crate::http::answer;
use crate::http::drf::fields::Trim;
use crate::http::drf::pagination::ListQuery;
use crate::http::drf::query::Query;
use crate::http::endpoint::{BODIES, Endpoint, Operation, fields, text};
use crate::http::error::Answered;
use crate::http::extract::{Body, NoBody};
use crate::http::state::State;
use crate::service::messages::CLIENT_ID_TAKEN;
use crate::service::{RotateOptions, Superuser};

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let client_id = text().min_length(Some(1)).max_length(Some(MAX_CLIENT_ID)).pattern(Some(CLIENT_ID_PATTERN));
    let note = || text().max_length(Some(MAX_NOTE)).description(Some("What the client is for."));
    let owner = || text().max_length(Some(MAX_OWNER)).description(Some("Who runs it."));
    let details = || fields().property("note", note()).property("owner", owner());
    let body = details().property("client_id", client_id).required("client_id");
    vec![
        Operation::get("/admin/clients/", "list_clients", "A page of clients")
            .answers_page::<Client>("The oldest first, without their secrets.")
            .to(list),
        Operation::post("/admin/clients/", "create_client", "Register a service that may introspect")
            .body(BODIES, body, &json!({ "client_id": "billing" }))
            .answers::<WithSecret>(201, "The client and its secret, which is shown only once.")
            .secret()
            .refuses_bad_fields("client_id", CLIENT_ID_TAKEN)
            .to(create),
        Operation::patch("/admin/clients/{client_id}", "update_client", "Change what is written about a client")
            .describe("A field that is not sent stays as it is.")
            .body(BODIES, details(), &json!({ "note": "Invoices and reminders", "owner": "team-billing@example.com" }))
            .answers::<Client>(200, "The client.")
            .refuses_bad_fields("owner", "Ensure this field has no more than 150 characters.")
            .may_not_exist("There is no such client.")
            .to(update),
        Operation::delete("/admin/clients/{client_id}", "delete_client", "Delete a client")
            .answers_nothing(204, "The client is deleted.")
            .may_not_exist("There is no such client.")
            .revokes()
            .to(delete),
        Operation::post("/admin/clients/{client_id}/rotate", "rotate_client", "Give a client a new secret")
            .describe("The old secret stops working now, or after `grace`. Secrets before that one stop working now.")
            .query(
                "grace",
                text().pattern(Some(duration::PATTERN)).examples([json!("1h")]),
                "How long the old secret stays valid; by default not at all.",
            )
            .answers::<WithSecret>(200, "The client and its secret, which is shown only once.")
            .secret()
            .refuses_bad_parameters("grace", grace::FAULT)
            .may_not_exist("There is no such client.")
            .revokes()
            .to(rotate),
    ]
}

/// A client with a new secret: the only time it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ClientWithSecret)]
pub struct WithSecret<'a> {
    #[schema(example = "billing")]
    client_id: &'a str,
    /// 64 hex digits.
    #[schema(example = "0f3c6d...")]
    client_secret: &'a str,
}

impl<'a> WithSecret<'a> {
    fn answer(status: StatusCode, client_id: &'a str, secret: &'a ClientSecret) -> HttpResponse {
        answer::json(status, &Self { client_id, client_secret: secret.expose() })
    }
}

/// A page of clients, the oldest first.
async fn list(caller: Superuser, query: ListQuery, state: State) -> Answered {
    query.answer(&state, state.service.accounts.list_clients(query.page, &caller).await?)
}

/// Registers a client.
async fn create(caller: Superuser, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let client_id = fields.required_text("client_id", Trim::Yes);
    let details = ClientDetails {
        note: fields.optional_text("note").unwrap_or_default(),
        owner: fields.optional_text("owner").unwrap_or_default(),
    };
    fields.finish()?;
    let secret = state.service.accounts.create_client(&client_id, details, &caller).await?;
    Ok(WithSecret::answer(StatusCode::CREATED, &client_id, &secret))
}

/// Changes what is written about a client.
async fn update(caller: Superuser, client_id: web::Path<String>, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let change = ClientDetailsChange { note: fields.optional_text("note"), owner: fields.optional_text("owner") };
    fields.finish()?;
    state.service.accounts.update_client(&client_id, change, &caller).await?;
    let client = state.service.accounts.client(&client_id, &caller).await?;
    Ok(answer::json(StatusCode::OK, &client))
}

/// Gives a client a new secret. The old one may stay valid for a while.
async fn rotate(caller: Superuser, _: NoBody, client_id: web::Path<String>, query: Query, state: State) -> Answered {
    let mut options = RotateOptions::default();
    match grace::parse(query.get("grace")) {
        Ok(grace) => options.grace = grace,
        Err(fault) => options.parse_faults.add("grace", fault),
    }
    let rotated = state.service.accounts.rotate_client(&client_id, options, &caller).await?;
    Ok(WithSecret::answer(StatusCode::OK, &client_id, &rotated.secret))
}

/// Deletes a client.
async fn delete(caller: Superuser, client_id: web::Path<String>, state: State) -> Answered {
    state.service.accounts.delete_client(&client_id, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
