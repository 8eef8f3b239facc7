use super::*;

fn job(body: &str) -> String {
    format!("async fn pay(job: &Job<Sqlite>, repository: &Repository) -> R {{ {body} }}")
}

#[test]
fn a_session_is_not_kept_beyond_its_step() {
    for kept in [
        "slot = Some(tx);",
        "slot = tx;",
        "*slot = Some(tx);",
        "slot.first = Ok(tx);",
        "slots[0] = (tx, 1);",
        "slots.push(tx);",
        "slots.insert(1, tx);",
        "if true { slot.replace(Some(tx)); }",
        "{ let a = 1; slot = Some(tx) }",
    ] {
        for step in ["read", "write"] {
            let body = format!(
                "let mut slot = None; let mut slots = Vec::new(); \
                 job.{step}(\"a\", async |tx| {{ {kept} Ok(()) }}).await?; Ok(())"
            );
            assert_rejected(
                "",
                &job(&body),
                &["write `job.write(\"name\", async |tx| ..)`"],
            );
        }
    }
    let typed = "let mut slot = None; job.write(\"a\", async |tx: &mut Tx<'_, Sqlite>| { slot = Some(tx); Ok(()) }).await";
    assert_rejected(
        "",
        &job(typed),
        &["a transaction cannot live across the steps"],
    );
    let renamed = "async fn pay(this: &Job<Sqlite>) -> R { let mut slot = None; this.write(\"a\", |tx| async move { slot = Some(tx); Ok(()) }).await }";
    assert_rejected(
        "",
        renamed,
        &["write `this.write(\"name\", async |tx| ..)`"],
    );
}

#[test]
fn a_session_that_is_used_in_its_step_is_no_mistake() {
    for used in [
        "job.write(\"a\", async |tx| { let mut slot = None; slot = Some(tx); Ok(()) }).await",
        "let mut slot = None; job.write(\"a\", async |tx| { let mut slot = None; slot = Some(tx); Ok(()) }).await",
        "let mut slot = None; job.write(\"a\", async |tx| { slot = Some(insert(tx).await?); Ok(()) }).await",
        "let mut ids = vec![]; job.write(\"a\", async |tx| { ids.push(insert(tx).await?); Ok(()) }).await",
        "let rows = Rows; job.write(\"a\", async |tx| { rows.insert(tx).await?; Ok(()) }).await",
        "let rows = Rows; job.write(\"a\", async |tx| { rows.insert(tx).await }).await",
        "let rows = Rows; job.write(\"a\", async |tx| rows.insert(tx)).await",
        "job.write(\"a\", async |tx| { repository.insert(tx); Ok(()) }).await",
        "let mut slot = 1; job.write(\"a\", async |tx| { let tx = 2; slot = tx; Ok(()) }).await",
        "let mut slot = 1; cache.write(\"a\", |tx| { slot = tx; Ok(()) }).await",
        "let mut slot = None; job.write(\"a\", async |_| { slot = Some(1); Ok(()) }).await",
    ] {
        let found = expanded("", &job(used));
        assert!(!found.contains("compile_error"), "{used}: {found}");
    }
}
