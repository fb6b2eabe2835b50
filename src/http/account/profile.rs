//! A user's own record, and the form for the fields that they may change.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::signed_in::{SignedIn, refusal};
use crate::domain::profile::{Profile, ProfileField, ProfilePatch};
use crate::domain::user::{User, UserChange};
use crate::http::console::form::FormFaults;
use crate::http::console::frame::Frame;
use crate::http::console::page::{PageResult, Refusal, html, see_other};
use crate::http::console::user_form::as_submitted;
use crate::http::console::visitor::PostedForm;
use crate::http::console::widgets::{Field, Moment, MomentOr, moment_or};
use crate::http::state::{AppState, State};
use crate::service::Error;

#[derive(Template)]
#[template(path = "account/profile.html")]
struct ProfilePage {
    frame: Frame,
    form_token: String,
    facts: Vec<(&'static str, String)>,
    joined: Moment,
    last_login: MomentOr,
    user: User,
    fields: Vec<Field>,
}

/// The page.
pub async fn show(signed_in: SignedIn, state: State) -> PageResult {
    let profile = signed_in.user().profile.clone();
    Ok(page(&state, &signed_in, StatusCode::OK, &profile, &FormFaults::default()))
}

/// Changes the fields that users may change.
pub async fn save(PostedForm { by: signed_in, form }: PostedForm<SignedIn>, state: State) -> PageResult {
    let own = state.service.policy.own_profile_fields();
    if own.is_empty() {
        return Err(Refusal::not_found());
    }
    let known = &signed_in.user().profile;
    let sent = Profile::from_fn(|field| form.text(field.name()));
    // Imported text may not survive a form, and saving an unchanged form must not change the user.
    let is_new = |field: ProfileField| own.contains(&field) && *sent.get(field) != as_submitted(known.get(field));
    let change = UserChange {
        profile: ProfilePatch::from_fn(|field| is_new(field).then(|| sent.get(field).clone())),
        ..UserChange::default()
    };
    match state.service.accounts.update_me(&signed_in.account, change.into()).await {
        Ok(_) => {
            signed_in.notify(&state, "Saved.").await;
            Ok(see_other("/account/profile"))
        }
        Err(Error::Invalid(faults)) => Ok(page(&state, &signed_in, StatusCode::BAD_REQUEST, &sent, &faults.into())),
        Err(other) => Err(refusal(other)),
    }
}

fn page(
    state: &AppState,
    signed_in: &SignedIn,
    status: StatusCode,
    shown: &Profile,
    faults: &FormFaults,
) -> HttpResponse {
    let user = signed_in.user().clone();
    let own = state.service.policy.own_profile_fields();
    let facts = ProfileField::ALL.into_iter().filter(|field| !own.contains(field));
    let facts = facts.map(|field| (field.label(), user.profile.get(field).clone()));
    let field = |field: ProfileField| Field::text(field.name(), field.label(), shown.get(field)).with(faults);
    let page = ProfilePage {
        frame: signed_in.frame("Profile", "profile"),
        form_token: signed_in.form_token(),
        facts: facts.filter(|(_, text)| !text.is_empty()).collect(),
        joined: Moment(user.date_joined),
        last_login: moment_or(user.last_login, "never"),
        user,
        fields: own.into_iter().map(field).collect(),
    };
    html(status, &page)
}
