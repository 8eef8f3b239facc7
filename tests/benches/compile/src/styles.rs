//! The styles in which the same functions are written, and the crates of each style.

use std::fmt::Write;

use crate::functions::{SHAPES, Session, Shape};

/// The style in which a crate's functions are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// No functions, which shows what a crate costs before it has any.
    Empty,
    Dbop,
    /// Each function for both databases.
    Both,
    /// Each function twice, once for each database.
    Twice,
    /// With a deadline, retries, a span, counts and a category. The loop stands in each function,
    /// so that the function's future is `Send`.
    Careful,
    /// Like `Careful`, but with the loop in a helper that takes an async closure. Such a future
    /// cannot be spawned: rustc reports that "implementation of `Send` is not general enough".
    Closure,
    /// `begin`, the statements, and `commit`.
    Plain,
    /// The plain functions under `#[tracing::instrument]`.
    Instrument,
    /// The plain functions as methods of traits under `#[async_trait]`.
    AsyncTrait,
}

/// Code that compiles only if the future of the first function is `Send`.
const SPAWNED: &str = "
pub fn spawned(pool: SqlitePool) {
    tokio::spawn(async move { transfer_0(&pool, 1, 2, 3).await.is_ok() });
}
";

impl Style {
    pub(crate) const ALL: [Style; 9] = [
        Style::Empty,
        Style::Dbop,
        Style::Both,
        Style::Twice,
        Style::Careful,
        Style::Closure,
        Style::Plain,
        Style::Instrument,
        Style::AsyncTrait,
    ];

    /// The styles whose functions are for one database.
    pub(crate) const FOR_ONE: [Style; 7] = [
        Style::Empty,
        Style::Dbop,
        Style::Careful,
        Style::Closure,
        Style::Plain,
        Style::Instrument,
        Style::AsyncTrait,
    ];

    /// Returns the crate's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Style::Empty => "empty",
            Style::Dbop => "annotated",
            Style::Both => "on_both",
            Style::Twice => "twice",
            Style::Careful => "careful",
            Style::Closure => "closures",
            Style::Plain => "plain",
            Style::Instrument => "instrumented",
            Style::AsyncTrait => "in_traits",
        }
    }

    /// Returns the name in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Style::Empty => "none: only the types",
            Style::Dbop => "`#[db_op]`, `#[transactional]`",
            Style::Both => "`on = [Sqlite, Postgres]`",
            Style::Twice => "each function written twice, once for each database",
            Style::Careful => "by hand, same promises",
            Style::Closure => "by hand, same promises through an async closure, cannot be spawned",
            Style::Plain => "by hand, plain",
            Style::Instrument => "plain, `#[tracing::instrument]`",
            Style::AsyncTrait => "plain, `#[async_trait]` methods",
        }
    }

    /// Returns the text of the crate's `lib.rs`.
    pub(crate) fn source(self, functions: usize) -> String {
        let mut source = include_str!("parts/rows.rs").to_owned();
        source += match self {
            Style::Empty => return source,
            Style::Dbop | Style::Both | Style::Twice => include_str!("parts/dbop.rs"),
            Style::Careful => include_str!("parts/careful.rs"),
            Style::Closure => {
                concat!(
                    include_str!("parts/careful.rs"),
                    include_str!("parts/closures.rs")
                )
            }
            Style::Plain | Style::Instrument | Style::AsyncTrait => include_str!("parts/plain.rs"),
        };
        if self == Style::Twice {
            source += "use sqlx::Postgres;\n";
        }
        if self == Style::AsyncTrait {
            source += "\npub struct Store {\n    pub pool: SqlitePool,\n}\n";
        }
        let shapes: Vec<_> = SHAPES.iter().cycle().take(functions).enumerate().collect();
        for (group, shapes) in shapes.chunks(SHAPES.len()).enumerate() {
            match self {
                Style::AsyncTrait => in_trait(&mut source, group, shapes),
                Style::Twice => for_each_database(&mut source, group, shapes),
                _ => shapes
                    .iter()
                    .for_each(|(number, shape)| self.function(&mut source, *number, shape)),
            }
        }
        if matches!(self, Style::Dbop | Style::Both | Style::Careful) {
            source += SPAWNED;
        }
        source
    }

    fn function(self, source: &mut String, number: usize, shape: &Shape) {
        let Shape {
            name,
            arguments,
            returns,
            ..
        } = shape;
        let (attribute, session) = match self {
            Style::Dbop => dbop_header(shape.session, "", "Sqlite"),
            Style::Both => dbop_header(shape.session, "on = [Sqlite, Postgres]", "DB"),
            Style::Instrument => (
                "#[tracing::instrument(skip(pool))]\n".to_owned(),
                "pool: &SqlitePool".to_owned(),
            ),
            _ => (String::new(), "pool: &SqlitePool".to_owned()),
        };
        let body = match self {
            Style::Dbop | Style::Both => dbop_body(shape, number),
            Style::Careful => careful_body(shape, number),
            Style::Closure => closure_body(shape, number),
            _ => plain_body(shape, number, "pool"),
        };
        let _ = write!(
            source,
            "\n{attribute}pub async fn {name}_{number}({session}, {arguments}) -> Result<{returns}> {{\n{}}}\n",
            indented(&body)
        );
    }
}

