//! The callers of OAuth endpoints, as extractors. All but [`HeadIntrospector`] also read the body, because its parameters
//! may contain the caller's credentials.

use actix_web::http::header::USER_AGENT;

use super::sent_body::{SentBody, caller};
use super::{OAuthCaller, Parameters, authenticate, require_introspector};
use crate::domain::safe_text::{cut, visible};
use crate::domain::token::UsedBy;
use crate::http::drf::body::{self as bodies, Data};
use crate::http::endpoint::{Access, Extractor, Incoming, MayCall, Operation};
use crate::http::error::HttpError;
use crate::http::peer::client_address;
use crate::service::{CheckCaller, FollowerName};

/// How much of `User-Agent` is shown, in characters.
const MAX_PROGRAM: usize = 60;

/// Somebody who may introspect, and their parameters.
pub struct Introspector {
    /// What they sent.
    pub parameters: Parameters,
    /// Who it is.
    pub used_by: UsedBy,
}

impl Extractor for Introspector {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let SentBody { body, in_head } = SentBody::of_introspector(incoming).await?;
        let (request, state) = (&incoming.request, incoming.state());
        let parameters = Parameters::of(request, body);
        let used_by = require_introspector(&caller(in_head, request, &parameters, state).await?)?;
        Ok(Self { parameters, used_by })
    }
}

impl MayCall for Introspector {
    const ACCESS: Access = Access::Introspector;
}

/// Somebody who may introspect, by the credentials in the head.
pub struct HeadIntrospector {
    /// Who it is.
    pub name: FollowerName,
}

impl Extractor for HeadIntrospector {
    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let (request, state) = (&incoming.request, incoming.state());
        let caller = authenticate(request, &Parameters::default(), state).await?;
        require_introspector(&caller)?;
        let agent = request.headers().get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let name = FollowerName {
            name: match caller {
                OAuthCaller::Client(client) => client.id,
                OAuthCaller::User(identity) => identity.username.clone(),
                OAuthCaller::Nobody => String::new(),
            },
            address: client_address(request, state),
            program: cut(&visible(&agent.unwrap_or_default()), MAX_PROGRAM),
        };
        Ok(Self { name })
    }
}

impl MayCall for HeadIntrospector {
    const ACCESS: Access = Access::Introspector;
}

/// Somebody who may introspect, and the body of a batch.
pub struct BatchIntrospector {
    /// The body, or why it cannot be parsed.
    pub data: Result<Data, HttpError>,
    /// Who sent it.
    pub caller: CheckCaller,
    /// The same, as the one who uses the tokens.
    pub used_by: UsedBy,
}

impl Extractor for BatchIntrospector {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let SentBody { body, in_head } = SentBody::of_introspector(incoming).await?;
        let (request, state) = (&incoming.request, incoming.state());
        let data = bodies::parse(request, body);
        let parameters = match &data {
            Ok(Data::Fields { fields, .. }) => Parameters::of_fields(fields),
            _ => Parameters::default(),
        };
        let caller = caller(in_head, request, &parameters, state).await?;
        let used_by = require_introspector(&caller)?;
        parameters.checked()?;
        let caller = CheckCaller { name: caller.name(), address: client_address(request, state) };
        Ok(Self { data, caller, used_by })
    }
}

impl MayCall for BatchIntrospector {
    const ACCESS: Access = Access::Introspector;
}

/// Somebody who asks for a revocation, and their parameters.
pub struct RevokeRequest {
    /// Who calls.
    pub caller: OAuthCaller,
    /// What they sent.
    pub parameters: Parameters,
}

impl Extractor for RevokeRequest {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let SentBody { body, in_head } = SentBody::of(incoming).await?;
        let (request, state) = (&incoming.request, incoming.state());
        let parameters = Parameters::of(request, body);
        let caller = caller(in_head, request, &parameters, state).await?;
        Ok(Self { caller, parameters })
    }
}

impl MayCall for RevokeRequest {
    const ACCESS: Access = Access::Revoker;
}
