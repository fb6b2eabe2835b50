//! Who follows the changes of this node: edges, and services with a verifier.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Uptime;
use crate::service::Introspect;

/// How long after its last request a follower is still listed.
const LISTED_FOR: Duration = Duration::from_hours(1);

/// A follower asks several times within its revocation bound. One that has not asked for this long is cut off, or has
/// ended.
const HEARD_WITHIN: Duration = Duration::from_mins(1);

/// How many followers are remembered at most. If there are more, those that are no longer heard are forgotten; the ones
/// that come later are not listed.
const MAX_LISTED: usize = 1_000;

/// Where a request for changes came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FollowerName {
    /// The client's id, or a user's name.
    pub name: String,
    /// The address that the requests come from.
    pub address: Option<IpAddr>,
    /// The program and its version, as it says.
    pub program: String,
}

/// One that follows this node's changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Where its requests come from.
    pub name: FollowerName,
    /// How long ago it asked last.
    pub asked_ago: Duration,
}

impl Follower {
    /// Whether it has asked recently.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.asked_ago < HEARD_WITHIN
    }
}

/// All of them.
#[derive(Default)]
pub struct Followers(Mutex<HashMap<FollowerName, Uptime>>);

impl Followers {
    fn note(&self, name: FollowerName, now: Uptime) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_LISTED && !all.contains_key(&name) {
            all.retain(|_, asked| now.since(*asked) < HEARD_WITHIN);
        }
        if all.len() < MAX_LISTED || all.contains_key(&name) {
            all.insert(name, now);
        }
    }

    fn list(&self, now: Uptime) -> Vec<Follower> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, asked| now.since(*asked) < LISTED_FOR);
        let mut listed: Vec<Follower> =
            all.iter().map(|(name, asked)| Follower { name: name.clone(), asked_ago: now.since(*asked) }).collect();
        listed.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        listed
    }
}

impl Introspect {
    /// Notes a request for changes.
    pub fn note_follower(&self, name: FollowerName) {
        self.followers.note(name, self.clock.uptime());
    }

    /// Who has asked this node for changes within the last hour, by name.
    #[must_use]
    pub fn list_followers(&self) -> Vec<Follower> {
        self.followers.list(self.clock.uptime())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_are_listed_for_an_hour_and_their_number_is_bounded() {
        let (followers, start) = (Followers::default(), Uptime::from_nanos(0));
        let name = |name: String| FollowerName { name, address: None, program: "jeton/1".into() };
        for number in 0..MAX_LISTED + 5 {
            followers.note(name(format!("{number:04}")), start);
        }
        let listed = followers.list(start);
        assert_eq!((listed.len(), listed[7].name.name.as_str()), (MAX_LISTED, "0007"));
        let later = start.after(Duration::from_mins(59));
        followers.note(name("0003".into()), later);
        assert_eq!(followers.list(later).len(), MAX_LISTED);
        let much_later = start.after(LISTED_FOR);
        let names: Vec<_> =
            followers.list(much_later).into_iter().map(|one| (one.name.name, one.asked_ago.as_secs())).collect();
        assert_eq!(names, [("0003".into(), 60)]);
    }

    #[test]
    fn among_very_many_those_that_are_no_longer_heard_are_forgotten() {
        let (followers, start) = (Followers::default(), Uptime::from_nanos(0));
        let name = |name: String| FollowerName { name, address: None, program: "jeton/1".into() };
        for number in 0..MAX_LISTED {
            followers.note(name(format!("{number:04}")), start);
        }
        let later = start.after(HEARD_WITHIN);
        followers.note(name("new".into()), later);
        let listed = followers.list(later);
        assert_eq!((listed.len(), listed[0].is_heard()), (1, true));
        assert!(!followers.list(later.after(HEARD_WITHIN))[0].is_heard());
    }
}
