//! Extractors, the parameter types of handlers: the caller, the path, the query and the body.

use actix_web::web::{self, Bytes};
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::caller;
use super::drf::body::{self, Data};
use super::drf::fields::Fields;
use super::drf::pagination::ListQuery;
use super::drf::query::Query;
use super::endpoint::{Access, Extractor, Incoming, MayCall, Operation};
use super::error::HttpError;
use super::state::State;
use crate::service::{Caller, ChangeableUser, Error, Holder, LoginHolder, Staff, Superuser};

/// Everybody may call.
pub struct Anyone;

impl Extractor for Anyone {
    async fn take(_: &mut Incoming) -> Result<Self, HttpError> {
        Ok(Self)
    }
}

impl MayCall for Anyone {
    const ACCESS: Access = Access::Anyone;
}

/// The holder of a live token, read from the database.
pub struct TokenHolder {
    /// The user and the token.
    pub holder: Holder,
    /// The same user as the caller of a change.
    pub caller: Caller,
}

impl Extractor for TokenHolder {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let (holder, caller) = caller::holder(&incoming.request, incoming.state()).await?;
        Ok(Self { holder, caller })
    }
}

impl MayCall for TokenHolder {
    const ACCESS: Access = Access::TokenHolder;
}

impl Extractor for LoginHolder {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let TokenHolder { holder, caller } = TokenHolder::take(incoming).await?;
        Ok(Self::new(holder, caller)?)
    }
}

impl MayCall for LoginHolder {
    const ACCESS: Access = Access::LoginHolder;
}

impl Extractor for Staff {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(TokenHolder::take(incoming).await?.caller.staff()?)
    }
}

impl MayCall for Staff {
    const ACCESS: Access = Access::Staff;
}

impl Extractor for Superuser {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(TokenHolder::take(incoming).await?.caller.superuser()?)
    }
}

impl MayCall for Superuser {
    const ACCESS: Access = Access::Superuser;
}

/// A caller who may not change the user gets 403, and a path with an unknown name 404, before the body is read.
impl Extractor for ChangeableUser {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let caller = Staff::take(incoming).await?;
        let username = web::Path::<String>::take(incoming).await?;
        Ok(incoming.state().service.accounts.user_to_change(&username, caller).await?)
    }
}

impl MayCall for ChangeableUser {
    const ACCESS: Access = Access::Staff;
}

impl Extractor for HttpRequest {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(incoming.request.clone())
    }
}

impl Extractor for State {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(incoming.state().clone())
    }
}

impl<T: DeserializeOwned> Extractor for web::Path<T> {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Self::extract(&incoming.request).await.map_err(|_| Error::NotFound.into())
    }
}

/// The id of a token in the path. A text that is not a number gets 404.
pub struct TokenId(pub i64);

impl TokenId {
    /// Parses an id.
    pub fn parse(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| Error::NotFound)
    }
}

impl Extractor for TokenId {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(Self::parse(&web::Path::<String>::take(incoming).await?)?)
    }
}

impl Extractor for Query {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(Self::of(&incoming.request))
    }
}

impl Extractor for ListQuery {
    fn describe(operation: Operation) -> Operation {
        operation.paged()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Self::of(&incoming.request)
    }
}

/// The body of a request whose caller is authenticated.
pub struct Body(Data);

impl Body {
    /// Its fields.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a body without fields, such as a JSON list.
    pub fn fields(&self) -> Result<Fields<'_>, Error> {
        Fields::of(&self.0)
    }
}

impl Extractor for Body {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let payload = incoming.payload();
        let body = body::read_authenticated(&incoming.request, payload, incoming.body_limit).await?;
        Ok(Self(body::parse(&incoming.request, body)?))
    }
}

/// For a route that needs no body. A body is read and ignored; one that is too large is refused.
pub struct NoBody;

impl Extractor for NoBody {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let payload = incoming.payload();
        body::read_authenticated(&incoming.request, payload, incoming.body_limit).await?;
        Ok(Self)
    }
}

/// The unread body of a caller who is not authenticated yet, for a handler that checks the request first.
pub struct UnreadBody {
    payload: web::Payload,
    limit: usize,
}

impl UnreadBody {
    /// Reads it.
    ///
    /// # Errors
    /// As [`body::read`].
    pub async fn read(self, request: &HttpRequest) -> Result<Bytes, HttpError> {
        body::read(request, self.payload, self.limit).await
    }
}

impl Extractor for UnreadBody {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        Ok(Self { payload: incoming.payload(), limit: incoming.body_limit })
    }
}
