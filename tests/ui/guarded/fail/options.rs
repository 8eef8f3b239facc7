//! Options that have no meaning for a call of another service.

use dbop::guarded;

#[guarded(read_only, isolation = serializable)]
async fn reads() -> dbop::Result<()> {
    Ok(())
}

#[guarded(once = key)]
async fn pays(key: &str) -> dbop::Result<()> {
    let _ = key;
    Ok(())
}

#[guarded(db = self.db, in_impl)]
async fn has_a_handle() -> dbop::Result<()> {
    Ok(())
}

#[guarded(breaker = "", attempt_timeout = none, timout = "1s")]
async fn is_mistyped() -> dbop::Result<()> {
    Ok(())
}

#[guarded(timeout = "2s", attempt_timeout = "3s")]
async fn has_no_time() -> dbop::Result<()> {
    Ok(())
}

fn main() {}
