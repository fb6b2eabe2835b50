//! `/admin/clients/` and `/admin/audit/`.

use serde_json::json;

use super::operation::Op;
use super::parts::{BODIES, Header, fields, text};
use super::tokens::GRACE;
use crate::domain::audit::Entry;
use crate::domain::client::Client;
use crate::http::admin::clients::WithSecret;

const PATH: &str = "/admin/clients/{client_id}";

pub fn operations() -> Vec<Op> {
    let client_id = text().min_length(Some(1)).max_length(Some(150)).pattern(Some("^[!-9;-~]+$"));
    let body = fields().property("client_id", client_id).required("client_id");
    vec![
        Op::get("/admin/clients/", "list_clients", "A page of clients")
            .paged()
            .answers_page::<Client>("By age, without their secrets.")
            .for_superuser(),
        Op::post("/admin/clients/", "create_client", "Register a service that may introspect")
            .body(BODIES, body, &json!({ "client_id": "billing" }))
            .answers::<WithSecret>(201, "The client, and this once its secret.")
            .with(Header::NoStore)
            .for_superuser()
            .refuses_bad_fields("client_id", "A client with that client id already exists."),
        Op::delete(PATH, "delete_client", "Delete a client")
            .answers_nothing(204, "It may introspect no more.")
            .for_superuser()
            .may_not_exist("There is no such client."),
        Op::post("/admin/clients/{client_id}/rotate", "rotate_client", "Give a client a new secret")
            .describe("The old one is good no more, or with `grace` for that long; any before it is not.")
            .query(
                "grace",
                text().pattern(Some(GRACE)).examples([json!("1h")]),
                "How long the old secret goes on; not at all by default.",
            )
            .answers::<WithSecret>(200, "The client, and this once its secret.")
            .with(Header::NoStore)
            .for_superuser()
            .refuses_bad_parameters("grace", "Enter a duration such as 30m or 12h.")
            .reads_body()
            .may_not_exist("There is no such client."),
    ]
}

pub fn audit() -> Vec<Op> {
    let moment = || text().format(Some(super::format("date-time"))).examples([json!("2026-01-31T09:30:00Z")]);
    vec![
        Op::get("/admin/audit/", "list_audit", "The audit log, newest first")
            .describe(
                "The details of a `login.failed` have its `reason`: `unknown_user`, `wrong_password`, `inactive`, \
                 `no_password`, `too_costly`, `not_staff`, `throttled` or `limit`.",
            )
            .query("actor", text(), "Of exactly this actor: a username, `client:<id>`, `cli:<os user>` or `system`.")
            .query("action", text().examples([json!("token.revoke")]), "Of exactly this action.")
            .query("target", text(), "Concerning exactly this target.")
            .query("since", moment(), "At this moment, or on this date, or later.")
            .query("until", moment(), "Before this moment, or this date.")
            .paged()
            .answers_page::<Entry>("The page.")
            .for_staff()
            .refuses_bad_parameters("since", "Enter a date/time such as 2026-11-23T08:00:00Z, or a date."),
    ]
}
