//! Who looks at a page, or sends a form of one.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, web};
use percent_encoding::utf8_percent_encode;

use super::cookies::Cookie;
use super::form::Form;
use super::page::{Frame, Refusal, Who};
use super::parts::user_link;
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::http::AppState;
use crate::http::drf::pages::QUOTED;
use crate::http::edge::client_address;
use crate::logging::Request;
use crate::service::{Caller, Error, Rights, Staff, Superuser};
use crate::store::FormUse;

const SENT_ALREADY: &str = "This form was sent already, and what it asks for was done. A key or a secret is shown that \
                            once: if it was not copied, open the page anew and make another.";

/// Somebody who is signed in.
pub struct Visitor {
    key: SessionKey,
    user: User,
    notice: Option<String>,
    /// Their rights, as the database has them at this request.
    pub caller: Staff,
}

impl Visitor {
    /// Round a page for them.
    pub fn frame(&self, title: &str, section: &'static str) -> Frame {
        let who = Who {
            username: self.user.username.clone(),
            link: user_link(&self.user.username),
            is_superuser: self.is_superuser(),
            form_token: self.form_token(),
        };
        Frame { title: title.to_owned(), section, who: Some(who), notice: self.notice.clone() }
    }

    /// What each form for them holds.
    pub fn form_token(&self) -> String {
        self.key.form_token()
    }

    pub fn is_superuser(&self) -> bool {
        self.caller.rights == Rights::Superuser
    }

    /// They as a superuser.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn superuser(&self) -> Result<Superuser, Error> {
        Caller::clone(&self.caller).superuser()
    }

    /// Has their next page say this. Where that fails, what was done is done, and no page may say that it was not.
    pub async fn notify(&self, state: &AppState, notice: impl Into<String>) {
        if let Err(error) = state.service.sign_in.set_notice(&self.key, notice.into()).await {
            log::log!(error.level(), "a notice of the console is lost: {error}");
        }
    }

    /// Does what a form asks for, once: whoever reloads the answer sends the form again. One of which nothing came, since
    /// it was refused, may be sent again.
    ///
    /// # Errors
    /// 409 for a form that was taken before; [`Error::Store`] when that cannot be found out.
    pub async fn once<T>(
        &self,
        request: &HttpRequest,
        form: &Form,
        state: &AppState,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<Result<T, Error>, Refusal> {
        let form = self.key.form(request.path().trim_end_matches('/'), form.get(Form::TOKEN));
        if state.service.sign_in.take_form(&self.key, form).await? == FormUse::NotAgain {
            return Err(Refusal::Page(StatusCode::CONFLICT, SENT_ALREADY.into()));
        }
        let done = work.await;
        if done.is_err()
            && let Err(error) = state.service.sign_in.give_form_back(form).await
        {
            log::log!(error.level(), "a form of the console cannot be sent again: {error}");
        }
        Ok(done)
    }

    /// Ends the session.
    pub async fn sign_out(&self, state: &AppState) -> Result<(), Refusal> {
        Ok(state.service.sign_in.sign_out(&self.key).await?)
    }
}

/// Who looks at this page.
///
/// # Errors
/// [`Refusal::SignIn`] when nobody is signed in.
pub async fn visitor(request: &HttpRequest, state: &AppState) -> Result<Visitor, Refusal> {
    let is_look = *request.method() == Method::GET;
    if let Some(key) = Cookie::Session.sent(request, state)
        && let Some(session) = state.service.sign_in.session(&key, is_look).await?
    {
        Request::is_of_user(&session.user.username);
        let caller = Caller::user(&session.user, client_address(request, state)).staff()?;
        return Ok(Visitor { key, user: session.user, notice: session.notice, caller });
    }
    let wanted = request.uri().path_and_query().map_or("/console/", |wanted| wanted.as_str());
    // After a form there is nothing to go back to.
    let next = if is_look && wanted.trim_end_matches('/') != "/console" {
        format!("?next={}", utf8_percent_encode(wanted, QUOTED))
    } else {
        String::new()
    };
    Err(Refusal::SignIn(format!("/console/sign-in{next}")))
}

/// Who sends this form, and the form: one of a page that was made for their session.
///
/// # Errors
/// [`Refusal::SignIn`], and 403 for a form of another page.
pub async fn posted(
    request: &HttpRequest,
    payload: web::Payload,
    state: &AppState,
) -> Result<(Visitor, Form), Refusal> {
    Form::of_our_site(request)?;
    let visitor = visitor(request, state).await?;
    let form = Form::read_known(request, payload).await?;
    if !visitor.key.made(form.get(Form::TOKEN)) {
        return Err(Refusal::foreign_form());
    }
    Ok((visitor, form))
}
