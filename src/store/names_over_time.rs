//! Which entries of the audit log are about a user. It has names, and a user may have had other names before, as others
//! may have had theirs. The log itself says who had a name from when until when: a creation, a deletion, and the two
//! entries of a rename, one under either name.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde_json::Value;

use super::audit::{NO_LOGIN, RENAMED_FROM};
use super::connection::{Conn, MultiBackend, storable};
use super::schema::audit_log;
use super::{Store, StoreError};
use crate::domain::audit::Action;

/// How many changes are read at most to find out who had a name. A user with more has only the entries since the oldest
/// of these: older ones may be about somebody else.
const MAX_CHANGES: i64 = 2_000;

/// How many names of one user are followed at most.
const MAX_NAMES: usize = 50;

/// The entries under a name that are about one user: those with ids above `after`, up to `through`.
pub struct NameSpan {
    pub name: String,
    pub after: i64,
    pub through: i64,
}

/// What an entry says of the name that it stands under.
enum Mark {
    /// A new user got it.
    Created,
    /// Its user was deleted.
    Deleted,
    /// Its user is called this from now on.
    RenamedTo(String),
    /// Its user was called this until now.
    RenamedFrom(String),
}

/// The id, the action and the details of an entry.
type Change = (i64, String, String);

fn mark(name: &str, (_, action, details): &Change) -> Option<Mark> {
    if action == Action::UserCreate.as_str() {
        return Some(Mark::Created);
    }
    if action == Action::UserDelete.as_str() {
        return Some(Mark::Deleted);
    }
    if action != Action::UserUpdate.as_str() {
        return None;
    }
    let details: Value = serde_json::from_str(details).ok()?;
    let text = |field: &str| details[field].as_str().map(ToOwned::to_owned);
    let renamed_to = || text("username").filter(|new| new != name).map(Mark::RenamedTo);
    text(RENAMED_FROM).map(Mark::RenamedFrom).or_else(renamed_to)
}

type Entries<'a> = audit_log::BoxedQuery<'a, MultiBackend>;

/// The changes under a name, by a partial index.
fn changes(name: &str) -> Entries<'static> {
    audit_log::table.filter(audit_log::target.eq(name.to_owned())).filter(sql::<Bool>(NO_LOGIN)).into_boxed()
}

fn read(conn: &mut Conn, query: Entries<'_>) -> Result<Vec<Change>, StoreError> {
    Ok(query.select((audit_log::id, audit_log::action, audit_log::details)).load(conn)?)
}

/// The spans of the user who has this name now, the newest first. They do not overlap.
pub fn spans(conn: &mut Conn, username: &str) -> Result<Vec<NameSpan>, StoreError> {
    let mut spans = Vec::new();
    let mut left = MAX_CHANGES;
    // The name that the user had before, the last entry under it that may be theirs, and the name that they got then.
    let mut earlier = Some((username.to_owned(), i64::MAX, None));
    while let Some((name, through, mut next_name)) = earlier.take().filter(|_| left > 0 && spans.len() < MAX_NAMES) {
        let query = changes(&name).filter(audit_log::id.le(through)).order(audit_log::id.desc()).limit(left);
        let read = read(conn, query)?;
        let is_cut = i64::try_from(read.len()).is_ok_and(|count| count == left);
        left -= i64::try_from(read.len()).unwrap_or(left);
        let mut after = read.last().filter(|_| is_cut).map_or(0, |(id, ..)| id - 1);
        for change in &read {
            let id = change.0;
            match mark(&name, change) {
                None => continue,
                // The other entry of the rename that led here.
                Some(Mark::RenamedTo(new)) if next_name.as_ref() == Some(&new) => {
                    next_name = None;
                    continue;
                }
                Some(Mark::Created) => after = id - 1,
                Some(Mark::Deleted | Mark::RenamedTo(_)) => after = id,
                Some(Mark::RenamedFrom(old)) => {
                    after = id;
                    earlier = Some((old, id - 1, Some(name.clone())));
                }
            }
            break;
        }
        spans.push(NameSpan { name, after, through });
    }
    Ok(spans)
}

impl Store {
    /// What the user is called now who had this name last, if they were renamed. Nobody may have that name, either, if
    /// the user was deleted by SQL.
    pub fn present_name(&self, former: &str) -> Result<Option<String>, StoreError> {
        if !storable(former) {
            return Ok(None);
        }
        self.read(|conn| {
            let newest = changes(former).order(audit_log::id.desc()).limit(MAX_CHANGES);
            let newest = read(conn, newest)?;
            let Some((id, Mark::RenamedTo(name))) =
                newest.iter().find_map(|change| Some((change.0, mark(former, change)?)))
            else {
                return Ok(None);
            };
            let (mut old, mut since, mut name) = (former.to_owned(), id, name);
            for _ in 0..MAX_NAMES {
                let query = changes(&name).filter(audit_log::id.gt(since)).order(audit_log::id).limit(MAX_CHANGES);
                let later = read(conn, query)?;
                let mut marks = later.iter().filter_map(|change| Some((change.0, mark(&name, change)?))).peekable();
                // The other entry of the same rename.
                marks.next_if(|(_, mark)| matches!(mark, Mark::RenamedFrom(from) if *from == old));
                match marks.next() {
                    None => return Ok(Some(name)),
                    Some((id, Mark::RenamedTo(new))) => (old, since, name) = (name, id, new),
                    Some(_) => return Ok(None),
                }
            }
            Ok(None)
        })
    }
}
