//! `/logout/`, `/me`, `/tokens/`: what users do for themselves.

mod logout;
mod me;
mod me_password;
mod me_update;
mod tokens;
mod tokens_made;
