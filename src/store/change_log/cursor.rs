//! Where a reading of the change log ended.

use std::fmt;
use std::sync::Arc;

/// The longest accepted cursor, in bytes. It lists the running transactions of PostgreSQL, which may be thousands.
const MAX_LEN: usize = 32 * 1024;

/// How many running transactions a cursor lists, so that it fits into a URL, which nginx cuts at 8 KiB.
const MAX_RUNNING: usize = 200;

/// Stands before the text that tells apart two cursors whose lists of running transactions are cut.
const IDENTITY: char = '~';

/// Where a reading ended. Outside this room it is an opaque text, which every node of the same database accepts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(Arc<str>);

impl Cursor {
    /// A cursor from a request. It is not checked before it is used for a reading.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(if text.len() > MAX_LEN { "".into() } else { text.into() })
    }

    /// The cluster of PostgreSQL and the timeline on which it was taken: the first and the fourth part of the place.
    pub(in crate::store) fn cluster_and_timeline(&self) -> Option<(u64, u32)> {
        let snapshot = Snapshot::of(self)?;
        let mut parts = snapshot.place.split('-');
        Some((parts.next()?.parse().ok()?, u32::from_str_radix(parts.nth(2)?, 16).ok()?))
    }

    /// Where it was taken. Cursors of two databases have different places; `None` if it has none.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let place = Snapshot::of(self).map(|snapshot| snapshot.place);
        place.or_else(|| RowCursor::of(self).map(|row| row.place)).filter(|place| !place.is_empty())
    }

    /// Whether it has seen every change that `earlier` has seen. `false` also if these cursors do not tell: those of
    /// SQLite, of two places, and if `earlier` is cut, which has seen more than it says.
    #[must_use]
    pub fn has_seen_all_of(&self, earlier: &Self) -> bool {
        let is_cut = earlier.as_str().contains(IDENTITY);
        let (Some(later), Some(earlier)) = (Snapshot::of(self), Snapshot::of(earlier)) else { return false };
        !is_cut && later.has_seen_all_of(&earlier)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A cursor of PostgreSQL: the place, and a snapshot as `pg_current_snapshot()` gives it.
///
/// Transaction ids can be compared only within one place. A place is the cluster (`pg_control_system()`), the database,
/// the file of the table `changes` (a dump that is restored in place, or `truncate`, makes a new one), the timeline (a
/// promoted standby begins one), the time when the statistics were reset, and the start of the server. A crash resets
/// the statistics; after it PostgreSQL may assign an id again, if its transaction had written nothing to the WAL. The
/// start is part of the place because an older copy of the data directory can be put back while the server is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The place.
    pub place: String,
    /// All transactions with lower ids had ended.
    pub xmin: u64,
    /// No transaction with this id or a higher one had ended.
    pub xmax: u64,
    /// The ids between `xmin` and `xmax` of transactions that were running.
    pub running: Vec<u64>,
}

impl Snapshot {
    /// Parses PostgreSQL's text of a snapshot, `xmin:xmax:xid,xid,..`.
    pub fn parse(place: String, text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (xmin, xmax) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let running = numbers(parts.next()?, ',')?;
        Some(Self { place, xmin, xmax, running })
    }

    /// The snapshot of a cursor; `None` if it is not a cursor of PostgreSQL.
    pub fn of(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.as_str().rsplitn(4, '-');
        let running = numbers(parts.next()?.split(IDENTITY).next()?, '.')?;
        let (xmax, xmin) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { place: parts.next()?.to_owned(), xmin, xmax, running })
    }

    /// Whether every transaction that is visible in `earlier` is visible in this one.
    fn has_seen_all_of(&self, earlier: &Self) -> bool {
        // PostgreSQL gives the running transactions in order.
        let was_running = |id: &u64| *id >= earlier.xmax || earlier.running.binary_search(id).is_ok();
        self.place == earlier.place && self.xmax >= earlier.xmax && self.running.iter().all(was_running)
    }

    /// The cursor for others. With many running transactions it is cut, and claims to have seen less: whoever comes back
    /// with it to a node that does not remember it is told some changes again. That is harmless: some tokens are looked
    /// up again although they have not changed. A node that reads again and again uses [`Snapshot::whole_cursor`].
    pub fn cursor(&self) -> Cursor {
        // Whoever compares cursors must not take two such snapshots for one. With the same `xmax` the list only gets
        // shorter, so `xmax` and its length tell them apart.
        let (running, xmax, identity) = match self.running.get(MAX_RUNNING) {
            Some(first) => {
                (&self.running[..MAX_RUNNING], *first, format!("{IDENTITY}{}.{}", self.xmax, self.running.len()))
            }
            None => (&self.running[..], self.xmax, String::new()),
        };
        self.text(xmax, running, &identity)
    }

    /// The cursor, however long it is.
    pub fn whole_cursor(&self) -> Cursor {
        self.text(self.xmax, &self.running, "")
    }

    fn text(&self, xmax: u64, running: &[u64], identity: &str) -> Cursor {
        let running: Vec<String> = running.iter().map(u64::to_string).collect();
        Cursor(format!("{}-{}-{xmax}-{}{identity}", self.place, self.xmin, running.join(".")).into())
    }
}

