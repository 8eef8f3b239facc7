//! `Option<&mut Transaction>`, 4 % of real functions. Each is annotated as it stands: with `None`,
//! dbop begins a transaction, and replays it when it has rolled back. In the caller's transaction
//! the function runs once.

use sqlx::{Sqlite, SqlitePool, Transaction, query, query_scalar};

pub(crate) struct Cards {
    pub(crate) pool: SqlitePool,
}

impl Cards {
    #[cfg_attr(feature = "dbop", dbop::transactional(db = self.pool))]
    pub(crate) async fn issue(
        &self,
        member: i64,
        number: i64,
        tx: Option<&mut Transaction<'_, Sqlite>>,
    ) -> sqlx::Result<()> {
        let issue = query("INSERT INTO cards (member, number) VALUES (?, ?)");
        let issue = issue.bind(member).bind(number);
        match tx {
            Some(tx) => issue.execute(&mut **tx).await?,
            None => issue.execute(&self.pool).await?,
        };
        Ok(())
    }

    /// Gives a member the next number. With dbop there is always a transaction, so nobody else takes
    /// that number between the two statements.
    #[cfg_attr(feature = "dbop", dbop::transactional(db = self.pool))]
    pub(crate) async fn renew(
        &self,
        member: i64,
        tx: Option<&mut Transaction<'_, Sqlite>>,
    ) -> sqlx::Result<i64> {
        let next = query_scalar("SELECT MAX(number) + 1 FROM cards");
        let renew = query("UPDATE cards SET number = ? WHERE member = ?");
        let number: i64;
        match tx {
            Some(tx) => {
                number = next.fetch_one(&mut **tx).await?;
                renew.bind(number).bind(member).execute(&mut **tx).await?;
            }
            None => {
                number = next.fetch_one(&self.pool).await?;
                renew.bind(number).bind(member).execute(&self.pool).await?;
            }
        }
        Ok(number)
    }
}
