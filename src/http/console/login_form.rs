//! A sign-in form: its fields, and how it is read, checked and tried.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::cookies::Cookie;
use super::form::{Form, FormFaults};
use super::form_key::FormKey;
use super::page::{Refusal, throttled, with_retry_after};
use super::widgets::Field;
use crate::domain::password::Password;
use crate::domain::user::{LoginBy, LoginName};
use crate::http::error::whole_seconds;
use crate::http::peer::client_address;
use crate::http::state::AppState;
use crate::logging::RequestContext;
use crate::service::{Error, Faults, Login, SignedIn};

/// The fields of the name and of the password. The first one that is to be filled in has the focus.
pub fn login_fields(label: &'static str, username: &str, faults: &FormFaults) -> (Field, Field) {
    let name = Field::text("username", label, username).autocomplete("username").required().with(faults);
    let password = Field::password("Password", "current-password").required().with(faults);
    if username.is_empty() { (name.autofocus(), password) } else { (name, password.autofocus()) }
}

/// A submitted sign-in form.
pub struct LoginForm {
    form: Form,
    is_own: bool,
}

/// Why the form is shown again.
pub struct NotSignedIn {
    pub status: StatusCode,
    pub faults: FormFaults,
    retry_after: Option<u64>,
}

impl NotSignedIn {
    fn new(status: StatusCode, faults: FormFaults) -> Self {
        Self { status, faults, retry_after: None }
    }

    /// The form's page, with the headers that belong to the refusal.
    pub fn answer(&self, page: HttpResponse) -> HttpResponse {
        match self.retry_after {
            Some(seconds) => with_retry_after(page, seconds),
            None => page,
        }
    }
}

impl LoginForm {
    /// Reads it. `cookie` is the one that the form is bound to.
    pub async fn read(
        request: &HttpRequest,
        payload: web::Payload,
        state: &AppState,
        cookie: Cookie,
    ) -> Result<Self, Refusal> {
        let form = Form::read(request, payload).await?;
        let is_own = FormKey::of(cookie, request, state).owns_form(&form);
        Ok(Self { form, is_own })
    }

    pub fn username(&self) -> String {
        self.form.text("username")
    }

    pub fn get(&self, name: &str) -> &str {
        self.form.get(name)
    }

    /// Signs in with `sign_in`, if the form comes from its own page and is complete.
    ///
    /// # Errors
    /// Errors that are not about the form.
    pub async fn sign_in<F>(
        &self,
        request: &HttpRequest,
        state: &AppState,
        by: LoginBy,
        sign_in: impl FnOnce(Login) -> F,
    ) -> Result<Result<SignedIn, NotSignedIn>, Refusal>
    where
        F: Future<Output = Result<SignedIn, Error>>,
    {
        if !self.is_own {
            let faults = non_field("This form was open for too long. Please try again.");
            return Ok(Err(NotSignedIn::new(StatusCode::FORBIDDEN, faults)));
        }
        let (username, password) = (self.username(), self.form.get("password"));
        let mut faults = Faults::default();
        for (field, text) in [("username", username.as_str()), ("password", password)] {
            if text.is_empty() {
                faults.add(field, "This field is required.");
            }
        }
        if let Err(error) = faults.into_result() {
            return Ok(Err(NotSignedIn::new(StatusCode::BAD_REQUEST, FormFaults::of(error)?)));
        }
        let login = Login {
            name: LoginName { text: username, by },
            password: Password::new(password.to_owned()),
            address: client_address(request, state),
        };
        match sign_in(login).await {
            Ok(signed_in) => {
                RequestContext::set_user(&signed_in.username);
                Ok(Ok(signed_in))
            }
            Err(Error::Throttled(wait)) => {
                let refused = NotSignedIn::new(StatusCode::TOO_MANY_REQUESTS, non_field(&throttled(wait)));
                Ok(Err(NotSignedIn { retry_after: Some(whole_seconds(wait)), ..refused }))
            }
            Err(error) => Ok(Err(NotSignedIn::new(StatusCode::BAD_REQUEST, FormFaults::of(error)?))),
        }
    }
}

fn non_field(sentence: &str) -> FormFaults {
    let mut faults = Faults::default();
    faults.add(Faults::NON_FIELD, sentence);
    faults.into()
}
