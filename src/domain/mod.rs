//! The domain types: pure values, no input or output.
//!
//! Nothing here knows of HTTP, SQL or the environment. Secrets have their own types, whose `Debug` hides them.

pub mod audit;
pub mod change;
pub mod client;
pub mod database_hosts;
pub mod database_tls;
pub mod database_url;
mod digest;
pub mod django;
pub mod duration;
pub mod email;
pub mod folded;
pub mod group;
pub mod network;
pub mod node_name;
pub mod page;
pub mod password;
pub mod password_link;
pub mod password_rules;
pub mod profile;
pub mod random;
pub mod random_key;
pub mod rate;
pub mod rights;
pub mod safe_text;
pub mod scope;
pub mod secret_key;
pub mod session;
pub mod shadow;
pub mod time;
mod timestamp;
pub mod token;
pub mod user;
