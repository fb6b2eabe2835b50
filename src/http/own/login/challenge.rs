//! The challenge of Knox's login, which takes HTTP Basic.

use crate::http::error::HttpError;
use crate::service::AuthenticationFault;

/// DRF's challenge.
const CHALLENGE: &str = "Basic realm=\"api\"";

/// 401, with the challenge.
pub fn refused(fault: AuthenticationFault) -> HttpError {
    HttpError::NotAuthenticated(fault, vec![CHALLENGE.to_owned()])
}
