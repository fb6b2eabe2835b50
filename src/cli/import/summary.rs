//! What an import of a Django project says at its end, and a dry run in more detail: what comes, what does not, and what is
//! unusual, so that a person can decide.

use super::{number, visible, warn};
use crate::service::{Counts, Imported, NewUsers};
use crate::store::DjangoSource;

pub struct Summary {
    is_dry: bool,
    legacy_allowed: bool,
    reads: Vec<String>,
    notes: Vec<String>,
    left_out: Vec<String>,
    dates: Zoneless,
}

/// What is known of times that are written without a zone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zoneless {
    /// Their zone was given.
    Given,
    /// Only a project with `USE_TZ = False` writes such times into a dump.
    Local,
    /// They are UTC, or local times.
    Unknown,
}

impl Summary {
    pub fn of(source: &DjangoSource, is_dry: bool, legacy_allowed: bool) -> Self {
        let (reads, notes, left_out) = (source.reads(), source.notes(), source.left_out().to_vec());
        let dates = match (source.options().time_zone.is_some(), source.is_dump()) {
            (true, _) => Zoneless::Given,
            (false, true) => Zoneless::Local,
            (false, false) => Zoneless::Unknown,
        };
        Self { is_dry, legacy_allowed, reads, notes, left_out, dates }
    }

    /// What is known before anything is written.
    pub fn print_notes(&self) {
        for note in &self.notes {
            eprintln!("note: {}", visible(note));
        }
        for table in &self.left_out {
            eprintln!("not imported: {}", visible(table));
        }
    }

    pub fn print(&self, done: &Imported) {
        eprintln!("{}: {}", if self.is_dry { "would be imported" } else { "imported" }, describe(done.new));
        if self.is_dry {
            self.print_details(done);
        }
        if done.updated > 0 {
            let what = if self.is_dry { "would follow the source" } else { "followed the source" };
            eprintln!("{what}: {}", number(done.updated, "user"));
        }
        if done.given_ends > 0 {
            let what = if self.is_dry { "would get the end" } else { "got the end" };
            eprintln!("{what} that the source gives them: {}", number(done.given_ends, "token"));
        }
        if done.missing_ends > 0 {
            eprintln!(
                "stay without an end, which the source gives them: {}, unless you add --update",
                number(done.missing_ends, "token")
            );
        }
        if done.existing != Counts::default() {
            eprintln!("skipped, because already here: {}", describe(done.existing));
        }
        if done.bad > 0 {
            eprintln!("not imported: {}", number(done.bad, "bad row"));
        }
        if done.ownerless_tokens > 0 {
            eprintln!("not imported: {} whose users are not imported", number(done.ownerless_tokens, "token"));
        }
        if self.is_dry {
            self.print_notes();
        }
        warn(&done.hashes, self.legacy_allowed);
        if done.malformed > 0 {
            eprintln!(
                "warning: refused because they begin with JETON_TOKEN_PREFIX but have no valid checksum: {}",
                number(done.malformed, "DRF token")
            );
        }
        if done.foreign_digests > 0 {
            eprintln!(
                "warning: not imported: {} whose digests are not SHA-512, or were made by Knox before 5.0; their holders \
                 must log in again",
                number(done.foreign_digests, "Knox token")
            );
        }
        let NewUsers { null_flags, unknown_dates, .. } = done.users;
        if null_flags > 0 {
            eprintln!("warning: {} with a flag that is NULL: it counts as false", number(null_flags, "user"));
        }
        self.print_dates(done.dates_without_zone);
        // If no user has a date, because the table has no such column, a note has said it.
        if unknown_dates > 0 && unknown_dates < done.new.users {
            eprintln!("warning: {} without a date of joining: they count as joined now", number(unknown_dates, "user"));
        }
    }

    fn print_dates(&self, without_zone: u64) {
        match self.dates {
            Zoneless::Given if without_zone == 0 => {
                eprintln!("note: all times have a zone, so --time-zone changes nothing");
            }
            Zoneless::Local if without_zone > 0 => eprintln!(
                "warning: {} without a zone, as a project with USE_TZ = False writes local times, read as UTC: give its \
                 TIME_ZONE with --time-zone",
                number(without_zone, "time")
            ),
            _ => {}
        }
    }

    fn print_details(&self, done: &Imported) {
        let NewUsers { inactive, staff, superusers, without_password, .. } = done.users;
        eprintln!("  from {}", visible(&self.reads.join("; ")));
        if done.new.users > 0 {
            eprintln!(
                "  of the users: {inactive} inactive, {staff} staff ({}), {without_password} without a password",
                number(superusers, "superuser")
            );
        }
        if done.new.drf_tokens + done.new.knox_tokens > 0 {
            eprintln!("  of the tokens: {} expired", done.expired_tokens);
        }
        if self.dates == Zoneless::Unknown && done.dates_without_zone > 0 {
            eprintln!(
                "  times have no zone, and are read as UTC: if the project has USE_TZ = False, give its TIME_ZONE with \
                 --time-zone"
            );
        }
    }
}

fn describe(counts: Counts) -> String {
    [
        number(counts.users, "user"),
        number(counts.groups, "group"),
        number(counts.drf_tokens, "DRF token"),
        number(counts.knox_tokens, "Knox token"),
    ]
    .join(", ")
}
