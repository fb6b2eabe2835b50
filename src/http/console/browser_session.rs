//! The session of a signed-in browser: its form tokens, its forms, its notice.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;

use super::form::Form;
use super::page::Refusal;
use crate::domain::session::SessionKey;
use crate::http::state::AppState;
use crate::service::{Error, Once};

const SENT_ALREADY: &str = "This form was sent already, and its action is done. A key or a secret is shown only once: \
                            if you did not copy it, open the page again and create another.";

/// The session of a signed-in browser.
pub struct BrowserSession(pub SessionKey);

impl BrowserSession {
    /// The token that each form of the session contains.
    pub fn form_token(&self) -> String {
        self.0.form_token()
    }

    /// Whether the form is of this session, by the token in it.
    pub fn owns_form(&self, form: &Form) -> bool {
        self.0.has_form_token(form.get(Form::TOKEN))
    }

    /// Shows a notice on the next page. If it cannot be saved, that is only logged, because the action itself is done.
    pub async fn notify(&self, state: &AppState, notice: impl Into<String>) {
        if let Err(error) = state.service.sign_in.set_notice(&self.0, notice.into()).await {
            log::log!(error.level(), "a notice was not saved: {error}");
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
        let form = self.0.form(request.path().trim_end_matches('/'), form.get(Form::TOKEN));
        match state.service.sign_in.run_once(&self.0, form, work).await? {
            Once::Done(done) => Ok(Ok(done)),
            Once::Failed(error) => Ok(Err(error)),
            Once::SentAlready => Err(Refusal::Page(StatusCode::CONFLICT, SENT_ALREADY.into())),
        }
    }

    /// Ends the session.
    pub async fn sign_out(&self, state: &AppState) -> Result<(), Refusal> {
        Ok(state.service.sign_in.sign_out(&self.0).await?)
    }
}