/// Returns the attribute and the session parameter.
fn dbop_header(session: Session, option: &str, database: &str) -> (String, String) {
    let (attribute, options, parameter) = match session {
        Session::Transaction => ("transactional", [option, ""], "tx: &mut Tx"),
        Session::Reads => ("db_op", ["read_only", option], "conn: &mut Conn"),
        Session::Writes => ("db_op", [option, ""], "conn: &mut Conn"),
    };
    let options: Vec<_> = options.into_iter().filter(|it| !it.is_empty()).collect();
    let options = match options.join(", ") {
        none if none.is_empty() => none,
        some => format!("({some})"),
    };
    (
        format!("#[{attribute}{options}]\n"),
        format!("{parameter}<'_, {database}>"),
    )
}

fn dbop_body(shape: &Shape, number: usize) -> String {
    let session = match shape.session {
        Session::Transaction => "&mut *tx",
        Session::Reads | Session::Writes => "&mut *conn",
    };
    body(shape, number, session)
}

/// Returns the body, with its statements running where `session` says.
fn body(shape: &Shape, number: usize, session: &str) -> String {
    let body = shape.body.trim_start().replace('#', &number.to_string());
    body.replace('@', session)
}

/// Returns a loop around `call.attempt(async { .. })`.
fn careful_body(shape: &Shape, number: usize) -> String {
    let attempt = match shape.session {
        Session::Transaction => plain_body(shape, number, "pool")
            .replace(".begin()", ".begin_with(\"BEGIN IMMEDIATE\")"),
        _ => {
            let body = body(shape, number, "&mut *conn");
            format!("let mut conn = pool.acquire().await?;\n{body}")
        }
    };
    let (name, repeats) = (shape.name, shape.session != Session::Writes);
    let attempt = indented(&format!(
        "let attempt = call.attempt(async {{\n{}}});\n",
        indented(&attempt)
    ));
    format!(
        "let mut call = Call::new(operation!(\"{name}_{number}\"), {repeats});\n\
         loop {{\n{attempt}    if let Some(result) = attempt.await {{\n        return result;\n    }}\n}}\n"
    )
}

fn closure_body(shape: &Shape, number: usize) -> String {
    let name = shape.name;
    let (start, session) = match shape.session {
        Session::Transaction => ("transaction(operation!(", "pool, async |tx|"),
        Session::Reads => ("session(operation!(", "pool, true, async |tx|"),
        Session::Writes => ("session(operation!(", "pool, false, async |tx|"),
    };
    let body = indented(&body(shape, number, "&mut *tx"));
    format!("{start}\"{name}_{number}\"), {session} {{\n{body}}})\n.await\n")
}

