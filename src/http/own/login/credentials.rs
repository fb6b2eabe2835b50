//! Name and password in the body of a login, in the fields and with the messages of each package.

use super::challenge;
use crate::domain::password::Password;
use crate::domain::user::{LoginBy, LoginName};
use crate::http::drf::body::Data;
use crate::http::drf::fields::{Fields, Trim};
use crate::http::error::HttpError;
use crate::http::options::{LoginFormat, LoginOptions};
use crate::service::{AuthenticationFault, Error, Faults, LoginRefusal};

/// What a login sends.
pub struct Credentials {
    pub name: LoginName,
    pub password: Password,
}

impl Credentials {
    /// Reads the body of a login.
    ///
    /// # Errors
    /// 400 with the package's messages. In Knox's format 401 for a body without credentials.
    pub fn in_body(data: &Data, options: &LoginOptions) -> Result<Self, HttpError> {
        let is_sent = |name: &str| data.get(name).is_some();
        if options.format == LoginFormat::Knox && !["username", "email", "password"].into_iter().any(is_sent) {
            return Err(challenge::refused(AuthenticationFault::Missing));
        }
        // Where users log in by e-mail address, and `username` is not sent, the address may be in `email`.
        let field = match options.name_field() {
            "username" if options.by.takes_email() && !is_sent("username") && is_sent("email") => "email",
            other => other,
        };
        let by = if field == "email" { LoginBy::Email } else { options.by };
        let mut fields = Fields::of(data)?;
        Ok(match options.format {
            LoginFormat::Drf | LoginFormat::Knox => drf(fields, field, by)?,
            LoginFormat::Djoser => djoser(fields, field, by)?,
            LoginFormat::DjRestAuth => {
                let credentials = dj_rest_auth(&mut fields, options.by);
                fields.finish()?;
                credentials?
            }
        })
    }

    fn new(text: String, by: LoginBy, password: String) -> Self {
        Self { name: LoginName { text, by }, password: Password::new(password) }
    }
}

/// `rest_framework/authtoken/serializers.py::AuthTokenSerializer`.
fn drf(mut fields: Fields<'_>, field: &str, by: LoginBy) -> Result<Credentials, Error> {
    let name = fields.required_text(field, Trim::Yes);
    let password = fields.required_text("password", Trim::No);
    fields.finish()?;
    Ok(Credentials::new(name, by, password))
}

/// `djoser/serializers.py::TokenCreateSerializer`. A field that is left out is a failed login, and no fault.
fn djoser(mut fields: Fields<'_>, field: &str, by: LoginBy) -> Result<Credentials, Error> {
    let (password, name) = (fields.sent_text("password"), fields.sent_text(field));
    fields.finish()?;
    let (Some(name), Some(password)) = (name, password) else {
        return Err(Error::LoginRefused(LoginRefusal::UnknownUser));
    };
    Ok(Credentials::new(name, by, password))
}

/// `dj_rest_auth/serializers.py::LoginSerializer`, with django-allauth. If users may log in by either name, `username` may
/// hold an e-mail address, too.
fn dj_rest_auth(fields: &mut Fields<'_>, by: LoginBy) -> Result<Credentials, Error> {
    let username = fields.optional_text("username").filter(|text| !text.is_empty());
    let email = fields.optional_email("email").filter(|text| !text.is_empty());
    let password = fields.required_text("password", Trim::Yes);
    let username = username.filter(|_| by.takes_username()).map(|text| (text, by));
    let email = email.filter(|_| by.takes_email()).map(|text| (text, LoginBy::Email));
    let Some((name, by)) = email.or(username) else {
        let missing = match by {
            LoginBy::Username => "Must include \"username\" and \"password\".",
            LoginBy::Email => "Must include \"email\" and \"password\".",
            LoginBy::UsernameOrEmail => "Must include either \"username\" or \"email\" and \"password\".",
        };
        return Err(Error::invalid(Faults::NON_FIELD, missing));
    };
    Ok(Credentials::new(name, by, password))
}
