//! `/admin/users/`.

use serde_json::json;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder};

use super::operation::Op;
use super::parts::{BODIES, boolean, fields, text};
use crate::domain::profile::{MAX_NAME_CHARS, ProfileField};
use crate::domain::user::{MAX_USERNAME_CHARS, User};

const PATH: &str = "/admin/users/{username}";
const LAST: &str = "The last active superuser cannot be removed.";

pub fn operations() -> Vec<Op> {
    vec![list(), create(), show(), update(), delete(), set_password()]
}

fn list() -> Op {
    let orders = ["id", "-id", "username", "-username", "date_joined", "-date_joined"];
    Op::get("/admin/users/", "list_users", "A page of users")
        .query("search", text(), "Words, each of which is in a name or in the e-mail address.")
        .query("is_active", boolean(), "Who may log in, or may not.")
        .query("is_staff", boolean(), "Staff, or not.")
        .query("is_superuser", boolean(), "Superusers, or not.")
        .query("group", text(), "Who is in this group.")
        .query("ordering", text().enum_values(Some(orders)), "What they are sorted by.")
        .paged()
        .answers_page::<User>("The page.")
        .for_staff()
        .refuses_bad_parameters("is_staff", "Must be a valid boolean.")
}

/// The fields that a user is made of, and changed by.
fn user() -> ObjectBuilder {
    let group = text().min_length(Some(1)).max_length(Some(MAX_NAME_CHARS));
    let groups = ArrayBuilder::new().items(group);
    let username = text()
        .min_length(Some(1))
        .max_length(Some(MAX_USERNAME_CHARS))
        .pattern(Some("^[\\w.@+-]+$"))
        .description(Some("Letters and digits of any script, and `@.+-_`."));
    let profile = ProfileField::ALL.into_iter().fold(fields().property("username", username), |fields, field| {
        let schema = text().description(Some(field.description())).max_length(Some(field.max_chars()));
        fields.property(field.name(), schema)
    });
    profile
        .property("is_active", boolean())
        .property("is_staff", boolean().description(Some("Only a superuser may set it.")))
        .property("is_superuser", boolean().description(Some("Implies staff. Only a superuser may set it.")))
        .property("groups", groups.description(Some("Names; unknown groups are made.")))
}

fn password() -> ObjectBuilder {
    text()
        .format(Some(super::format("password")))
        .min_length(Some(8))
        .description(Some("At most 4,096 bytes; not all digits, not common, not like the user's other fields."))
}

fn create() -> Op {
    let body = user().property("password", password()).required("username").required("password");
    let example = json!({ "username": "alice", "password": "a tall ship and a star", "groups": ["billing"] });
    Op::post("/admin/users/", "create_user", "Make a user")
        .describe("Only a superuser may make staff.")
        .body(BODIES, body, &example)
        .answers::<User>(201, "The user.")
        .for_staff()
        .refuses_bad_fields("username", "A user with that username already exists.")
}

fn show() -> Op {
    Op::get(PATH, "user", "One user")
        .answers::<User>(200, "The user.")
        .for_staff()
        .may_not_exist("There is no such user.")
}

fn update() -> Op {
    Op::new(HttpMethod::Patch, PATH, "update_user", "Change a user")
        .describe("What the body does not name stays. Staff may not change staff and superusers, superusers may.")
        .body(BODIES, user(), &json!({ "email": "alice@example.com", "is_active": false }))
        .body_may_be_missing()
        .answers::<User>(200, "The user as they are now.")
        .for_staff()
        .refuses_bad_fields("email", "Enter a valid email address.")
        .may_not_exist("There is no such user.")
        .refuses(409, "It would leave no active superuser.", LAST)
}

fn delete() -> Op {
    Op::delete(PATH, "delete_user", "Delete a user with all of their tokens")
        .answers_nothing(204, "They are gone.")
        .for_staff()
        .may_not_exist("There is no such user.")
        .refuses(409, "It would leave no active superuser.", LAST)
}

fn set_password() -> Op {
    let body = fields().property("password", password()).required("password");
    Op::post("/admin/users/{username}/password", "set_password", "Set a user's password")
        .describe("It revokes the user's login tokens.")
        .body(BODIES, body, &json!({ "password": "a tall ship and a star" }))
        .answers_nothing(204, "It is set.")
        .for_staff()
        .refuses_bad_fields("password", "This password is too common.")
        .may_not_exist("There is no such user.")
}
