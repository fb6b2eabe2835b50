//! Reads an upstream's answers.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::domain::change::{AsOf, Change};
use crate::domain::time::Uptime;
use crate::domain::token::TokenKind;
use crate::store::{Cursor, Reading, Since, StoreError};

/// The introspection of one token.
#[derive(Clone, Debug)]
pub enum UpstreamAnswer {
    /// Active: the answer, as it was sent, and what its cache entry needs besides.
    Active(Vec<u8>, ActiveFacts),
    /// Not active.
    Inactive {
        /// Whether that is because its user is inactive.
        is_user_inactive: bool,
        /// How long this may be remembered from when it was asked for; `None`: the upstream does not limit it.
        known_for: Option<Duration>,
    },
}

/// What the cache entry of an active token needs besides the answer.
#[derive(Clone, Copy, Debug)]
pub struct ActiveFacts {
    /// The token's id.
    pub token_id: i64,
    /// Its user's id.
    pub user_id: i64,
    /// Login or named.
    pub kind: TokenKind,
    /// How much later than the request the token ends; `None`: it does not end.
    pub expires_in: Option<Duration>,
}

/// A client's right secret.
#[derive(Clone, Debug)]
pub struct AcceptedSecret {
    /// How old this answer is, and from which database.
    pub as_of: AsOf,
    /// How much later than the request its grace period ends, if it is the secret before the last rotation.
    pub expires_in: Option<Duration>,
}

/// The check of a client's secret that was not refused.
#[derive(Clone, Debug)]
pub enum CheckedSecret {
    /// It is right.
    Accepted(AcceptedSecret),
    /// The upstream checks no secrets of this client from this edge until this time has passed.
    Throttled(Duration),
}

/// An answer of `/introspect/batch`. The members after the results are for edges. Spans are in seconds.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    kinds: Vec<String>,
    expires_in: Vec<Option<f64>>,
    clients: Vec<CheckedClient>,
    /// How old the answers were when the request arrived.
    age: f64,
    place: Option<String>,
}

impl Batch<'_> {
    /// How old the answers are. The upstream counts `age` from the arrival of the request. Here it is counted from `sent`,
    /// when the request was sent, which is earlier: so the answers never count as newer than they are.
    fn as_of(&self, sent: Uptime, max_age: Duration) -> Result<AsOf, StoreError> {
        let age = Duration::try_from_secs_f64(self.age).map_err(unreadable)?;
        if age > max_age {
            return Err(StoreError::Upstream(format!("it answers with what was true {age:.1?} ago")));
        }
        Ok(AsOf { moment: sent.before(age), place: self.place.as_deref().map(Arc::from) })
    }
}

/// Whether a client's secret is right, and when its grace period ends, if it has one; or when to ask again.
#[derive(Deserialize)]
struct CheckedClient {
    valid: bool,
    expires_in: Option<f64>,
    retry_after: Option<f64>,
}

#[derive(Deserialize)]
struct One {
    active: bool,
    jti: Option<String>,
    user_id: Option<i64>,
}

#[derive(Deserialize)]
struct Changes {
    cursor: String,
    reset: bool,
    #[serde(rename = "changes")]
    all: Vec<Map<String, Value>>,
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Upstream(format!("its answer cannot be read: {error}"))
}

/// The results for `count` tokens. Those that are older than `max_age` are refused: an upstream that does not reach its
/// database may have set `JETON_STALE_IF_ERROR` longer than this edge.
pub fn batch(
    body: &[u8],
    count: usize,
    sent: Uptime,
    max_age: Duration,
) -> Result<Vec<(UpstreamAnswer, AsOf)>, StoreError> {
    let batch: Batch<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let as_of = batch.as_of(sent, max_age)?;
    if [batch.results.len(), batch.kinds.len(), batch.expires_in.len()] != [count; 3] {
        return Err(unreadable("it has another number of results"));
    }
    let for_edges = batch.kinds.iter().zip(batch.expires_in);
    let results = batch.results.iter().zip(for_edges);
    results
        .map(|(result, (kind, left))| Ok((upstream_answer(result.get(), kind, span(left)?)?, as_of.clone())))
        .collect()
}

fn upstream_answer(json: &str, kind: &str, expires_in: Option<Duration>) -> Result<UpstreamAnswer, StoreError> {
    let one: One = serde_json::from_str(json).map_err(unreadable)?;
    if !one.active {
        return Ok(UpstreamAnswer::Inactive { is_user_inactive: kind == "user_inactive", known_for: expires_in });
    }
    let token_id = one.jti.and_then(|id| id.parse().ok());
    let (Some(token_id), Some(user_id)) = (token_id, one.user_id) else {
        return Err(unreadable("an active token has no ids"));
    };
    // A kind that this jeton does not know counts as named, which has fewer rights.
    let kind = if kind == "login" { TokenKind::Login } else { TokenKind::Named };
    Ok(UpstreamAnswer::Active(json.as_bytes().to_vec(), ActiveFacts { token_id, user_id, kind, expires_in }))
}

fn span(seconds: Option<f64>) -> Result<Option<Duration>, StoreError> {
    seconds.map(Duration::try_from_secs_f64).transpose().map_err(unreadable)
}

