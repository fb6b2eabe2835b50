//! What users do for themselves: log in and out, read their own record, manage their own tokens.

pub mod login;
pub mod logout;
pub mod me;
pub mod tokens;
