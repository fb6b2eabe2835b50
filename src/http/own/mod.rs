//! What users do for themselves: log in and out, see who they are, keep tokens of their own.

pub mod login;
pub mod logout;
pub mod me;
pub mod tokens;
