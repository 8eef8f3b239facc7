//! Ratios within a round, and their statistics over all rounds.

use std::fmt;

/// The median over the rounds, with the quartiles.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    pub median: f64,
    pub lower: f64,
    pub upper: f64,
}

impl Ratio {
    /// Divides `mine` by `theirs`, round by round.
    #[must_use]
    pub fn of(mine: &[f64], theirs: &[f64]) -> Self {
        let each = mine.iter().zip(theirs).map(|(mine, theirs)| mine / theirs);
        Self::spread(each.collect())
    }

    #[must_use]
    pub fn spread(mut each: Vec<f64>) -> Self {
        each.sort_by(f64::total_cmp);
        Self {
            median: quantile(&each, 0.5),
            lower: quantile(&each, 0.25),
            upper: quantile(&each, 0.75),
        }
    }
}

/// Formats with n digits after the point for `{:.n}`, and with 2 otherwise.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self {
            median,
            lower,
            upper,
        } = self;
        write!(f, "{median:.digits$} ({lower:.digits$}–{upper:.digits$})")
    }
}

/// Returns the middle value, or the mean of the two in the middle.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

/// Interpolates between two values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = last as f64 * share;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds() {
        let ratio = Ratio::of(&[1.0, 4.0, 9.0], &[1.0, 2.0, 3.0]);
        assert_eq!(ratio.to_string(), "2.00 (1.50–2.50)");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }
}
