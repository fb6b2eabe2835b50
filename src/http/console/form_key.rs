//! A form that is bound to the browser that was shown it, where nobody is signed in.

use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse};

use super::cookies::Cookie;
use super::form::Form;
use crate::domain::session::SessionKey;
use crate::http::state::AppState;

/// The browser's key, from its cookie or new.
pub struct FormKey {
    cookie: Cookie,
    key: SessionKey,
    is_new: bool,
}

impl FormKey {
    /// `cookie`: [`Cookie::Form`] or [`Cookie::AccountForm`].
    pub fn of(cookie: Cookie, request: &HttpRequest, state: &AppState) -> Self {
        match cookie.sent(request, state) {
            Some(key) => Self { cookie, key, is_new: false },
            None => Self { cookie, key: SessionKey::generate(), is_new: true },
        }
    }

    /// The token of the form.
    pub fn form_token(&self) -> String {
        self.key.form_token()
    }

    /// Whether a submitted form comes from a page that this browser was shown.
    pub fn owns_form(&self, form: &Form) -> bool {
        !self.is_new && self.key.has_form_token(form.get(Form::TOKEN))
    }

    /// The page, with the cookie if the browser has none yet.
    pub fn bind(&self, mut page: HttpResponse, request: &HttpRequest, state: &AppState) -> HttpResponse {
        if self.is_new {
            page.headers_mut().append(SET_COOKIE, self.cookie.set(&self.key, request, state));
        }
        page
    }
}