fn numbers(text: &str, separator: char) -> Option<Vec<u64>> {
    text.split(separator).filter(|number| !number.is_empty()).map(|number| number.parse().ok()).collect()
}

/// A cursor of SQLite: the place, and the id of the newest row, and its nonce. The nonce is random, so two copies of the
/// file that were written separately do not have the same row. The place is random, and new after each start of a node:
/// an older copy of the file may have been put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowCursor {
    /// The place.
    pub place: String,
    /// The id.
    pub id: i64,
    /// The nonce.
    pub nonce: String,
}

impl RowCursor {
    /// The row of a cursor; `None` if it is not a cursor of SQLite.
    pub fn of(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.as_str().splitn(3, '-');
        let (place, id, nonce) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { place: place.to_owned(), id: id.parse().ok()?, nonce: nonce.to_owned() })
    }

    /// The cursor.
    pub fn cursor(&self) -> Cursor {
        Cursor(format!("{}-{}-{}", self.place, self.id, self.nonce).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back() {
        for text in ["10:20:", "10:20:12", "10:20:12,14,19"] {
            let snapshot = Snapshot::parse("1-2-3-4".into(), text).unwrap();
            assert_eq!(Snapshot::of(&Cursor::presented(snapshot.cursor().as_str())), Some(snapshot), "{text}");
        }
        let many = Snapshot { place: "1".into(), xmin: 10, xmax: 1_000, running: (10..900).collect() };
        let read_back = Snapshot::of(&many.cursor()).unwrap();
        assert_eq!((read_back.xmax, read_back.running.len()), (210, 200), "what is not listed counts as not seen");
        let later = Snapshot { running: (10..899).collect(), ..many.clone() };
        assert_ne!(many.cursor(), later.cursor(), "a transaction that is not listed has ended");
        assert_eq!(Snapshot::of(&many.whole_cursor()), Some(many.clone()));
        let row = RowCursor { place: "b1".into(), id: 7, nonce: "12".into() };
        assert_eq!(row.cursor().place().as_deref(), Some("b1"));
        assert_eq!(RowCursor::of(&row.cursor()), Some(row));
        assert_eq!(many.cursor().place().as_deref(), Some("1"));
        assert_eq!(Cursor::presented("-7-12").place(), None);
    }

    #[test]
    fn a_later_cursor_has_seen_all_that_an_earlier_one_has_seen() {
        let cursor = |place: &str, text: &str| Snapshot::parse(place.into(), text).unwrap().cursor();
        let order = ["10:20:10,15", "10:21:10,15,20", "15:21:15,20", "15:24:15,20,22", "24:24:", "25:30:"];
        for (at, later) in order.iter().enumerate() {
            for (place, earlier) in order.iter().enumerate() {
                let has = cursor("a", later).has_seen_all_of(&cursor("a", earlier));
                assert_eq!(has, place <= at, "{later} after {earlier}");
            }
            assert!(!cursor("a", later).has_seen_all_of(&cursor("b", later)));
        }
        let many = Snapshot { place: "a".into(), xmin: 10, xmax: 1_000, running: (10..900).collect() };
        let later = cursor("a", "2000:2000:");
        assert!(!later.has_seen_all_of(&many.cursor()), "it has seen 950 and does not say so");
        assert!(later.has_seen_all_of(&many.whole_cursor()));
        assert!(!many.cursor().has_seen_all_of(&cursor("a", "10:950:")), "it does not say whether it has seen 230");
        let row = |id| RowCursor { place: "b1".into(), id, nonce: "12".into() }.cursor();
        assert!(!row(2).has_seen_all_of(&row(1)));
    }

    #[test]
    fn malformed_cursors_are_refused() {
        for text in ["", "-", "a", "1-2-3", "1-2-x-", "1-2-3-4-x", "1--2-3-"] {
            assert_eq!(Snapshot::of(&Cursor::presented(text)).filter(|found| found.place == "1"), None, "{text}");
        }
        assert_eq!(RowCursor::of(&Cursor::presented("x-ab")), None);
        assert_eq!(Cursor::presented(&"1".repeat(MAX_LEN + 1)).as_str(), "");
    }
}
