//! The functions that every crate has, as data. A crate's style decides what is written around
//! them.

/// One of ten functions of an application. A crate has many of each, numbered in place of `#`.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) session: Session,
    /// The arguments after the session. Each ends with a comma.
    pub(crate) arguments: &'static str,
    pub(crate) returns: &'static str,
    /// The body. `@` marks where a statement runs.
    pub(crate) body: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Session {
    Transaction,
    Reads,
    Writes,
}

/// Transactions of two or three statements alternate with operations of one statement.
pub(crate) const SHAPES: [Shape; 10] = [
    Shape {
        name: "transfer",
        session: Session::Transaction,
        arguments: "from: i64, to: i64, cents: i64,",
        returns: "()",
        body: r#"
let left: i64 = sqlx::query_scalar("UPDATE accounts_# SET cents = cents - $1 WHERE id = $2 RETURNING cents")
    .bind(cents)
    .bind(from)
    .fetch_one(@)
    .await?;
if left < 0 {
    return Err(Error::InsufficientFunds(from));
}
sqlx::query("UPDATE accounts_# SET cents = cents + $1 WHERE id = $2")
    .bind(cents)
    .bind(to)
    .execute(@)
    .await?;
Ok(())
"#,
    },
    Shape {
        name: "balance",
        session: Session::Reads,
        arguments: "id: i64,",
        returns: "i64",
        body: r#"
let cents = sqlx::query_scalar("SELECT cents FROM accounts_# WHERE id = $1")
    .bind(id)
    .fetch_one(@)
    .await?;
Ok(cents)
"#,
    },
    Shape {
        name: "open",
        session: Session::Transaction,
        arguments: "owner: &str, note: Option<String>, cents: i64,",
        returns: "i64",
        body: r#"
let id: i64 = sqlx::query_scalar("INSERT INTO accounts_# (owner, cents, note) VALUES ($1, 0, $2) RETURNING id")
    .bind(owner)
    .bind(&note)
    .fetch_one(@)
    .await?;
sqlx::query("INSERT INTO entries_# (account, cents, booked) VALUES ($1, $2, CURRENT_TIMESTAMP)")
    .bind(id)
    .bind(cents)
    .execute(@)
    .await?;
sqlx::query("UPDATE accounts_# SET cents = $1 WHERE id = $2")
    .bind(cents)
    .bind(id)
    .execute(@)
    .await?;
Ok(id)
"#,
    },
    Shape {
        name: "entries",
        session: Session::Reads,
        arguments: "account: i64, limit: i64,",
        returns: "Vec<Entry>",
        body: r#"
let entries = sqlx::query_as("SELECT id, account, cents, booked FROM entries_# WHERE account = $1 ORDER BY id LIMIT $2")
    .bind(account)
    .bind(limit)
    .fetch_all(@)
    .await?;
Ok(entries)
"#,
    },
    Shape {
        name: "close",
        session: Session::Transaction,
        arguments: "id: i64,",
        returns: "u64",
        body: r#"
let entries = sqlx::query("DELETE FROM entries_# WHERE account = $1")
    .bind(id)
    .execute(@)
    .await?
    .rows_affected();
let accounts = sqlx::query("DELETE FROM accounts_# WHERE id = $1")
    .bind(id)
    .execute(@)
    .await?
    .rows_affected();
Ok(entries + accounts)
"#,
    },
    Shape {
        name: "book",
        session: Session::Writes,
        arguments: "account: i64, cents: i64, booked: String,",
        returns: "i64",
        body: r#"
let id = sqlx::query_scalar("INSERT INTO entries_# (account, cents, booked) VALUES ($1, $2, $3) RETURNING id")
    .bind(account)
    .bind(cents)
    .bind(&booked)
    .fetch_one(@)
    .await?;
Ok(id)
"#,
    },
    Shape {
        name: "withdraw",
        session: Session::Transaction,
        arguments: "owner: &str, cents: i64,",
        returns: "Option<Account>",
        body: r#"
let account: Option<Account> = sqlx::query_as("SELECT id, owner, cents, note FROM accounts_# WHERE owner = $1")
    .bind(owner)
    .fetch_optional(@)
    .await?;
let Some(mut account) = account else {
    return Ok(None);
};
if account.cents < cents {
    return Err(Error::InsufficientFunds(account.id));
}
account.cents -= cents;
sqlx::query("UPDATE accounts_# SET cents = $1 WHERE id = $2")
    .bind(account.cents)
    .bind(account.id)
    .execute(@)
    .await?;
Ok(Some(account))
"#,
    },
    Shape {
        name: "find",
        session: Session::Reads,
        arguments: "owner: &str,",
        returns: "Option<Account>",
        body: r#"
let found = sqlx::query_as::<_, Account>("SELECT id, owner, cents, note FROM accounts_# WHERE owner = $1")
    .bind(owner)
    .fetch_optional(@)
    .await?;
Ok(found.filter(|account| !account.owner.is_empty()))
"#,
    },
    Shape {
        name: "rename",
        session: Session::Transaction,
        arguments: "id: i64, owner: String,",
        returns: "bool",
        body: r#"
let old: String = sqlx::query_scalar("SELECT owner FROM accounts_# WHERE id = $1")
    .bind(id)
    .fetch_one(@)
    .await?;
if old == owner {
    return Ok(false);
}
let note = format!("{old} until now");
sqlx::query("UPDATE accounts_# SET owner = $1, note = $2 WHERE id = $3")
    .bind(&owner)
    .bind(note)
    .bind(id)
    .execute(@)
    .await?;
Ok(true)
"#,
    },
    Shape {
        name: "annotate",
        session: Session::Writes,
        arguments: "ids: (i64, i64), note: Option<&str>,",
        returns: "u64",
        body: r#"
let (first, last) = ids;
let done = sqlx::query("UPDATE accounts_# SET note = $1 WHERE id BETWEEN $2 AND $3")
    .bind(note)
    .bind(first)
    .bind(last)
    .execute(@)
    .await?;
Ok(done.rows_affected())
"#,
    },
];
