//! Rows in columns, under a header. On a terminal they fit its width: times are cut to the minute, long texts end in
//! `…`, and if that is not enough, columns are left out, which a line on standard error says. Anywhere else a script
//! may read them, so every value is whole.

use std::io::{IsTerminal, stdout};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Failure;
use super::output::{line, visible};
use crate::domain::time::Timestamp;

/// Between two columns.
const GAP: usize = 2;
/// A column of texts that takes no more columns of the terminal than this is not made narrower.
const NARROWEST: usize = 10;

/// A column.
#[derive(Clone, Copy)]
pub struct Column {
    name: &'static str,
    /// Whether its texts may be cut.
    is_text: bool,
    /// Its turn, if columns must be left out; `None`: never.
    left_out: Option<u8>,
}

/// A column whose values are never cut, such as ids and times.
pub const fn whole(name: &'static str) -> Column {
    Column { name, is_text: false, left_out: None }
}

/// A column of texts of any length.
pub const fn text(name: &'static str) -> Column {
    Column { name, is_text: true, left_out: None }
}

impl Column {
    /// The column with its turn to be left out; 1 is the first.
    pub const fn left_out(self, turn: u8) -> Self {
        Self { left_out: Some(turn), ..self }
    }
}

/// What a row has in a column.
pub enum Cell {
    Text(String),
    Time(Timestamp),
    /// The beginning of a key: never whole.
    KeyStart(String),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Timestamp> for Cell {
    fn from(moment: Timestamp) -> Self {
        Self::Time(moment)
    }
}

/// `-` for what is missing.
impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(cell: Option<T>) -> Self {
        cell.map_or_else(|| Self::from("-"), Into::into)
    }
}

impl Cell {
    fn shown(&self, on_terminal: bool) -> String {
        match self {
            Self::Text(text) => visible(text),
            Self::Time(moment) if on_terminal => moment.to_minute(),
            Self::Time(moment) => moment.to_string(),
            Self::KeyStart(start) => format!("{}{}", visible(start), if on_terminal { "…" } else { "..." }),
        }
    }
}

/// Prints rows in columns.
pub fn table(columns: &[Column], rows: &[Vec<Cell>]) -> Result<(), Failure> {
    let terminal = terminal_width();
    let shown = |row: &Vec<Cell>| row.iter().map(|cell| cell.shown(terminal.is_some())).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(shown).collect();
    let (lines, left_out) = lines(columns, &rows, terminal);
    for text in lines {
        line(&text)?;
    }
    if !left_out.is_empty() {
        eprintln!("the terminal is too narrow for: {}", left_out.join(", "));
    }
    Ok(())
}

/// The columns of the terminal that standard output is; `None` if it is no terminal, or one that does not say.
fn terminal_width() -> Option<usize> {
    if !stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// The lines of the table, and the names of the columns that were left out.
fn lines(columns: &[Column], rows: &[Vec<String>], terminal: Option<usize>) -> (Vec<String>, Vec<&'static str>) {
    let longest = |at: usize, column: &Column| {
        rows.iter().map(|row| row[at].width()).chain([column.name.width()]).max().unwrap_or_default()
    };
    let mut kept: Vec<Fitted> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| Fitted { at, column: *column, width: longest(at, column) })
        .collect();
    let left_out = terminal.map_or_else(Vec::new, |width| fit(&mut kept, width));
    let header: Vec<String> = columns.iter().map(|column| column.name.to_owned()).collect();
    let lines = [&header].into_iter().chain(rows).map(|row| {
        let cells: Vec<String> = kept.iter().map(|fitted| padded(&row[fitted.at], fitted.width)).collect();
        cells.join(&" ".repeat(GAP)).trim_end().to_owned()
    });
    (lines.collect(), left_out)
}

/// A column of the table, and how wide it is.
struct Fitted {
    at: usize,
    column: Column,
    width: usize,
}

impl Fitted {
    /// How narrow it may become.
    fn narrowest(&self) -> usize {
        if self.column.is_text { self.width.min(NARROWEST.max(self.column.name.width())) } else { self.width }
    }
}

