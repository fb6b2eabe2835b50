//! Clients, for superusers.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::form::FormFaults;
use super::frame::Frame;
use super::listing::{Listing, Pager};
use super::page::{PageResult, html, see_other};
use super::signed_in::SignedIn;
use super::tokens::grace_of;
use super::visitor::{PostedForm, SuperuserSignedIn};
use super::widgets::{Confirmation, Field, Moment, MomentOr, SecretPage, client_link, moment_or, number};
use crate::domain::client::{Client, ClientDetails, ClientDetailsChange, ClientSecret};
use crate::http::state::State;
use crate::service::{RotateOptions, RotatedClient};

const CLIENTS: &str = "/console/clients";

#[derive(Template)]
#[template(path = "console/clients.html")]
struct ClientsPage {
    frame: Frame,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    client_id: String,
    link: String,
    note: String,
    owner: String,
    last_used: MomentOr,
    requests_today: String,
    requests_yesterday: String,
    rotated: MomentOr,
    grace_until: Option<Moment>,
    /// When the secret before the last rotation was last used.
    old_secret_used: Option<Moment>,
}

#[derive(Template)]
#[template(path = "console/new_client.html")]
struct NewClientPage {
    frame: Frame,
    form_token: String,
    client_id: Field,
    note: Field,
    owner: Field,
}

#[derive(Template)]
#[template(path = "console/edit_client.html")]
struct EditClientPage {
    frame: Frame,
    form_token: String,
    client_id: String,
    note: Field,
    owner: Field,
}

#[derive(Template)]
#[template(path = "console/rotate.html")]
struct RotatePage {
    frame: Frame,
    form_token: String,
    client_id: String,
    /// When the grace period of an older secret would have ended.
    grace_until: Option<Moment>,
}

