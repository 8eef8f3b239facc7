use super::found;
use crate::lint_attributes::Level;
use crate::lints::{LINTS, pages};

/// Returns the example as the compiler gets it, with its hidden lines.
fn whole(example: &str) -> String {
    let lines = example
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_bad_example_of_each_page_breaks_that_lint_and_no_other() {
    for lint in LINTS {
        let mut found = found(&whole(lint.bad));
        found.dedup();
        assert_eq!(found, [lint.name], "{}", lint.name);
    }
}

#[test]
fn the_good_example_of_each_page_breaks_no_lint() {
    for lint in LINTS {
        assert_eq!(found(&whole(lint.good)), [] as [&str; 0], "{}", lint.name);
    }
}

#[test]
fn pages_and_messages_have_no_place_left_to_fill_in() {
    let pages = pages::pages().to_string();
    for place in ["{session}", "{keyword}", "{never}", "{instead}"] {
        assert!(!pages.contains(place), "{place}");
    }
}

#[test]
fn the_guide_lists_every_lint_as_it_is() {
    let guide = include_str!("../../../../runtime/guide/lints.md");
    let rows: Vec<_> = guide
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 2)
        .filter(|line| line.contains("| error |") || line.contains("| warning |"))
        .collect();
    let expected: Vec<_> = LINTS
        .iter()
        .map(|lint| {
            let level = if lint.level == Level::Warn {
                "warning"
            } else {
                "error"
            };
            format!("| `{}` | {level} | {} |", lint.name, lint.finds)
        })
        .collect();
    assert_eq!(rows, expected, "{}", expected.join("\n"));
}

#[test]
fn every_lint_can_be_named_in_the_order_of_the_documentation() {
    assert_eq!(LINTS.map(|lint| lint.name), crate::lint_attributes::NAMES);
}
