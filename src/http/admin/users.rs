//! `GET, POST /admin/users/` and `GET, PATCH, DELETE /admin/users/{username}`.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder};

use crate::domain::password::Password;
use crate::domain::password_rules::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
use crate::domain::profile::{MAX_NAME_CHARS, Profile, ProfileField, ProfilePatch};
use crate::domain::user::{MAX_USERNAME_CHARS, NewUser, USERNAME_PATTERN, User, UserChange, UserFilter, UserOrder};
use crate::http::answer;
use crate::http::drf;
use crate::http::drf::fields::{Fields, NOT_A_BOOLEAN, Trim};
use crate::http::drf::pagination::ListQuery;
use crate::http::endpoint::{BODIES, Endpoint, Operation, boolean, fields, format, text};
use crate::http::error::Answered;
use crate::http::extract::Body;
use crate::http::state::State;
use crate::service::messages::USERNAME_TAKEN;
use crate::service::{ChangeableUser, Error, Faults, Staff, UserDraft, UserPatch};
use crate::store::StoreError;

const PATH: &str = "/admin/users/{username}";

/// The endpoints of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let no_password = boolean().description(Some(
        "The user has no password, and cannot log in until one is set. `password` is left out then, and else required.",
    ));
    let new = user().property("password", password()).property("no_password", no_password).required("username");
    let example = json!({ "username": "alice", "password": "a tall ship and a star", "groups": ["billing"] });
    vec![
        Operation::get("/admin/users/", "list_users", "A page of users")
            .query("search", text(), "Words that must all occur in the names, the e-mail address or the external id, whatever the case and the accents.")
            .query("is_active", boolean(), "Only active users, or only inactive ones.")
            .query("is_staff", boolean(), "Only staff, or only others.")
            .query("is_superuser", boolean(), "Only superusers, or only others.")
            .query("group", text(), "Only members of this group.")
            .query("ordering", text().enum_values(Some(UserOrder::NAMED.map(|(name, _)| name))), "The order.")
            .answers_page::<User>("The page.")
            .refuses_bad_parameters("is_staff", NOT_A_BOOLEAN)
            .to(list),
        Operation::post("/admin/users/", "create_user", "Create a user")
            .describe(
                "Only a superuser may create staff. For an invitation, create the user with `no_password`, and send them a \
                 link of `password-link`.",
            )
            .body(BODIES, new, &example)
            .answers::<User>(201, "The user.")
            .refuses_bad_fields("username", USERNAME_TAKEN)
            .to(create),
        Operation::get(PATH, "user", "One user")
            .answers::<User>(200, "The user.")
            .may_not_exist("There is no such user.")
            .to(show),
        Operation::patch(PATH, "update_user", "Change a user")
            .describe(
                "Fields that are not in the body stay as they are. Only superusers may change staff and superusers.",
            )
            .body(BODIES, user(), &json!({ "email": "alice@example.com", "is_active": false }))
            .body_may_be_missing()
            .answers::<User>(200, "The user after the change.")
            .refuses_bad_fields("email", "Enter a valid email address.")
            .may_not_exist("There is no such user.")
            .refuses_as("It would leave no active superuser.", &StoreError::LastSuperuser.into())
            .revokes()
            .to(update),
        Operation::delete(PATH, "delete_user", "Delete a user and all of their tokens")
            .answers_nothing(204, "The user is deleted.")
            .may_not_exist("There is no such user.")
            .refuses_as("It would leave no active superuser.", &StoreError::LastSuperuser.into())
            .revokes()
            .to(delete),
    ]
}

/// The fields of a user, for creation and change.
fn user() -> ObjectBuilder {
    let group = text().min_length(Some(1)).max_length(Some(MAX_NAME_CHARS));
    let groups = ArrayBuilder::new().items(group);
    let username = text()
        .min_length(Some(1))
        .max_length(Some(MAX_USERNAME_CHARS))
        .pattern(Some(USERNAME_PATTERN))
        .description(Some("Letters and digits of any script, and `@.+-_`."));
    let profile = ProfileField::ALL.into_iter().fold(fields().property("username", username), |fields, field| {
        let schema = text().description(Some(field.description())).max_length(Some(field.max_chars()));
        fields.property(field.name(), schema)
    });
    profile
        .property("is_active", boolean())
        .property("is_staff", boolean().description(Some("Only a superuser may set it.")))
        .property("is_superuser", boolean().description(Some("Implies staff. Only a superuser may set it.")))
        .property("groups", groups.description(Some("Names of groups; unknown groups are created.")))
}

