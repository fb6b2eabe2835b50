//! What a reading does to the cache, whichever request it answers.

use super::*;
use crate::domain::change::Change;
use crate::domain::client::ClientSecret;
use crate::domain::time::Timestamp;
use crate::domain::token::TokenDigest;
use crate::service::cache::{NewEntry, Now, Staleness, TokenIds};
use crate::upstream::UpstreamOptions;

const BOUND: Duration = Duration::from_secs(1);

fn digest() -> TokenDigest {
    TokenDigest::from_bytes(&[7; 32]).unwrap()
}

fn follow() -> Follow {
    let options = UpstreamOptions {
        urls: vec!["http://127.0.0.1:1".into()],
        client_id: "edge".into(),
        client_secret: ClientSecret::from_text("secret"),
    };
    let upstream = Upstream::new(&options, BOUND, BOUND).unwrap();
    let cache = Cache::new(1 << 16, BOUND, Duration::ZERO).unwrap().with_lag(BOUND * 20);
    let policy = Policy { revocation_bound: BOUND, ..Policy::default() };
    Follow::new(&upstream, &policy, &Arc::new(cache), &Arc::default())
}

impl Follow {
    /// Applies the answer to a request that was sent at this moment.
    fn answered(&self, cursor: &str, since: Since, sent: Uptime) {
        self.apply(&mut self.lock(), Reading { cursor: Cursor::presented(cursor), since }, sent);
    }

    /// Caches an answer about user 7.
    fn remember(&self) {
        let of = Some(TokenIds { token_id: 12, user_id: 7 });
        let entry = NewEntry { of, hit_until: Timestamp::NEVER, ends_at: Timestamp::NEVER, code: 0, text: b"active" };
        self.cache.insert(&digest(), self.cache.change_seq_at(Uptime::now()), entry);
        assert!(self.remembers());
    }

    fn remembers(&self) -> bool {
        let now = Now { time: Timestamp::EARLIEST, uptime: Uptime::now() };
        self.cache.get(&digest(), now, Staleness::Bound).is_some()
    }
}

#[test]
fn an_answer_proves_what_was_committed_before_its_request_was_sent() {
    let follow = follow();
    let sent = Uptime::now().before(BOUND / 2);
    follow.answered("a-1-x", Since::Unknown, sent);
    assert_eq!(follow.cache.synced_at(), Some(sent));
}

#[test]
fn a_change_is_applied_once_and_in_the_order_of_the_requests() {
    let follow = follow();
    let start = Uptime::now();
    let at = |nanos: u64| start.before(Duration::from_nanos(10 - nanos));
    let change = || Since::Changes(vec![Change::User(7)]);
    follow.answered("a-1-x", Since::Unknown, at(1));
    follow.remember();
    follow.answered("a-2-x", change(), at(3));
    assert!(!follow.remembers());
    follow.remember();
    // The request before that one is answered later, by somebody who had read less, or as much.
    follow.answered("a-1-y", change(), at(2));
    assert_eq!(follow.cache.synced_at(), Some(at(3)));
    assert_eq!(follow.lock().cursor.as_ref().map(Cursor::as_str), Some("a-2-x"));
    follow.answered("a-2-x", change(), at(4));
    assert!(follow.remembers());
}

/// Two databases are behind one address, and two requests are under way. The second one continues a cursor of before.
#[test]
fn everything_is_forgotten_when_another_database_answers() {
    let follow = follow();
    follow.answered("a-1-x", Since::Unknown, Uptime::now());
    for (cursor, is_other) in [("a-1-x", false), ("b-1-x", true), ("b-1-x", false), ("a-1-x", true), ("-0-", true)] {
        follow.remember();
        follow.answered(cursor, Since::Changes(Vec::new()), Uptime::now());
        assert_eq!(follow.remembers(), !is_other, "{cursor}");
    }
}
