//! `GET, POST /admin/users/` and `GET, PATCH, DELETE /admin/users/{username}`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::password::Password;
use crate::domain::profile::{Profile, ProfilePatch};
use crate::domain::user::{NewUser, UserChange, UserFilter, UserOrder};
use crate::http::error::HttpError;
use crate::http::fields::{Fields, NOT_A_BOOLEAN, Trim, boolean};
use crate::http::pages::ListQuery;
use crate::http::{AppState, body, caller, drf};
use crate::service::{Error, Faults, Rights, UserDraft, UserPatch};

/// A page of users: `?search=`, `?is_active=`, `?is_staff=`, `?is_superuser=`, `?group=`, `?ordering=`.
pub async fn list(request: HttpRequest, state: web::Data<AppState>) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    caller.require(Rights::Staff)?;
    let query = ListQuery::of(&request)?;
    let page = state.service.list_users(filter(&query)?, query.page, &caller).await?;
    Ok(drf::answer(StatusCode::OK, &query.answer(&request, &state, page)?))
}

fn filter(query: &ListQuery) -> Result<UserFilter, Error> {
    let mut faults = Faults::default();
    let mut flag = |name: &str| {
        let word = query.get(name).trim();
        let flag = boolean(word);
        if flag.is_none() && !word.is_empty() {
            faults.add(name, NOT_A_BOOLEAN);
        }
        flag
    };
    let (is_active, is_staff, is_superuser) = (flag("is_active"), flag("is_staff"), flag("is_superuser"));
    faults.into_result()?;
    let group = Some(query.get("group")).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    let order = UserOrder::parse(query.get("ordering").trim());
    Ok(UserFilter { search: query.get("search").to_owned(), is_active, is_staff, is_superuser, group, order })
}

/// Makes a user.
pub async fn create(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    caller.require(Rights::Staff)?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let username = fields.required_text("username", Trim::Yes);
    let password = Password::new(fields.required_text("password", Trim::No));
    let wanted = optional(&mut fields);
    let user = NewUser {
        username,
        profile: Profile::from_fn(|field| wanted.profile.get(field).clone().unwrap_or_default()),
        is_active: wanted.is_active.unwrap_or(true),
        is_staff: wanted.is_staff.unwrap_or(false),
        is_superuser: wanted.is_superuser.unwrap_or(false),
        groups: wanted.groups.unwrap_or_default(),
        password: Some(password),
    };
    let draft = UserDraft { user, unread: fields.faults() };
    let user = state.service.create_user(draft, &caller).await?;
    Ok(drf::answer(StatusCode::CREATED, &user))
}

/// What a body says of a user; all of it may be left out.
fn optional(fields: &mut Fields<'_>) -> UserChange {
    UserChange {
        username: None,
        profile: ProfilePatch::from_fn(|field| fields.optional_text(field.name())),
        is_active: fields.optional_bool("is_active"),
        is_staff: fields.optional_bool("is_staff"),
        is_superuser: fields.optional_bool("is_superuser"),
        groups: fields.optional_texts("groups"),
    }
}

/// One user.
pub async fn show(
    request: HttpRequest,
    username: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    Ok(drf::answer(StatusCode::OK, &state.service.user(&username, &caller).await?))
}

/// Changes the fields that the body has.
pub async fn update(
    request: HttpRequest,
    username: web::Path<String>,
    payload: web::Payload,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    state.service.require_power_over(&username, &caller).await?;
    let body = body::read_known(&request, payload, body::MAX_BODY).await?;
    let data = body::parse(&request, body)?;
    let mut fields = Fields::of(&data)?;
    let new_name = fields.given_text("username", Trim::Yes);
    let change = UserChange { username: new_name, ..optional(&mut fields) };
    let patch = UserPatch { change, edition: None, unread: fields.faults() };
    Ok(drf::answer(StatusCode::OK, &state.service.update_user(&username, patch, &caller).await?))
}

/// Deletes a user with all of their tokens.
pub async fn delete(
    request: HttpRequest,
    username: web::Path<String>,
    state: web::Data<AppState>,
) -> Result<HttpResponse, HttpError> {
    let caller = caller::caller(&request, &state).await?;
    state.service.delete_user(&username, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
