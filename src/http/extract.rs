//! What stands in handlers' signatures: who calls, what the path and the query say, and the body.

use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::caller;
use super::drf::body::{self, Data};
use super::drf::fields::Fields;
use super::drf::pagination::ListQuery;
use super::drf::query::Query;
use super::endpoint::{Access, Incoming, MayCall, Operation, Part};
use super::error::HttpError;
use super::state::State;
use crate::service::{Caller, Error, Holder, LoginHolder, Staff, Superuser};

/// Everybody may call.
pub struct Anyone;

impl Part for Anyone {
    async fn take(_: &mut Incoming) -> Result<Self, HttpError> {
        Ok(Self)
    }
}

impl MayCall for Anyone {
    const ACCESS: Access = Access::Anyone;
}

/// Whoever holds a live token, as the database has them now.
pub struct TokenHolder {
    /// They, and the token.
    pub holder: Holder,
    /// They as somebody who asks for a change.
    pub caller: Caller,
}

impl Part for TokenHolder {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let (holder, caller) = caller::holder(&incoming.request, incoming.state()).await?;
        Ok(Self { holder, caller })
    }
}

impl MayCall for TokenHolder {
    const ACCESS: Access = Access::TokenHolder;
}

impl Part for LoginHolder {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let TokenHolder { holder, caller } = TokenHolder::take(incoming).await?;
        Ok(Self::new(holder, caller)?)
    }
}

impl MayCall for LoginHolder {
    const ACCESS: Access = Access::LoginHolder;
}

impl Part for Staff {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(TokenHolder::take(incoming).await?.caller.staff()?)
    }
}

impl MayCall for Staff {
    const ACCESS: Access = Access::Staff;
}

impl Part for Superuser {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(TokenHolder::take(incoming).await?.caller.superuser()?)
    }
}

impl MayCall for Superuser {
    const ACCESS: Access = Access::Superuser;
}

/// Staff who may change the user whom the path names: who may not, or names nobody, is told so whatever else they sent.
pub struct PowerOver {
    /// Who asks.
    pub caller: Staff,
    /// Whom they name.
    pub username: String,
}

impl Part for PowerOver {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let caller = Staff::take(incoming).await?;
        let username = web::Path::<String>::take(incoming).await?.into_inner();
        incoming.state().service.accounts.require_power_over(&username, &caller).await?;
        Ok(Self { caller, username })
    }
}

impl MayCall for PowerOver {
    const ACCESS: Access = Access::Staff;
}

impl Part for HttpRequest {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(incoming.request.clone())
    }
}

impl Part for State {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(incoming.state().clone())
    }
}

impl<T: DeserializeOwned> Part for web::Path<T> {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Self::extract(&incoming.request).await.map_err(|_| Error::NotFound.into())
    }
}

/// The id of a token in the path; whatever is none is not found.
pub struct TokenId(pub i64);

impl TokenId {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| Error::NotFound)
    }
}

impl Part for TokenId {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(Self::parse(&web::Path::<String>::take(incoming).await?)?)
    }
}

impl Part for Query {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(Self::of(&incoming.request))
    }
}

impl Part for ListQuery {
    fn describe(operation: Operation) -> Operation {
        operation.paged()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Self::of(&incoming.request)
    }
}

/// The body of a caller who is known.
pub struct Body(Data);

impl Body {
    /// Its fields.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a body that has none.
    pub fn fields(&self) -> Result<Fields<'_>, Error> {
        Fields::of(&self.0)
    }
}

impl Part for Body {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let payload = incoming.payload();
        let body = body::read_authenticated(&incoming.request, payload, body::MAX_BODY).await?;
        Ok(Self(body::parse(&incoming.request, body)?))
    }
}

/// The body of a route that takes none. A body that is too large is refused all the same.
pub struct NoBody;

impl Part for NoBody {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let payload = incoming.payload();
        body::read_authenticated(&incoming.request, payload, body::MAX_BODY).await?;
        Ok(Self)
    }
}

/// The body of somebody who has not said yet who they are, for whoever reads it.
impl Part for web::Payload {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(incoming.payload())
    }
}