/// The schema of a new password.
pub fn password() -> ObjectBuilder {
    text().format(Some(format("password"))).min_length(Some(MIN_PASSWORD_CHARS)).description(Some(format!(
        "At most {MAX_PASSWORD_BYTES} bytes; not only digits, not common, not similar to the user's other fields."
    )))
}

/// A page of users: `?search=`, `?is_active=`, `?is_staff=`, `?is_superuser=`, `?group=`, `?ordering=`.
async fn list(caller: Staff, query: ListQuery, state: State) -> Answered {
    query.answer(&state, state.service.accounts.list_users(filter(&query)?, query.page, None, &caller).await?)
}

fn filter(query: &ListQuery) -> Result<UserFilter, Error> {
    let mut faults = Faults::default();
    let mut flag = |name: &str| {
        let word = query.get(name).trim();
        let flag = drf::fields::boolean(word);
        if flag.is_none() && !word.is_empty() {
            faults.add(name, NOT_A_BOOLEAN);
        }
        flag
    };
    let (is_active, is_staff, is_superuser) = (flag("is_active"), flag("is_staff"), flag("is_superuser"));
    faults.into_result()?;
    let group = Some(query.get("group")).filter(|name| !name.is_empty()).map(ToOwned::to_owned);
    let order = UserOrder::parse(query.get("ordering").trim());
    let search = query.get("search").to_owned();
    Ok(UserFilter { search, is_active, is_staff, is_superuser, group, order, ..UserFilter::default() })
}

/// Creates a user.
async fn create(caller: Staff, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let username = fields.required_text("username", Trim::Yes);
    let password = new_password(&mut fields);
    let wanted = optional_fields(&mut fields);
    let user = NewUser {
        username,
        profile: Profile::from_fn(|field| wanted.profile.get(field).clone().unwrap_or_default()),
        is_active: wanted.is_active.unwrap_or(true),
        is_staff: wanted.is_staff.unwrap_or(false),
        is_superuser: wanted.is_superuser.unwrap_or(false),
        groups: wanted.groups.unwrap_or_default(),
        password,
    };
    let draft = UserDraft { user, parse_faults: fields.faults() };
    let user = state.service.accounts.create_user(draft, &caller).await?;
    Ok(answer::json(StatusCode::CREATED, &user))
}

/// The password; none if the body says that there is none.
fn new_password(fields: &mut Fields<'_>) -> Option<Password> {
    if fields.optional_bool("no_password") != Some(true) {
        return Some(Password::new(fields.required_text("password", Trim::No)));
    }
    if fields.is_sent("password") {
        fields.fault("no_password", "Send either password or no_password, not both.");
    }
    None
}

/// The optional fields of a body.
fn optional_fields(fields: &mut Fields<'_>) -> UserChange {
    UserChange {
        username: None,
        profile: ProfilePatch::from_fn(|field| fields.optional_text(field.name())),
        is_active: fields.optional_bool("is_active"),
        is_staff: fields.optional_bool("is_staff"),
        is_superuser: fields.optional_bool("is_superuser"),
        groups: fields.optional_texts("groups"),
        external_id: None,
    }
}

/// One user.
async fn show(caller: Staff, username: web::Path<String>, state: State) -> Answered {
    Ok(answer::json(StatusCode::OK, &state.service.accounts.user(&username, &caller).await?))
}

/// Changes the fields that the body has.
async fn update(target: ChangeableUser, body: Body, state: State) -> Answered {
    let mut fields = body.fields()?;
    let new_name = fields.non_blank_text("username", Trim::Yes);
    let change = UserChange { username: new_name, ..optional_fields(&mut fields) };
    let patch = UserPatch { change, edition: None, parse_faults: fields.faults() };
    Ok(answer::json(StatusCode::OK, &state.service.accounts.update_user(&target, patch).await?))
}

/// Deletes a user with all of their tokens.
async fn delete(target: ChangeableUser, state: State) -> Answered {
    state.service.accounts.delete_user(&target).await?;
    Ok(HttpResponse::NoContent().finish())
}
