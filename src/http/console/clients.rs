//! Clients, for superusers.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::form::FormFaults;
use super::listing::{Listing, Pager};
use super::page::{Frame, PageResult, html, see_other};
use super::signed_in::SignedIn;
use super::tokens::grace_of;
use super::visitor::{PostedForm, SuperuserSignedIn};
use super::widgets::{Confirmation, Field, Moment, MomentOr, SecretPage, client_link, moment_or};
use crate::domain::client::{Client, ClientSecret};
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
    created: Moment,
    rotated: MomentOr,
}

#[derive(Template)]
#[template(path = "console/new_client.html")]
struct NewClientPage {
    frame: Frame,
    form_token: String,
    client_id: Field,
}

#[derive(Template)]
#[template(path = "console/rotate.html")]
struct RotatePage {
    frame: Frame,
    form_token: String,
    client_id: String,
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
        created: Moment(client.created_at),
        rotated: moment_or(client.rotated_at, "never"),
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
    Ok(form_page(&signed_in, StatusCode::OK, "", &FormFaults::default()))
}

/// Registers a client and shows its secret.
pub async fn create(
    PostedForm { by: SuperuserSignedIn { signed_in, superuser }, form }: PostedForm<SuperuserSignedIn>,
    request: HttpRequest,
    state: State,
) -> PageResult {
    let client_id = form.text("client_id");
    let created = state.service.accounts.create_client(&client_id, &superuser);
    match signed_in.run_once(&request, &form, &state, created).await? {
        Ok(secret) => Ok(secret_page(&signed_in, &client_id, &secret, &format!("{client_id} was registered."))),
        Err(error) => Ok(form_page(&signed_in, StatusCode::BAD_REQUEST, &client_id, &FormFaults::of(error)?)),
    }
}

/// Asks for confirmation, and how long the old secret stays valid.
pub async fn confirm_rotate(
    SuperuserSignedIn { signed_in, superuser }: SuperuserSignedIn,
    client_id: web::Path<String>,
    state: State,
) -> PageResult {
    let client_id = state.service.accounts.client(&client_id, &superuser).await?.client_id;
    let page = RotatePage {
        frame: signed_in.frame(&format!("Rotate {client_id}"), "clients"),
        form_token: signed_in.form_token(),
        client_id,
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

fn form_page(signed_in: &SignedIn, status: StatusCode, client_id: &str, faults: &FormFaults) -> HttpResponse {
    let hint = "The id that the service sends with its secret; visible ASCII characters without a colon";
    let page = NewClientPage {
        frame: signed_in.frame("New client", "clients"),
        form_token: signed_in.form_token(),
        client_id: Field::text("client_id", "Client id", client_id).required().autofocus().hint(hint).with(faults),
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
