//! What is right stays without a word.
#![deny(warnings)]

use std::time::Duration;

use dbop::{DbError, guarded};

#[derive(Debug, thiserror::Error, DbError)]
enum ModelError {
    #[error("busy")]
    #[db_error(category = transient)]
    Busy(#[db_error(retry_after)] Option<Duration>, u16),
    #[error("not reached")]
    #[db_error(category = transient)]
    Unreachable {
        host: String,
        #[db_error(retry_after)]
        after: Duration,
    },
    #[error(transparent)]
    Call(#[from] dbop::Error),
}

#[guarded(retry(attempts = 2, base = "1ms"), breaker = "llm", attempt_timeout = "1s", max_concurrency = 1)]
async fn generate(client: &str, prompt: String) -> Result<String, ModelError> {
    match client {
        "busy" => Err(ModelError::Busy(None, 429)),
        "" => Err(ModelError::Unreachable {
            host: prompt,
            after: Duration::ZERO,
        }),
        _ => Ok(prompt),
    }
}

#[guarded(allow(blocking_call, reason = "a thread of its own"))]
async fn blocks(words: &mut Vec<String>) -> dbop::Result<()> {
    std::thread::sleep(Duration::from_millis(1));
    words.clear();
    Ok(())
}

fn main() {
    let _ = (generate, blocks);
}
