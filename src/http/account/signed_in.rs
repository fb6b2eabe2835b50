//! The signed-in user of a page or a form of `/account/`.

use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::domain::rights::Rights;
use crate::domain::session::SessionKind;
use crate::domain::user::User;
use crate::http::console::browser_session::BrowserSession;
use crate::http::console::cookies::Cookie;
use crate::http::console::ended_session::{NOT_DONE, query_after};
use crate::http::console::frame::{ACCOUNT, CurrentUser, Frame};
use crate::http::console::page::Refusal;
use crate::http::console::visitor::Visitor;
use crate::http::endpoint::Access;
use crate::http::peer::client_address;
use crate::http::state::{AppState, State};
use crate::logging::RequestContext;
use crate::service::{AccountHolder, Error};

/// Where users sign in.
pub const SIGN_IN: &str = "/account/sign-in";

/// A signed-in user.
pub struct SignedIn {
    session: BrowserSession,
    notice: Option<String>,
    /// The user, read from the database for this request.
    pub account: AccountHolder,
}

impl SignedIn {
    async fn of(request: &HttpRequest, state: &AppState, take_notice: bool) -> Result<Self, Refusal> {
        if let Some(key) = Cookie::AccountSession.sent(request, state)
            && let Some(session) = state.service.sign_in.session(&key, SessionKind::Account, take_notice).await?
        {
            RequestContext::set_user(&session.user.username);
            let account = AccountHolder::signed_in(&key, session.user, client_address(request, state));
            return Ok(Self { session: BrowserSession(key), notice: session.notice, account });
        }
        Err(Refusal::SignIn(query_after(request).map_or_else(|| SIGN_IN.into(), |query| format!("{SIGN_IN}?{query}"))))
    }

    /// Whoever is signed in, if a page shows them without being theirs alone.
    ///
    /// # Errors
    /// [`Refusal::SignIn`] when nobody is signed in.
    pub async fn without_notice(request: &HttpRequest, state: &AppState) -> Result<Self, Refusal> {
        Self::of(request, state, false).await
    }

    /// The frame of a page for them.
    pub fn frame(&self, title: &str, section: &'static str) -> Frame {
        let who = CurrentUser {
            username: self.user().username.clone(),
            link: "/account/profile".into(),
            link_title: "Your profile",
            rights: self.account.caller().rights,
            form_token: self.form_token(),
        };
        Frame { root: ACCOUNT, title: title.to_owned(), section, who: Some(who), notice: self.notice.clone() }
    }

    pub fn user(&self) -> &User {
        self.account.user()
    }

    pub fn is_staff(&self) -> bool {
        self.account.caller().rights >= Rights::Staff
    }
}

/// The refusal of a form. If its session has ended meanwhile, its sender signs in again.
pub fn refusal(error: Error) -> Refusal {
    match error {
        Error::NotAuthenticated(_) => Refusal::SignIn(format!("{SIGN_IN}?{NOT_DONE}")),
        other => other.into(),
    }
}

impl Visitor for SignedIn {
    const ACCESS: Access = Access::SignedIn;
}

impl FromRequest for SignedIn {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let state: &State = request.app_data().expect("every application has its state");
            Self::of(&request, state, *request.method() == Method::GET).await
        })
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
