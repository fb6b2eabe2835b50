//! Submitted forms.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};

use super::page::Refusal;
use crate::http::drf::body::{self, Charset};
use crate::service::{Error, Faults};

/// The fields of a form.
pub struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// The field with the form token, which is bound to the session.
    pub const TOKEN: &'static str = "form_token";

    /// The field with the id of the user whom the page showed: somebody else may have the name by now.
    pub const USER: &'static str = "user_id";

    /// Checks that the form comes from the same origin, if the browser says where it comes from.
    ///
    /// # Errors
    /// 403.
    pub fn require_same_origin(request: &HttpRequest) -> Result<(), Refusal> {
        match request.headers().get("Sec-Fetch-Site") {
            Some(site) if site != "same-origin" => Err(Refusal::invalid_form()),
            _ => Ok(()),
        }
    }

    /// Reads a form of a browser that is not signed in.
    pub async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Self, Refusal> {
        Self::require_same_origin(request)?;
        Self::parse(request, &body::read(request, payload, body::MAX_BODY).await?)
    }

    /// Reads a form of a signed-in user. The form's origin has been checked.
    pub async fn read_authenticated(request: &HttpRequest, payload: web::Payload) -> Result<Self, Refusal> {
        Self::parse(request, &body::read_authenticated(request, payload, body::MAX_BODY).await?)
    }

    fn parse(request: &HttpRequest, body: &[u8]) -> Result<Self, Refusal> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") && !body.is_empty() {
            let sentence = "This page accepts only forms.";
            return Err(Refusal::Page(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence.into()));
        }
        let pairs = body::form(body, Charset::Known(encoding_rs::UTF_8));
        // Nobody types a null character, and PostgreSQL does not store it.
        if pairs.iter().any(|(_, value)| value.contains('\0')) {
            return Err(Refusal::Page(StatusCode::BAD_REQUEST, "Null characters are not allowed.".into()));
        }
        Ok(Self { pairs })
    }

    /// A field's text as sent; empty when it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.pairs.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// All texts of a field that may be sent several times, such as a group of check boxes. A browser sends each line end
    /// as two characters.
    pub fn all(&self, name: &str) -> Vec<String> {
        let sent = self.pairs.iter().filter(|(known, value)| known == name && !value.is_empty());
        sent.map(|(_, value)| value.replace("\r\n", "\n")).collect()
    }

    /// A field's text, trimmed.
    pub fn text(&self, name: &str) -> String {
        self.get(name).trim().to_owned()
    }

    /// Whether a check box was checked.
    pub fn is_checked(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }
}

/// The faults of a form, shown beside its fields.
#[derive(Clone, Default)]
pub struct FormFaults(Faults);

impl FormFaults {
    /// The faults of a refused form. Other errors are passed on.
    pub fn of(error: Error) -> Result<Self, Refusal> {
        match error {
            Error::Invalid(faults) => Ok(Self(faults)),
            other => Err(other.into()),
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.fields().is_empty()
    }

    /// The faults of one field, as one text.
    pub fn on(&self, name: &str) -> String {
        let messages = self.0.fields().iter().find(|(field, _)| field == name);
        messages.map_or_else(String::new, |(_, messages)| messages.join(" "))
    }

    /// The faults of one field, as those of another.
    pub fn moved(&self, from: &str, to: &str) -> Self {
        let mut faults = Faults::default();
        faults.add(to, self.on(from));
        Self(faults)
    }

    /// The faults that belong to no field.
    pub fn non_field(&self) -> String {
        self.on(Faults::NON_FIELD)
    }
}

impl From<Faults> for FormFaults {
    fn from(faults: Faults) -> Self {
        Self(faults)
    }
}
