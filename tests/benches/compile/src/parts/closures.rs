
/// Runs a transaction of its own, which is replayed as a whole.
async fn transaction<T>(
    operation: &'static Operation,
    pool: &SqlitePool,
    body: impl AsyncFn(&mut SqliteConnection) -> Result<T>,
) -> Result<T> {
    let mut call = Call::new(operation, true);
    loop {
        let attempt = async {
            let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
            let value = body(&mut tx).await?;
            tx.commit().await?;
            Ok(value)
        };
        if let Some(result) = call.attempt(attempt).await {
            return result;
        }
    }
}

/// Runs statements that commit one by one, in one session.
async fn session<T>(
    operation: &'static Operation,
    pool: &SqlitePool,
    reads: bool,
    body: impl AsyncFn(&mut SqliteConnection) -> Result<T>,
) -> Result<T> {
    let mut call = Call::new(operation, reads);
    loop {
        let attempt = async {
            let mut conn = pool.acquire().await?;
            body(&mut conn).await
        };
        if let Some(result) = call.attempt(attempt).await {
            return result;
        }
    }
}
