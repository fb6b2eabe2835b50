//! `/introspect`, `/revoke`, `/auth/verify`: the endpoints that services and gateways call.

mod batch;
mod changes;
mod client_limits;
mod introspect;
mod introspect_callers;
mod metadata;
mod revoke;
mod verify;
