//! Functions that cannot be guarded.

use dbop::{db_op, guarded};

#[guarded]
fn is_not_async(words: &str) -> dbop::Result<String> {
    Ok(words.to_owned())
}

#[guarded]
async fn returns_nothing() {}

#[guarded]
const fn is_const() -> dbop::Result<()> {
    Ok(())
}

#[guarded]
#[db_op]
async fn is_an_operation() -> dbop::Result<()> {
    Ok(())
}

#[guarded]
async fn returns_no_result() -> String {
    String::new()
}

#[guarded]
struct Model;

fn main() {}
