//! Lists for people and for programs.

use std::io::{self, Write};

use serde_json::Value;

/// Rows under a heading, every column as wide as its widest cell.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a heading.
    #[must_use]
    pub fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self { rows: vec![heading.iter().map(|cell| (*cell).to_string()).collect()] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Writes the table.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// What is not there, in a table.
#[must_use]
pub fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_string(), |text| text.to_string())
}

/// Numbers behind one another.
#[must_use]
pub fn listed(numbers: &[i32]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Writes a value as JSON, over several lines.
///
/// # Errors
/// When it cannot be written.
pub fn write_json(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    writeln!(out, "{value:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["A", "LONG", "C"]);
        table.row(["müsli".to_string(), "x".to_string(), or_dash(None::<i32>)]);
        let mut out = Vec::new();
        table.write(&mut out).expect("memory takes all");
        assert_eq!(String::from_utf8(out).expect("text"), "A      LONG  C\nmüsli  x     -\n");
    }
}
