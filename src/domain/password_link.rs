//! Links with which users set a password: the key in the link, its stored digest, and how long a link is good.

use std::time::Duration;

use super::random_key::{KeyDigest, RandomKey};

/// How long a link is good, if nothing else is said.
pub const DEFAULT_LIFETIME: Duration = Duration::from_hours(1);
/// How long a link may be good.
pub const MAX_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// What a [`LinkKey`] opens.
#[derive(Clone, Copy)]
pub enum Link {}

/// The key in a link.
pub type LinkKey = RandomKey<Link>;

/// The digest by which a link is found.
pub type LinkDigest = KeyDigest<Link>;
