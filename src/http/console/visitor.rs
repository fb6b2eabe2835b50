//! Who may open a page or send a form. The type of a handler's first parameter says it, and checks it.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::{LocalBoxFuture, Ready, ready};

use super::browser_session::BrowserSession;
use super::form::Form;
use super::page::Refusal;
use super::signed_in::SignedIn;
use crate::http::endpoint::Access;
use crate::http::extract::Anyone;
use crate::http::state::State;
use crate::service::{Caller, Superuser};

/// The type of a handler's first parameter.
pub trait Visitor {
    /// Who may visit the page.
    const ACCESS: Access;
}

/// The parameters of a handler, of which the first one is the visitor.
pub trait Parameters: FromRequest + 'static {
    /// Who may visit the page.
    const ACCESS: Access;
}

macro_rules! parameters {
    ($($part:ident)*) => {
        impl<First, $($part),*> Parameters for (First, $($part,)*)
        where
            Self: FromRequest + 'static,
            First: Visitor,
        {
            const ACCESS: Access = First::ACCESS;
        }
    };
}

parameters!();
parameters!(A);
parameters!(A B);
parameters!(A B C);

impl Visitor for Anyone {
    const ACCESS: Access = Access::Anyone;
}

impl FromRequest for Anyone {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

impl Visitor for SignedIn {
    const ACCESS: Access = Access::Staff;
}

impl FromRequest for SignedIn {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request, state(&request)).await })
    }
}

/// A signed-in superuser.
pub struct SuperuserSignedIn {
    /// The user of the session.
    pub signed_in: SignedIn,
    /// The same user as the caller of the service.
    pub superuser: Superuser,
}

impl Visitor for SuperuserSignedIn {
    const ACCESS: Access = Access::Superuser;
}

impl AsRef<BrowserSession> for SuperuserSignedIn {
    fn as_ref(&self) -> &BrowserSession {
        &self.signed_in
    }
}

impl FromRequest for SuperuserSignedIn {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::from_request(request, payload);
        Box::pin(async move {
            let signed_in = signed_in.await?;
            let superuser = Caller::clone(&signed_in.caller).superuser()?;
            Ok(Self { signed_in, superuser })
        })
    }
}

/// A form, and the user who sent it. The form is read only after the user is known, and its form token must be of their
/// session.
pub struct PostedForm<T> {
    /// Who sent it, such as a [`SignedIn`] or a [`SuperuserSignedIn`].
    pub by: T,
    /// The form.
    pub form: Form,
}

impl<T: Visitor> Visitor for PostedForm<T> {
    const ACCESS: Access = T::ACCESS;
}

impl<T> FromRequest for PostedForm<T>
where
    T: FromRequest<Error = Refusal> + AsRef<BrowserSession> + 'static,
{
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let same_origin = Form::require_same_origin(request);
        let by = T::from_request(request, payload);
        let body = web::Payload::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            same_origin?;
            let by = by.await?;
            let body = body.await.expect("a request has a body, perhaps an empty one");
            let form = Form::read_authenticated(&request, body).await?;
            if by.as_ref().owns_form(&form) { Ok(Self { by, form }) } else { Err(Refusal::invalid_form()) }
        })
    }
}

fn state(request: &HttpRequest) -> &State {
    request.app_data().expect("every application has its state")
}
