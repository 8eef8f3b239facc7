//! JSON as River writes it, and what may be said of JSON that cannot be read.

use riverqueue::encoding;
use serde::Serialize;
use serde_json::Value;
use serde_json::error::Category;

/// Returns a value as JSON. Fails for a float that JSON does not have, of which serde makes `null`.
pub(in crate::jobs) fn json_value(value: &impl Serialize) -> serde_json::Result<Value> {
    // River's check. Its text would write 1.0 as 1.
    encoding::encode_args(value)?;
    serde_json::to_value(value)
}

/// Says why JSON cannot be read, without the values that serde repeats.
pub(in crate::jobs) fn unreadable(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") {
        return text; // the name of a field, and no value
    }
    let what = match error.classify() {
        Category::Io => "not read to its end",
        Category::Syntax | Category::Eof => "no JSON",
        Category::Data => "of another type",
    };
    match error.line() {
        0 => what.to_owned(),
        line => format!("{what} at line {line}, column {}", error.column()),
    }
}
