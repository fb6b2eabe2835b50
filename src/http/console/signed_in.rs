//! The signed-in user of a page or a form.

use std::ops::Deref;

use actix_web::HttpRequest;
use actix_web::http::Method;
use percent_encoding::utf8_percent_encode;

use super::browser_session::BrowserSession;
use super::cookies::Cookie;
use super::ended_session::{page_of_form, query_after};
use super::frame::{CONSOLE, CurrentUser, Frame};
use super::page::Refusal;
use super::widgets::user_link;
use crate::domain::rights::Rights;
use crate::domain::session::SessionKind;
use crate::domain::user::User;
use crate::http::drf::pagination::QUOTED;
use crate::http::peer::client_address;
use crate::http::state::AppState;
use crate::logging::RequestContext;
use crate::service::{Caller, ChangeableUser, Error, Staff};

/// A signed-in user.
pub struct SignedIn {
    session: BrowserSession,
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
            && let Some(session) = state.service.sign_in.session(&key, SessionKind::Console, is_page_view).await?
        {
            RequestContext::set_user(&session.user.username);
            let caller = Caller::user(&session.user, client_address(request, state)).staff()?;
            return Ok(Self { session: BrowserSession(key), user: session.user, notice: session.notice, caller });
        }
        // The page to return to. The sign-in checks where it leads, because a browser may say anything.
        let next =
            if is_page_view { request.uri().path_and_query().map(ToString::to_string) } else { page_of_form(request) };
        let next = next.filter(|next| next.trim_end_matches('/') != "/console");
        let next = next.map(|next| format!("next={}", utf8_percent_encode(&next, QUOTED)));
        let query: Vec<_> = query_after(request).map(str::to_owned).into_iter().chain(next).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        Err(Refusal::SignIn(format!("/console/sign-in{mark}{}", query.join("&"))))
    }

    /// The frame of a page for them.
    pub fn frame(&self, title: &str, section: &'static str) -> Frame {
        let who = CurrentUser {
            username: self.user.username.clone(),
            link: user_link(&self.user.username),
            link_title: "Your own account",
            rights: self.caller.rights,
            form_token: self.form_token(),
        };
        Frame { root: CONSOLE, title: title.to_owned(), section, who: Some(who), notice: self.notice.clone() }
    }

    pub fn is_superuser(&self) -> bool {
        self.caller.rights == Rights::Superuser
    }

    /// A user whom they may change.
    ///
    /// # Errors
    /// As [`crate::service::Accounts::user_to_change`].
    pub async fn user_to_change(&self, state: &AppState, username: &str) -> Result<ChangeableUser, Error> {
        state.service.accounts.user_to_change(username, self.caller.clone()).await
    }
}

/// Whoever is signed in has a session.
impl Deref for SignedIn {
    type Target = BrowserSession;

    fn deref(&self) -> &BrowserSession {
        &self.session
    }
}

impl AsRef<BrowserSession> for SignedIn {
    fn as_ref(&self) -> &BrowserSession {
        self
    }
}
