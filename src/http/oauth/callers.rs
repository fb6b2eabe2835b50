//! Who calls an OAuth endpoint, as handlers are given them: with the parameters of the body, which may say who it is.

use super::{OAuthCaller, Parameters, authenticate, body, read_introspection_body, require_introspector};
use crate::http::drf::body::{self as bodies, Data};
use crate::http::endpoint::{Access, Incoming, MayCall, Operation, Part};
use crate::http::error::HttpError;

/// The largest body of a batch, in bytes.
const MAX_BATCH_BODY: usize = 256 * 1024;

/// Somebody who may introspect, and their parameters.
pub struct Introspector(pub Parameters);

impl Part for Introspector {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let payload = incoming.payload();
        let (request, state) = (&incoming.request, incoming.state());
        let body = read_introspection_body(request, payload, state, bodies::MAX_BODY).await?;
        let parameters = Parameters::of(request, body);
        require_introspector(request, &parameters, state).await?;
        Ok(Self(parameters))
    }
}

impl MayCall for Introspector {
    const ACCESS: Access = Access::Introspector;
}

/// Somebody who may introspect, and a body that holds more than parameters; what it says may be nothing that can be read.
pub struct BatchIntrospector(pub Result<Data, HttpError>);

impl Part for BatchIntrospector {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let payload = incoming.payload();
        let (request, state) = (&incoming.request, incoming.state());
        let body = read_introspection_body(request, payload, state, MAX_BATCH_BODY).await?;
        let data = bodies::parse(request, body);
        let parameters = match &data {
            Ok(Data::Fields { fields, .. }) => Parameters::of_fields(fields),
            _ => Parameters::default(),
        };
        require_introspector(request, &parameters, state).await?;
        parameters.checked()?;
        Ok(Self(data))
    }
}

impl MayCall for BatchIntrospector {
    const ACCESS: Access = Access::Introspector;
}

/// Somebody who asks for a revocation, and their parameters.
pub struct Revoking {
    /// Who.
    pub caller: OAuthCaller,
    /// What they sent.
    pub parameters: Parameters,
}

impl Part for Revoking {
    fn describe(operation: Operation) -> Operation {
        operation.reads_body()
    }

    async fn take(incoming: &mut Incoming) -> Result<Self, HttpError> {
        let payload = incoming.payload();
        let (request, state) = (&incoming.request, incoming.state());
        let body = body(request, payload, state, bodies::MAX_BODY).await?;
        let parameters = Parameters::of(request, body);
        let caller = authenticate(request, &parameters, state).await?;
        Ok(Self { caller, parameters })
    }
}

impl MayCall for Revoking {
    const ACCESS: Access = Access::Revoker;
}
