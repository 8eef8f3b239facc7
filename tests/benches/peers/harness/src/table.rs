//! Markdown tables and numbers.

use std::fmt;
use std::time::Duration;

/// A table whose columns after the first `left` are aligned to the right.
#[derive(Debug)]
pub struct Table {
    left: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    #[must_use]
    pub fn new<const N: usize>(left: usize, header: [&str; N]) -> Self {
        Self {
            left,
            rows: vec![header.map(str::to_owned).to_vec()],
        }
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        for (number, row) in self.rows.iter().enumerate() {
            writeln!(f, "| {} |", row.join(" | "))?;
            if number == 0 {
                let rule = |column| if column < self.left { "---|" } else { "---:|" };
                writeln!(f, "|{}", (0..columns).map(rule).collect::<String>())?;
            }
        }
        Ok(())
    }
}

/// Formats a number with three significant digits and with commas.
#[must_use]
pub fn count(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value < 100.0 {
        let digits = if value < 10.0 { 2 } else { 1 };
        return format!("{value:.digits$}");
    }
    let whole = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a duration in a suitable unit; `–` for none.
#[must_use]
pub fn latency(time: Option<Duration>) -> String {
    let Some(time) = time else {
        return "–".to_owned();
    };
    match time.as_secs_f64() {
        s if s < 1e-3 => format!("{} µs", count(s * 1e6)),
        s if s < 1.0 => format!("{} ms", count(s * 1e3)),
        s => format!("{} s", count(s)),
    }
}

/// Formats a [`Ratio`](crate::Ratio) of durations.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!(count(1_234_567.4), "1,234,567");
        assert_eq!(count(123.4), "123");
        assert_eq!(count(1.234), "1.23");
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(1, ["who", "how fast"]);
        table.row(["dbop".to_owned(), "1".to_owned()]);
        assert_eq!(
            table.to_string(),
            "| who | how fast |\n|---|---:|\n| dbop | 1 |\n"
        );
    }
}
