//! Reads an answer: whether it mentions the company, where, and after which competitors. Uses no
//! database and waits for nothing.

use crate::model::{Analysis, CompanyContext, Mention};

/// What an answer says about the company and its competitors.
#[must_use]
pub fn analyze(text: &str, context: &CompanyContext) -> Analysis {
    let text = letters(text);
    let company = first_mention(&text, &context.company);
    let mut competitors: Vec<(usize, &String)> = context
        .competitors
        .iter()
        .filter_map(|name| Some((first_mention(&text, name)?, name)))
        .collect();
    competitors.sort_unstable();
    let mention = company.map(|at| Mention {
        position: count(at * 1000 / text.len()),
        rank: count(1 + competitors.iter().filter(|(other, _)| *other < at).count()),
    });
    let competitors = competitors
        .into_iter()
        .map(|(_, name)| name.clone())
        .collect();
    Analysis {
        mention,
        competitors,
    }
}

/// Finds where a name first stands as a word of its own. `clickhouse-local` and `DuckDB's` contain
/// such a word; `MySQLite` and `Polarstern` do not. `None` if there is none.
fn first_mention(text: &[char], name: &str) -> Option<usize> {
    let name = letters(name);
    if name.is_empty() {
        return None;
    }
    let is_word = |at: usize| {
        text.get(at)
            .is_some_and(|c| c.is_alphanumeric() || *c == '_')
    };
    text.windows(name.len())
        .enumerate()
        .position(|(at, window)| {
            window == name && !at.checked_sub(1).is_some_and(is_word) && !is_word(at + name.len())
        })
}

/// Returns the text in lower case, for any script. Positions are counted in this form, so both
/// names and texts have to be converted.
fn letters(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> CompanyContext {
        CompanyContext {
            company: "DuckDB".to_owned(),
            competitors: ["ClickHouse", "SQLite", "Polars"]
                .map(str::to_owned)
                .to_vec(),
            ..CompanyContext::default()
        }
    }

    fn mention(text: &str) -> Option<(i64, i64)> {
        let mention = analyze(text, &context()).mention;
        mention.map(|Mention { position, rank }| (position, rank))
    }

    fn competitors(text: &str) -> Vec<String> {
        analyze(text, &context()).competitors
    }

    #[test]
    fn a_mention_in_any_case_counts() {
        assert_eq!(mention("DuckDB"), Some((0, 1)));
        assert_eq!(mention("try duckdb"), Some((400, 1)));
        assert_eq!(mention("DUCKDB!"), Some((0, 1)));
    }

    #[test]
    fn a_name_inside_another_word_does_not_count() {
        for text in [
            "", "a duck", "DuckDBs", "MyDuckDB", "duckdb_2", "éDuckDB", "DuckDB2",
        ] {
            assert_eq!(mention(text), None, "{text}");
        }
        assert!(competitors("MySQLite, SQLiteStudio, Polarstern").is_empty());
    }

    #[test]
    fn punctuation_ends_a_word() {
        for text in [
            "DuckDB's docs",
            "DuckDB-Wasm",
            "(DuckDB)",
            "`duckdb`",
            "dbt-duckdb",
        ] {
            assert!(mention(text).is_some(), "{text}");
        }
        assert_eq!(competitors("use clickhouse-local"), ["ClickHouse"]);
    }

    #[test]
    fn a_word_on_its_own_counts_after_one_inside_another() {
        assert_eq!(mention("DuckDBs are no DuckDB"), Some((714, 1)));
    }

    #[test]
    fn the_position_is_per_mille_of_the_letters_and_below_a_thousand() {
        assert_eq!(mention("1234 DuckDB 89012345"), Some((250, 1)));
        assert_eq!(mention("ÄÖÜ DuckDB"), Some((400, 1)));
        let long = format!("{}DuckDB", "x ".repeat(10_000));
        assert_eq!(mention(&long), Some((999, 1)));
    }

    #[test]
    fn the_rank_counts_the_competitors_that_come_before() {
        assert_eq!(
            mention("SQLite, DuckDB, Polars").map(|(_, rank)| rank),
            Some(2)
        );
        assert_eq!(
            mention("SQLite, SQLite, DuckDB").map(|(_, rank)| rank),
            Some(2)
        );
        assert_eq!(
            mention("Polars, SQLite, ClickHouse, DuckDB").map(|(_, rank)| rank),
            Some(4)
        );
    }

    #[test]
    fn competitors_are_listed_once_in_the_order_of_the_text() {
        let text = "Polars or SQLite? Polars, unless ClickHouse. Snowflake is not asked for.";
        assert_eq!(competitors(text), ["Polars", "SQLite", "ClickHouse"]);
    }
}
