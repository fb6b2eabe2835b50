//! The signed-in user of a page or a form.

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};
use percent_encoding::utf8_percent_encode;

use super::cookies::Cookie;
use super::form::Form;
use super::page::{CurrentUser, Frame, Refusal};
use super::widgets::user_link;
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::http::drf::pagination::QUOTED;
use crate::http::peer::client_address;
use crate::http::state::AppState;
use crate::logging::RequestContext;
use crate::service::{Caller, ChangeableUser, Error, Once, Rights, Staff};

const SENT_ALREADY: &str = "This form was sent already, and its action is done. A key or a secret is shown only once: \
                            if you did not copy it, reload the page and create another.";

/// A signed-in user.
pub struct SignedIn {
    key: SessionKey,
    user: User,
    notice: Option<String>,
    /// The user's rights, read from the database for this request.
    pub caller: Staff,
}

impl SignedIn {
    /// The signed-in user of this request.
    ///
    /// # Errors
    /// [`Refusal::SignIn`] when nobody is signed in.
    pub async fn of(request: &HttpRequest, state: &AppState) -> Result<Self, Refusal> {
        let is_page_view = *request.method() == Method::GET;
        if let Some(key) = Cookie::Session.sent(request, state)
            && let Some(session) = state.service.sign_in.session(&key, is_page_view).await?
        {
            RequestContext::set_user(&session.user.username);
            let caller = Caller::user(&session.user, client_address(request, state)).staff()?;
            return Ok(Self { key, user: session.user, notice: session.notice, caller });
        }
        let wanted = request.uri().path_and_query().map_or("/console/", |wanted| wanted.as_str());
        // After a form there is no page to return to.
        let next = if is_page_view && wanted.trim_end_matches('/') != "/console" {
            format!("?next={}", utf8_percent_encode(wanted, QUOTED))
        } else {
            String::new()
        };
        Err(Refusal::SignIn(format!("/console/sign-in{next}")))
    }

    /// The frame of a page for them.
    pub fn frame(&self, title: &str, section: &'static str) -> Frame {
        let who = CurrentUser {
            username: self.user.username.clone(),
            link: user_link(&self.user.username),
            is_superuser: self.is_superuser(),
            form_token: self.form_token(),
        };
        Frame { title: title.to_owned(), section, who: Some(who), notice: self.notice.clone() }
    }

    /// The token that each form of their session contains.
    pub fn form_token(&self) -> String {
        self.key.form_token()
    }

    pub fn is_superuser(&self) -> bool {
        self.caller.rights == Rights::Superuser
    }

    /// Whether the form is of their session, by the token in it.
    pub fn owns_form(&self, form: &Form) -> bool {
        self.key.has_form_token(form.get(Form::TOKEN))
    }

    /// A user whom they may change.
    ///
    /// # Errors
    /// As [`crate::service::Accounts::user_to_change`].
    pub async fn user_to_change(&self, state: &AppState, username: &str) -> Result<ChangeableUser, Error> {
        state.service.accounts.user_to_change(username, self.caller.clone()).await
    }

    /// Shows a notice on their next page. If it cannot be saved, that is only logged, because the action itself is
    /// done.
    pub async fn notify(&self, state: &AppState, notice: impl Into<String>) {
        if let Err(error) = state.service.sign_in.set_notice(&self.key, notice.into()).await {
            log::log!(error.level(), "a console notice was not saved: {error}");
        }
    }

    /// Runs a form's action only once. A form whose action failed may be sent again.
    ///
    /// # Errors
    /// 409 for a form that was used before; [`Error::Store`] if that cannot be checked.
    pub async fn run_once<T>(
        &self,
        request: &HttpRequest,
        form: &Form,
        state: &AppState,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, Refusal> {
        let form = self.key.form(request.path().trim_end_matches('/'), form.get(Form::TOKEN));
        match state.service.sign_in.run_once(&self.key, form, work).await? {
            Once::Done(done) => Ok(Ok(done)),
            Once::Failed(error) => Ok(Err(error)),
            Once::SentAlready => Err(Refusal::Page(StatusCode::CONFLICT, SENT_ALREADY.into())),
        }
    }

    /// Ends the session.
    pub async fn sign_out(&self, state: &AppState) -> Result<(), Refusal> {
        Ok(state.service.sign_in.sign_out(&self.key).await?)
    }
}

impl AsRef<Self> for SignedIn {
    fn as_ref(&self) -> &Self {
        self
    }
}