/// Which of `count` clients' secrets are right; `None`: this one is not.
pub fn clients(
    body: &[u8],
    count: usize,
    sent: Uptime,
    max_age: Duration,
) -> Result<Vec<Option<CheckedSecret>>, StoreError> {
    let batch: Batch<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let as_of = batch.as_of(sent, max_age)?;
    if batch.clients.len() != count {
        return Err(unreadable("it has another number of clients"));
    }
    let checked = |client: CheckedClient| {
        let (expires_in, retry_after) = (span(client.expires_in)?, span(client.retry_after)?);
        Ok(if client.valid {
            Some(CheckedSecret::Accepted(AcceptedSecret { as_of: as_of.clone(), expires_in }))
        } else {
            retry_after.map(CheckedSecret::Throttled)
        })
    };
    batch.clients.into_iter().map(checked).collect()
}

/// Reads an answer of `/changes`. If the request had no cursor, earlier changes are not known.
pub fn changes(body: &[u8], had_cursor: bool) -> Result<Reading, StoreError> {
    let changes: Changes = serde_json::from_slice(body).map_err(unreadable)?;
    let cursor = Cursor::presented(&changes.cursor);
    // A request with such a cursor counts as one without, so its answer would tell of no changes.
    if cursor.as_str().is_empty() {
        return Err(unreadable("it has no cursor"));
    }
    if changes.reset || !had_cursor {
        return Ok(Reading { cursor, since: Since::Unknown });
    }
    let all = changes.all.iter().map(change).collect();
    Ok(Reading { cursor, since: Since::Changes(all) })
}

/// Reads one change. A newer jeton may send kinds that this one does not know: these count as a change of everything.
fn change(of: &Map<String, Value>) -> Change {
    let mut members = of.iter();
    match (members.next(), members.next()) {
        (Some((name, Value::Number(id))), None) => match (name.as_str(), id.as_i64()) {
            ("token", Some(id)) => Change::Token(id),
            ("user", Some(id)) => Change::User(id),
            _ => Change::Everything,
        },
        (Some((name, Value::String(id))), None) if name == "client" => Change::Client(id.clone()),
        _ => Change::Everything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_is_not_understood_is_a_change_of_everything() {
        let read = |text: &str| {
            let body = format!("{{\"cursor\":\"c\",\"reset\":false,\"changes\":{text}}}");
            let Since::Changes(found) = changes(body.as_bytes(), true).unwrap().since else { panic!("a reset") };
            found
        };
        assert_eq!(
            read(r#"[{"token":7},{"user":3},{"client":"reports"}]"#),
            [Change::Token(7), Change::User(3), Change::Client("reports".into())]
        );
        for unknown in [r#"{"group":1}"#, r#"{"token":"7"}"#, r#"{"token":7,"user":3}"#, "{}", r#"{"client":1}"#] {
            assert_eq!(read(&format!("[{unknown}]")), [Change::Everything], "{unknown}");
        }
        let reset = br#"{"cursor":"c","reset":true,"changes":[]}"#;
        assert_eq!(changes(reset, true).unwrap().since, Since::Unknown);
        let first = br#"{"cursor":"c","reset":false,"changes":[]}"#;
        assert_eq!(changes(first, false).unwrap().since, Since::Unknown);
        for cursor in ["", &"1".repeat(100_000)] {
            let body = format!("{{\"cursor\":\"{cursor}\",\"reset\":false,\"changes\":[]}}");
            assert!(changes(body.as_bytes(), true).is_err(), "the next request would have no cursor");
        }
    }

    #[test]
    fn answers_are_kept_as_they_were_sent() {
        let active = r#"{"active":true,"jti":"12", "user_id":7,"exp":1700000000,"new":1}"#;
        let body = format!(
            r#"{{"results":[{active},{{"active":false}}],"kinds":["login","user_inactive"],"expires_in":[2.999,0.5],"clients":[],"age":0.5,"place":"a"}}"#
        );
        let (sent, second) = (Uptime::from_nanos(9_000_000_000), Duration::from_secs(1));
        let batch = |body: &str, count| batch(body.as_bytes(), count, sent, second);
        let results = batch(&body, 2).unwrap();
        let inactive = UpstreamAnswer::Inactive { is_user_inactive: true, known_for: Some(Duration::from_millis(500)) };
        let [(UpstreamAnswer::Active(json, facts), as_of), (other, _)] = &results[..] else { panic!("{results:?}") };
        assert_eq!(format!("{other:?}"), format!("{inactive:?}"));
        assert_eq!(json, active.as_bytes());
        assert_eq!((facts.token_id, facts.user_id, facts.kind), (12, 7, TokenKind::Login));
        assert_eq!(facts.expires_in, Some(Duration::from_millis(2_999)));
        assert_eq!(*as_of, AsOf { moment: Uptime::from_nanos(8_500_000_000), place: Some("a".into()) });
        assert!(batch(&body, 3).is_err());
        assert!(batch(&body.replace("0.5", "1.001"), 2).is_err(), "too old");
        for unusable in
            [&body.replace("2.999", "-1"), &body.replace("2.999", "1e30"), r#"{"results":[{"active":true}]}"#]
        {
            assert!(batch(unusable, 2).is_err(), "{unusable}");
        }
    }
}
