//! Statistics over several rounds, and Markdown tables.

/// The median of some measurements, and how far apart they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Middle {
    pub(crate) median: f64,
    /// The distance between the least and the greatest, relative to the median.
    pub(crate) spread: f64,
}

impl Middle {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Middle {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (Some(least), Some(greatest)) = (values.first(), values.last()) else {
            return Middle {
                median: f64::NAN,
                spread: f64::NAN,
            };
        };
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Middle {
            median,
            spread: (greatest - least) / median,
        }
    }

    pub(crate) fn spread(&self) -> String {
        format!("{:.0} %", self.spread * 100.0)
    }
}

/// Returns the ratios of numbers that were measured in the same rounds. Whatever slows down the
/// machine in a round slows down both.
pub(crate) fn ratio(of: &[f64], to: &[f64]) -> Middle {
    Middle::of(of.iter().zip(to).map(|(of, to)| of / to))
}

pub(crate) fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "**missed**" }
}

pub(crate) fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

pub(crate) fn head(cells: &[&str]) -> String {
    let line: Vec<_> = cells.iter().map(|_| "---").collect();
    format!("| {} |\n|{}|\n", cells.join(" | "), line.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        let expected = Middle {
            median: 2.5,
            spread: 1.2,
        };
        assert_eq!(Middle::of([4.0, 1.0, 2.0, 3.0]), expected);
        assert_eq!(Middle::of([3.0, 9.0, 1.0]).median, 3.0);
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        assert_eq!(ratio(&[2.0, 20.0, 6.0], &[1.0, 10.0, 2.0]).median, 2.0);
    }
}
