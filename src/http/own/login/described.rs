//! The login in the OpenAPI document, as the settings shape it.

use serde_json::{Map, Value, json};
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Type};

use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::http::answer::Detail;
use crate::http::endpoint::{
    FORM, Header, JSON, MULTIPART, Operation, Security, fields, format, integer, properties, reference, text,
};
use crate::http::options::LOGIN_PATH;
use crate::http::options::{LoginFormat, LoginOptions};
use crate::service::{AuthenticationFault, Error, Faults, LoginRefusal};

const DRF: &str = "Django REST framework's `obtain_auth_token`, to the byte.";
const KNOX: &str = "Name and password by HTTP Basic, as at django-rest-knox's login, or in the body.";
const DJOSER: &str = "As djoser's `/token/login/`.";
const DJ_REST_AUTH: &str = "As dj-rest-auth's `/login/`.";

pub fn operation(options: &LoginOptions) -> Operation {
    let like = match options.format {
        LoginFormat::Drf => DRF,
        LoginFormat::Knox => KNOX,
        LoginFormat::Djoser => DJOSER,
        LoginFormat::DjRestAuth => DJ_REST_AUTH,
    };
    let refused = Error::LoginRefused(LoginRefusal::WrongPassword);
    let (credentials, example) = credentials(options);
    let mut operation = Operation::post(LOGIN_PATH, "login", "Get a token for a username and a password")
        .describe(format!(
            "{like} With `JETON_TOKEN_MODE=single` each login gets the same key until it is regenerated, revoked or \
             expires; with `multiple` each login gets a new one. `Accept: application/json; indent=4` indents the answer."
        ))
        .body(&[JSON, FORM, MULTIPART], credentials, &example);
    if options.format == LoginFormat::Knox {
        operation = operation.body_may_be_missing();
    }
    operation = operation
        .answers_fields(200, "The token.", answer_schema(options), answer_example(options))
        .secret()
        .refuses_bad_fields(Faults::NON_FIELD, &refused.to_string())
        .refuses_as("`JETON_TOKEN_LIMIT_PER_USER` is reached.", &Error::TokenLimit)
        .refuses(406, "The client does not accept JSON.", "Could not satisfy the request Accept header.")
        .counts_failures()
        .needs_database();
    if options.format == LoginFormat::Knox {
        operation = operation
            .secured(&[Security::Password, Security::None])
            .answers_with_example::<Detail>(
                401,
                "No credentials, or wrong ones in HTTP Basic.",
                &json!({ "detail": AuthenticationFault::InvalidPassword.to_string() }),
            )
            .with(Header::PasswordChallenge);
    }
    operation.add::<Timestamp>();
    operation
}

/// The fields of the body, and an example.
fn credentials(options: &LoginOptions) -> (ObjectBuilder, Value) {
    let password = text().format(Some(format("password")));
    let name = options.name_field();
    let trimmed = "Surrounding white space is removed.";
    let mut body = fields().property(name, text().description(Some(trimmed))).property("password", password);
    if options.by.takes_email() && name == "username" {
        body = body.property("email", text().description(Some("An e-mail address, in place of `username`.")));
    } else {
        body = body.required(name);
    }
    let value = if name == "email" { "alice@example.com" } else { "alice" };
    (body.required("password"), json!({ name: value, "password": "correct horse" }))
}

/// The fields of the answer: the key, and the fields of the user that `JETON_LOGIN_FIELDS` may add.
fn answer_schema(options: &LoginOptions) -> ObjectBuilder {
    let key = options.key_field();
    let answer = fields().property(key, text().description(Some("The key."))).required(key);
    if options.format != LoginFormat::Knox {
        return with_user_fields(answer.property("expiry", reference::<Timestamp>()));
    }
    let nothing = ObjectBuilder::new().schema_type(Type::Null);
    let expiry = OneOfBuilder::new().item(reference::<Timestamp>()).item(nothing);
    answer.property("expiry", expiry).required("expiry").property("user", with_user_fields(fields()))
}

fn with_user_fields(mut object: ObjectBuilder) -> ObjectBuilder {
    for (name, schema) in properties::<User>() {
        if User::login_field_names().contains(&name.as_str()) {
            object = object.property(name, schema);
        }
    }
    object.property("user_id", integer())
}

fn answer_example(options: &LoginOptions) -> Value {
    let mut answer = Map::new();
    if options.format == LoginFormat::Knox {
        answer.insert("expiry".into(), Value::Null);
    }
    answer.insert(options.key_field().into(), json!("9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"));
    Value::Object(answer)
}
