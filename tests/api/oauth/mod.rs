//! `/introspect`, `/revoke`, `/auth/verify`: what services and gateways ask.

mod batch;
mod changes;
mod client_limits;
mod introspect;
mod introspect_callers;
mod metadata;
mod revoke;
mod verify;