/// Leaves out columns until the others can fit, then makes the widest texts narrower until they do. Returns the names
/// of the columns that were left out.
fn fit(kept: &mut Vec<Fitted>, terminal: usize) -> Vec<&'static str> {
    let total = |widths: &mut dyn Iterator<Item = usize>| {
        let (mut sum, mut count) = (0, 0);
        for width in widths {
            (sum, count) = (sum + width, count + 1);
        }
        sum + GAP * usize::saturating_sub(count, 1)
    };
    let mut left_out = Vec::new();
    while total(&mut kept.iter().map(Fitted::narrowest)) > terminal {
        let turns = kept.iter().enumerate().filter_map(|(at, fitted)| Some((fitted.column.left_out?, at)));
        let Some((_, first)) = turns.min() else { break };
        left_out.push(kept.remove(first).column.name);
    }
    while total(&mut kept.iter().map(|fitted| fitted.width)) > terminal {
        let texts = kept.iter_mut().filter(|fitted| fitted.width > fitted.narrowest());
        let Some(widest) = texts.max_by_key(|fitted| fitted.width) else { break };
        widest.width -= 1;
    }
    left_out
}

/// The text in exactly this many columns of a terminal.
fn padded(text: &str, width: usize) -> String {
    let taken = text.width();
    if taken <= width {
        return format!("{text}{}", " ".repeat(width - taken));
    }
    let (mut cut, mut taken) = (String::new(), 0);
    for c in text.chars() {
        let more = c.width().unwrap_or_default();
        if taken + more > width.saturating_sub(1) {
            break;
        }
        cut.push(c);
        taken += more;
    }
    format!("{cut}…{}", " ".repeat(width.saturating_sub(taken + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] =
        [whole("ID"), text("USERNAME"), text("EMAIL").left_out(2), whole("JOINED").left_out(1)];

    fn shown(terminal: Option<usize>) -> (String, Vec<&'static str>) {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["1", "李小龍", "bruce@example.com", "2026-11-29 10:00Z"]),
            row(["20", "a-very-long-name-indeed", "a@example.com", "-"]),
        ];
        let (lines, left_out) = lines(&COLUMNS, &rows, terminal);
        (lines.join("\n"), left_out)
    }

    #[test]
    fn without_a_terminal_every_value_is_whole_and_wide_characters_count_as_two_columns() {
        let expected = "\
ID  USERNAME                 EMAIL              JOINED
1   李小龍                   bruce@example.com  2026-11-29 10:00Z
20  a-very-long-name-indeed  a@example.com      -";
        assert_eq!(shown(None), (expected.to_owned(), vec![]));
        assert_eq!(shown(Some(66)), (expected.to_owned(), vec![]), "it fits");
    }

    #[test]
    fn the_widest_texts_are_cut_first() {
        let expected = "\
ID  USERNAME         EMAIL           JOINED
1   李小龍           bruce@example…  2026-11-29 10:00Z
20  a-very-long-na…  a@example.com   -";
        assert_eq!(shown(Some(54)), (expected.to_owned(), vec![]));
    }

    #[test]
    fn columns_are_left_out_when_cutting_is_not_enough() {
        let (lines, left_out) = shown(Some(30));
        assert_eq!(left_out, ["JOINED"]);
        assert!(lines.lines().all(|line| line.width() <= 30) && lines.contains("bruce"), "{lines}");
        let (lines, left_out) = shown(Some(14));
        assert_eq!((left_out, lines.as_str()), (vec!["JOINED", "EMAIL"], "ID  USERNAME\n1   李小龍\n20  a-very-lo…"));
        assert_eq!(shown(Some(5)).0, lines, "what is left is not made unreadable");
    }

    #[test]
    fn a_cut_between_wide_characters_fills_the_column() {
        assert_eq!(padded("李小龍", 5), "李小…");
        assert_eq!(padded("李小龍", 4), "李… ");
        assert_eq!(padded("abc", 3), "abc");
    }
}
