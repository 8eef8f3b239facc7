//! An argument that a second attempt would need, and has not.

use dbop::guarded;

struct Prompt(String);

#[guarded(retry(attempts = 2))]
async fn generate(prompt: Prompt) -> dbop::Result<String> {
    Ok(prompt.0)
}

fn main() {}
