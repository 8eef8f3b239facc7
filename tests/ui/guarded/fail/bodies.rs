//! What the lints find.

use dbop::{Tx, guarded, transactional};
use sqlx::{Executor, Sqlite};

#[guarded]
async fn blocks() -> dbop::Result<()> {
    std::thread::sleep(std::time::Duration::from_millis(1));
    Ok(())
}

#[guarded(retry(attempts = 2))]
async fn collects(into: &mut Vec<String>) -> dbop::Result<()> {
    into.push(String::new());
    Ok(())
}

#[guarded]
async fn generate(prompt: &str) -> dbop::Result<String> {
    Ok(prompt.to_owned())
}

#[transactional]
async fn holds_the_transaction(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<()> {
    tx.execute("DELETE FROM drafts WHERE id = 1").await?;
    generate("why").await?;
    Ok(())
}

fn main() {}
