//! Tables: rows with their columns aligned, or, where a terminal is too narrow for that, one cell below the other. The cells are
//! escaped already; they may have colours and wide characters.

use std::fmt::Write as _;
use std::io;
use std::os::fd::AsFd;

use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthStr as _;

use crate::cli::terminal::environment::columns_variable;

/// Rows indented by two.
pub fn table(rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let aligned = aligned(&rows);
    if fits(&aligned) { aligned } else { rows.iter().map(|row| stacked(row, &[])).collect() }
}

/// Rows below the names of their columns.
pub fn headed_table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let names = head.iter().map(|name| name.to_uppercase()).collect();
    let aligned = aligned(&[vec![names], rows.clone()].concat());
    if fits(&aligned) { aligned } else { rows.iter().map(|row| stacked(row, head)).collect() }
}

/// How many columns the terminal has that standard output is; without one, what `$COLUMNS` says, if anything.
pub fn terminal_columns() -> Option<usize> {
    columns_of(io::stdout())
}

/// The same of the terminal that a stream is.
pub fn columns_of(stream: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok();
    let columns = size.map(|size| usize::from(size.ws_col)).or_else(columns_variable);
    columns.filter(|columns| *columns > 0)
}

fn width(text: &str) -> usize {
    strip_str(text).to_string().width()
}

/// Whether each line of a text fits into the terminal.
pub fn fits(text: &str) -> bool {
    terminal_columns().is_none_or(|columns| text.lines().all(|line| width(line) <= columns))
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
    let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (cell, wide) in row.iter().zip(&widths) {
            let _ = write!(line, " {cell}{} ", " ".repeat(wide - width(cell)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The cells of a row, each in a line of its own, with the names of their columns if these have names.
fn stacked(row: &[String], head: &[&str]) -> String {
    let cell = |(number, cell): (usize, &String)| match (number, head.get(number)) {
        (0, _) => format!("  {cell}\n"),
        (_, Some(name)) => format!("      {name}: {cell}\n"),
        (_, None) => format!("      {cell}\n"),
    };
    row.iter().enumerate().filter(|(_, cell)| !matches!(cell.as_str(), "" | "-")).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_and_colours_do_not_shift_a_column() {
        let rows = [["日本", "a"], ["\u{1b}[1mabcd\u{1b}[0m", "b"], ["é", "c"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(strip_str(&aligned(&rows)).to_string(), "  日本  a\n  abcd  b\n  é     c\n");
    }

    #[test]
    fn a_row_without_room_is_told_line_by_line() {
        let row = ["clock", "1.0.0", "-", "+env"].map(str::to_owned);
        let told = stacked(&row, &["name", "locked", "fits", "capabilities"]);
        assert_eq!(told, "  clock\n      locked: 1.0.0\n      capabilities: +env\n");
    }
}