/// The list.
pub async fn list(
    SuperuserSignedIn { signed_in, superuser }: SuperuserSignedIn,
    request: HttpRequest,
    state: State,
) -> PageResult {
    let listing = Listing::of(&request)?;
    let page = state.service.accounts.list_clients(listing.page, &superuser).await?;
    let row = |client: Client| Row {
        link: client_link(&client.client_id),
        client_id: client.client_id,
        note: client.details.note,
        owner: client.details.owner,
        last_used: moment_or(client.usage.last_used_at, "never"),
        requests_today: number(client.usage.requests_today),
        requests_yesterday: number(client.usage.requests_yesterday),
        rotated: moment_or(client.rotated_at, "never"),
        grace_until: client.grace_until.map(Moment),
        old_secret_used: client.usage.previous_secret_last_used_at.map(Moment),
    };
    let page = ClientsPage {
        frame: signed_in.frame("Clients", "clients"),
        pager: listing.pager(page.count)?,
        rows: page.results.into_iter().map(row).collect(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// The form for a new client.
pub async fn new(SuperuserSignedIn { signed_in, .. }: SuperuserSignedIn) -> PageResult {
    Ok(form_page(&signed_in, StatusCode::OK, "", &ClientDetails::default(), &FormFaults::default()))
}

/// Registers a client and shows its secret.
pub async fn create(
    PostedForm { by: SuperuserSignedIn { signed_in, superuser }, form }: PostedForm<SuperuserSignedIn>,
    request: HttpRequest,
    state: State,
) -> PageResult {
    let client_id = form.text("client_id");
    let details = ClientDetails { note: form.text("note"), owner: form.text("owner") };
    let created = state.service.accounts.create_client(&client_id, details.clone(), &superuser);
    match signed_in.run_once(&request, &form, &state, created).await? {
        Ok(secret) => Ok(secret_page(&signed_in, &client_id, &secret, &format!("{client_id} was registered."))),
        Err(error) => Ok(form_page(&signed_in, StatusCode::BAD_REQUEST, &client_id, &details, &FormFaults::of(error)?)),
    }
}

/// The form for what is written about a client.
pub async fn edit(
    SuperuserSignedIn { signed_in, superuser }: SuperuserSignedIn,
    client_id: web::Path<String>,
    state: State,
) -> PageResult {
    let client = state.service.accounts.client(&client_id, &superuser).await?;
    Ok(edit_page(&signed_in, StatusCode::OK, client.client_id, &client.details, &FormFaults::default()))
}

/// Changes what is written about a client.
pub async fn update(
    PostedForm { by: SuperuserSignedIn { signed_in, superuser }, form }: PostedForm<SuperuserSignedIn>,
    client_id: web::Path<String>,
    state: State,
) -> PageResult {
    let details = ClientDetails { note: form.text("note"), owner: form.text("owner") };
    let change = ClientDetailsChange { note: Some(details.note.clone()), owner: Some(details.owner.clone()) };
    match state.service.accounts.update_client(&client_id, change, &superuser).await {
        Ok(()) => {
            signed_in.notify(&state, format!("{client_id} was changed.")).await;
            Ok(see_other(CLIENTS))
        }
        Err(error) => {
            let faults = FormFaults::of(error)?;
            Ok(edit_page(&signed_in, StatusCode::BAD_REQUEST, client_id.into_inner(), &details, &faults))
        }
    }
}

/// Asks for confirmation, and how long the old secret stays valid.
pub async fn confirm_rotate(
    SuperuserSignedIn { signed_in, superuser }: SuperuserSignedIn,
    client_id: web::Path<String>,
    state: State,
) -> PageResult {
    let Client { client_id, grace_until, .. } = state.service.accounts.client(&client_id, &superuser).await?;
    let page = RotatePage {
        frame: signed_in.frame(&format!("Rotate {client_id}"), "clients"),
        form_token: signed_in.form_token(),
        client_id,
        grace_until: grace_until.map(Moment),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Gives a client a new secret and shows it.
pub async fn rotate(
    PostedForm { by: SuperuserSignedIn { signed_in, superuser }, form }: PostedForm<SuperuserSignedIn>,
    request: HttpRequest,
    client_id: web::Path<String>,
    state: State,
) -> PageResult {
    let options = RotateOptions { grace: grace_of(&form)?, ..RotateOptions::default() };
    let rotated = state.service.accounts.rotate_client(&client_id, options, &superuser);
    let RotatedClient { secret, old_until } = signed_in.run_once(&request, &form, &state, rotated).await??;
    let old = match old_until.map(Moment) {
        Some(until) => format!("the old one stays valid until {}", until.text()),
        None => "the old one no longer works".to_owned(),
    };
    Ok(secret_page(&signed_in, &client_id, &secret, &format!("{client_id} has a new secret; {old}.")))
}

/// Asks for confirmation.
pub async fn confirm_delete(
    SuperuserSignedIn { signed_in, superuser }: SuperuserSignedIn,
    client_id: web::Path<String>,
    state: State,
) -> PageResult {
    let client_id = state.service.accounts.client(&client_id, &superuser).await?.client_id;
    let page = Confirmation {
        frame: signed_in.frame(&format!("Delete {client_id}"), "clients"),
        form_token: signed_in.form_token(),
        question: format!("Delete {client_id}?"),
        sentence: "Every request with this client's secret will be refused.",
        back: CLIENTS.into(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Deletes a client.
pub async fn delete(
    PostedForm { by: SuperuserSignedIn { signed_in, superuser }, .. }: PostedForm<SuperuserSignedIn>,
    client_id: web::Path<String>,
    state: State,
) -> PageResult {
    state.service.accounts.delete_client(&client_id, &superuser).await?;
    signed_in.notify(&state, format!("{client_id} was deleted.")).await;
    Ok(see_other(CLIENTS))
}

fn details_fields(details: &ClientDetails, faults: &FormFaults) -> (Field, Field) {
    let note = Field::text("note", "Note", details.note.as_str()).hint("What the client is for").with(faults);
    let owner = Field::text("owner", "Owner", details.owner.as_str()).hint("Who runs it").with(faults);
    (note, owner)
}

fn edit_page(
    signed_in: &SignedIn,
    status: StatusCode,
    client_id: String,
    details: &ClientDetails,
    faults: &FormFaults,
) -> HttpResponse {
    let (note, owner) = details_fields(details, faults);
    let page = EditClientPage {
        frame: signed_in.frame(&client_id, "clients"),
        form_token: signed_in.form_token(),
        client_id,
        note,
        owner,
    };
    html(status, &page)
}

fn form_page(
    signed_in: &SignedIn,
    status: StatusCode,
    client_id: &str,
    details: &ClientDetails,
    faults: &FormFaults,
) -> HttpResponse {
    let (note, owner) = details_fields(details, faults);
    let hint = "The id that the service sends with its secret; visible ASCII characters without a colon";
    let page = NewClientPage {
        frame: signed_in.frame("New client", "clients"),
        form_token: signed_in.form_token(),
        client_id: Field::text("client_id", "Client id", client_id).required().autofocus().hint(hint).with(faults),
        note,
        owner,
    };
    html(status, &page)
}

fn secret_page(signed_in: &SignedIn, client_id: &str, secret: &ClientSecret, what: &str) -> HttpResponse {
    let page = SecretPage {
        frame: signed_in.frame("Client secret", "clients"),
        heading: format!("The secret of {client_id}"),
        sentence: format!("{what} The secret is shown only once: copy it now."),
        label: "Secret",
        secret: secret.expose().to_owned(),
        back: CLIENTS.into(),
        back_to: "Clients".into(),
    };
    html(StatusCode::OK, &page)
}