fn plain_body(shape: &Shape, number: usize, pool: &str) -> String {
    if shape.session != Session::Transaction {
        return body(shape, number, pool);
    }
    // `commit` goes before the last line, which is the value.
    let body = body(shape, number, "&mut *tx");
    let (statements, value) = body.trim_end().rsplit_once('\n').unwrap_or(("", &body));
    format!("let mut tx = {pool}.begin().await?;\n{statements}\ntx.commit().await?;\n{value}\n")
}

fn in_trait(source: &mut String, group: usize, shapes: &[(usize, &Shape)]) {
    let mut declared = String::new();
    let mut implemented = String::new();
    for (number, shape) in shapes {
        let Shape {
            name,
            arguments,
            returns,
            ..
        } = shape;
        let signature =
            format!("async fn {name}_{number}(&self, {arguments}) -> Result<{returns}>");
        let body = indented(
            &plain_body(shape, *number, "self.pool").replace("(self.pool)", "(&self.pool)"),
        );
        let _ = writeln!(declared, "{signature};");
        let _ = write!(implemented, "{signature} {{\n{body}}}\n");
    }
    let (declared, implemented) = (indented(&declared), indented(&implemented));
    let _ = write!(
        source,
        "\n#[async_trait::async_trait]\npub trait Bank{group} {{\n{declared}}}\n\
         \n#[async_trait::async_trait]\nimpl Bank{group} for Store {{\n{implemented}}}\n"
    );
}

/// Writes a module for each database.
fn for_each_database(source: &mut String, group: usize, shapes: &[(usize, &Shape)]) {
    for database in ["Sqlite", "Postgres"] {
        let mut functions = String::from("use super::*;\n");
        for (number, shape) in shapes {
            let Shape {
                name,
                arguments,
                returns,
                ..
            } = shape;
            let (attribute, session) = dbop_header(shape.session, "", database);
            let body = indented(&dbop_body(shape, *number));
            let _ = write!(
                functions,
                "\n{attribute}pub async fn {name}_{number}({session}, {arguments}) -> Result<{returns}> {{\n{body}}}\n"
            );
        }
        let module = database.to_lowercase();
        let _ = write!(
            source,
            "\npub mod {module}_{group} {{\n{}}}\n",
            indented(&functions)
        );
    }
}

fn indented(code: &str) -> String {
    code.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(source: &str, text: &str) -> usize {
        source.matches(text).count()
    }

    #[test]
    fn every_style_has_the_same_functions_and_statements() {
        for style in Style::ALL
            .into_iter()
            .filter(|style| *style != Style::Empty)
        {
            let source = style.source(20);
            let declared = match style {
                Style::AsyncTrait | Style::Twice => 2,
                _ => 1,
            };
            let bodies = if style == Style::Twice { 2 } else { 1 };
            for (number, shape) in SHAPES.iter().cycle().take(20).enumerate() {
                let name = format!("async fn {}_{number}(", shape.name);
                assert_eq!(count(&source, &name), declared, "{style:?}: {name}");
            }
            // There are 16 statements in ten functions, and no placeholder is left.
            let statements = count(&source, "sqlx::query");
            assert_eq!(statements, bodies * 2 * 16, "{style:?}");
            assert!(!source.contains('@'), "{style:?}");
        }
    }

    #[test]
    fn it_is_the_same_each_time() {
        assert_eq!(Style::Dbop.source(50), Style::Dbop.source(50));
    }

    #[test]
    fn a_plain_transaction_commits_before_its_value() {
        let source = Style::Plain.source(1);
        let end = "tx.commit().await?;\n    Ok(())\n}\n";
        assert!(source.ends_with(end), "{source}");
    }
}
