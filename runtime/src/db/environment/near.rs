//! Variables whose names are nearly those of others.

use super::operations;
use super::table::TABLE;

/// How many slips there may be in a name.
const SLIPS: usize = 2;

/// The name of a variable, and what it sets.
pub(super) type Meant = (&'static str, &'static str);

/// Returns the variable that was probably meant. `None` if the name is that of a variable, or is
/// not like any.
pub(super) fn meant(name: &str) -> Option<Meant> {
    let ours = ["DATABASE_", "ASYNC_DATABASE_", "DBOP_"];
    if !ours.iter().any(|begin| name.starts_with(begin)) || operations::is_own(name) {
        return None;
    }
    let known = TABLE.iter().flat_map(|variable| {
        let names = variable.names();
        names.map(|known| (slips(name, known), (known, variable.sets)))
    });
    let (slips, nearest) = known.min()?;
    match slips {
        0 => None,
        1..=SLIPS => Some(nearest),
        // Nobody else's variables begin like this.
        _ if name.starts_with("DBOP_") => Some(operations::ANY),
        _ => None,
    }
}

/// Returns how many characters have to be put in, taken out or changed to make one of the other.
fn slips(left: &str, right: &str) -> usize {
    let mut above: Vec<_> = (0..=right.len()).collect();
    for (i, l) in left.bytes().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.bytes().enumerate() {
            let changed = above[j] + usize::from(l != r);
            row.push(changed.min(above[j + 1] + 1).min(row[j] + 1));
        }
        above = row;
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_told_from_one_of_somebody_elses() {
        for (name, expected) in [
            ("DATABASE_POOLSIZE", Some("DATABASE_POOL_SIZE")),
            ("DATABASE_POOL_SIEZ", Some("DATABASE_POOL_SIZE")),
            ("DATABASE_URI", Some("DATABASE_URL")),
            ("DATABASE_RETRY_ATEMPTS", Some("DATABASE_RETRY_ATTEMPTS")),
            ("ASYNC_DATABASE_POOL_SIZ", Some("ASYNC_DATABASE_POOL_SIZE")),
            ("DATABASE_POOL_SIZE", None),
            ("ASYNC_DATABASE_ENABLED", None),
            ("DATABASE_HOST", None),
            ("DATABASE_USER", None),
            ("DATABASE_PASSWORD", None),
            ("DATABASE_NAME", None),
            (
                "DBOP_OPERATON_PLACE_TIMEOUT",
                Some("DBOP_OPERATION_<name>_.."),
            ),
            ("DBOP_TEST_DATABASE_URL", None),
            ("DBOP_OPERATION_DATABASE_TIMEOUT", None),
            ("PGDATABASE_URL", None),
        ] {
            assert_eq!(meant(name).map(|(meant, _)| meant), expected, "{name}");
        }
    }
}
