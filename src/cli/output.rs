//! Prints data to standard output: lines, tables and JSON.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::Failure;
pub use crate::domain::safe_text::visible;

/// Prints a line. A reader that has seen enough (`| head`) is no failure.
pub fn line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints rows in columns, under a header.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&header).chain(&rows) {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// Prints a JSON array with an element a line.
pub fn json_array<T: Serialize>(rows: &[T]) -> Result<(), Failure> {
    let rows: Vec<String> = rows
        .iter()
        .map(|row| serde_json::to_string(row).map_err(|error| Failure::new(error.to_string())))
        .collect::<Result<_, _>>()?;
    if rows.is_empty() { line("[]") } else { line(&format!("[\n{}\n]", rows.join(",\n"))) }
}
