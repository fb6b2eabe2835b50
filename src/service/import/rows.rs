//! Parses the lines of a CSV file into users, and collects their faults.

use std::collections::HashMap;
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder};

use crate::domain::password::PasswordHash;
use crate::domain::profile::{Profile, ProfileField, name_faults};
use crate::domain::user::{MAX_USERNAME_CHARS, NewUser, User};

/// A marker line after the last line.
const END: &[u8] = b"\n.";

/// The parsed lines, each with its number.
#[derive(Default)]
pub struct Rows {
    pub users: Vec<(usize, NewUser)>,
    /// Name and e-mail address of all lines with a valid name, also of those that have faults.
    pub names: Vec<(usize, String, String)>,
    pub faults: Vec<(usize, String)>,
}

impl Rows {
    pub fn read(text: &[u8]) -> Self {
        // The byte order mark that spreadsheets write.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut lines = Lines { text, seen: 0, number: 1 };
        // The reader accepts an unclosed quote at the end of the text. If the marker is part of a field, a quote was
        // not closed.
        let marked = text.chain(END);
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(marked);
        let mut rows = Self::default();
        let mut columns = None;
        let mut record = ByteRecord::new();
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                // Reading from memory does not fail, and lines may have any number of fields, so this cannot happen.
                Err(error) => {
                    rows.faults.push((lines.number, error.to_string()));
                    break;
                }
            }
            let begin = record.position().map_or(0, csv::Position::byte);
            let line = lines.at(begin);
            if lines.is_at_end() {
                break;
            }
            if reader.position().byte() > text.len() as u64 + 1 {
                rows.faults.push((line, "a quote that opens in this line is never closed".into()));
                break;
            }
            let Ok(fields) = record.iter().map(std::str::from_utf8).collect::<Result<Vec<_>, _>>() else {
                rows.faults.push((line, "this is not UTF-8".into()));
                if columns.is_none() {
                    break;
                }
                continue;
            };
            match &columns {
                None => match header(&fields) {
                    Ok(header) => columns = Some(header),
                    Err(faults) => {
                        rows.faults.extend(faults.into_iter().map(|fault| (line, fault)));
                        break;
                    }
                },
                Some(columns) => {
                    let field = |column| columns.get(column).and_then(|position| fields.get(*position)).copied();
                    if let Some(name) = field("username").filter(|name| username_fault(name).is_none()) {
                        rows.names.push((line, name.into(), field("email").unwrap_or_default().into()));
                    }
                    match user(columns, &fields) {
                        Ok(user) => rows.users.push((line, user)),
                        Err(faults) => rows.faults.extend(faults.into_iter().map(|fault| (line, fault))),
                    }
                }
            }
        }
        if columns.is_none() && rows.faults.is_empty() {
            rows.faults.push((1, "the line with the column names is missing".into()));
        }
        rows
    }
}

/// Counts lines. The reader's own number is not used, because it may be that of the line before.
struct Lines<'a> {
    text: &'a [u8],
    seen: usize,
    number: usize,
}

impl Lines<'_> {
    fn is_at_end(&self) -> bool {
        self.seen == self.text.len()
    }

    fn at(&mut self, byte: u64) -> usize {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        let ends = self.text[byte..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let begin = byte + ends;
        self.number += self.text[self.seen..begin].split(|byte| *byte == b'\n').skip(1).count();
        self.seen = begin;
        self.number
    }
}

/// All allowed columns.
pub fn columns() -> Vec<&'static str> {
    let mut columns = User::field_names();
    columns.push("password");
    columns
}

/// The position of each column.
fn header(fields: &[&str]) -> Result<HashMap<&'static str, usize>, Vec<String>> {
    let known = columns();
    let mut columns = HashMap::new();
    let mut faults = Vec::new();
    for (position, field) in fields.iter().enumerate() {
        let field = field.trim();
        match known.iter().find(|column| **column == field) {
            Some(column) if columns.insert(*column, position).is_some() => {
                faults.push(format!("the column {column} appears twice"));
            }
            Some(_) => {}
            None => faults.push(format!("there is no column {field:?}; there are {}", known.join(", "))),
        }
    }
    if !columns.contains_key("username") {
        faults.push("the column username is missing".into());
    }
    if faults.is_empty() { Ok(columns) } else { Err(faults) }
}

fn user(columns: &HashMap<&'static str, usize>, fields: &[&str]) -> Result<NewUser, Vec<String>> {
    if fields.len() != columns.len() {
        return Err(vec![format!("there are {} fields, not {}", fields.len(), columns.len())]);
    }
    let mut faults = Vec::new();
    let text = |column: &str| columns.get(column).map_or("", |position| fields[*position]);
    faults.extend(username_fault(text("username")).map(|fault| format!("username: {fault}")));
    for field in ProfileField::ALL {
        let name = field.name();
        faults.extend(field.faults(text(name)).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    let groups: Vec<String> =
        text("groups").split(';').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let group_faults = groups.iter().map(|name| name_faults(name)).find(|faults| !faults.is_empty());
    faults.extend(group_faults.into_iter().flatten().map(|fault| format!("groups: {fault}")));
    let password = match text("password") {
        "" => PasswordHash::unusable(),
        stored => PasswordHash::from_stored(stored.to_owned()),
    };
    faults.extend(password.check().err().map(|fault| format!("password: {fault}")));
    let mut flag = |column: &str, default: bool| match text(column).trim().to_ascii_lowercase().as_str() {
        "" => default,
        "true" | "t" | "1" => true,
        "false" | "f" | "0" => false,
        _ => {
            faults.push(format!("{column}: write true or false, not {:?}", text(column)));
            default
        }
    };
    let (is_active, is_staff) = (flag("is_active", true), flag("is_staff", false));
    let is_superuser = flag("is_superuser", false);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(NewUser {
        username: text("username").into(),
        profile: Profile::from_fn(|field| text(field.name()).into()),
        is_active,
        is_staff: is_staff || is_superuser,
        is_superuser,
        groups,
        password,
    })
}

/// Accepts every name that can log in: a login strips blanks at both ends, and refuses control characters.
fn username_fault(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        Some("This field may not be blank.".into())
    } else if name.trim() != name {
        Some("there are blanks before or after it, which a login removes".into())
    } else if name.chars().any(char::is_control) {
        Some("Control characters are not allowed.".into())
    } else {
        (name.chars().count() > MAX_USERNAME_CHARS)
            .then(|| format!("Ensure this field has no more than {MAX_USERNAME_CHARS} characters."))
    }
}
