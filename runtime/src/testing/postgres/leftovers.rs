//! Drops the databases that nobody needs any more.

use super::mark::Mark;
use super::session::{Found, Session};
use super::template;
use crate::error::Result;
use crate::testing::today;

/// Drops the databases of processes that have ended before their tests had, and the databases that
/// were kept, or copied from, for long enough.
pub(super) async fn drop_all(session: &mut Session) -> Result<()> {
    let ended = ended_runs(session).await?;
    // Read again, because a process may have marked a database just before it ended.
    for (name, run) in session.unfinished().await? {
        if ended.contains(&run) {
            let _ = session.mark(&name, Mark::Live { run }).await;
        }
    }
    for (name, mark) in session.all().await? {
        match mark {
            Mark::Live { run } if ended.contains(&run) => drop_one(session, &name).await,
            Mark::Live { .. } => {}
            Mark::Kept { .. } if mark.is_out_of_date(today()) => drop_one(session, &name).await,
            Mark::Kept { .. } => {}
            Mark::Template { .. } if mark.is_out_of_date(today()) => {
                drop_template(session, &name).await?;
            }
            Mark::Template { .. } => {}
        }
    }
    for run in ended {
        session.unlock(run).await?;
    }
    Ok(())
}

/// Returns the runs whose processes have ended and have left databases. Their locks are taken.
async fn ended_runs(session: &mut Session) -> Result<Vec<i64>> {
    let live = |(_, mark)| match mark {
        Mark::Live { run } => Some(run),
        Mark::Kept { .. } | Mark::Template { .. } => None,
    };
    let mut runs: Vec<_> = session.all().await?.into_iter().filter_map(live).collect();
    // A database that is not marked does not tell in which database its process holds its lock.
    for (_, run) in session.unfinished().await? {
        if !session.is_held_anywhere(run).await? {
            runs.push(run);
        }
    }
    runs.sort_unstable();
    runs.dedup();
    let mut ended = Vec::new();
    for run in runs {
        if run != session.run && session.try_lock(run).await? {
            ended.push(run);
        }
    }
    Ok(ended)
}

/// Drops a template, unless another process has just begun to use it.
async fn drop_template(session: &mut Session, name: &str) -> Result<()> {
    let Some(key) = template::key(name) else {
        // Its process has ended just before it got its name.
        drop_one(session, name).await;
        return Ok(());
    };
    if session.try_lock(key).await? {
        if let Ok(Found::Ours(mark)) = session.find(name).await
            && mark.is_out_of_date(today())
        {
            drop_one(session, name).await;
        }
        session.unlock(key).await?;
    }
    Ok(())
}

/// Drops a database. One that belongs to another role, or that somebody uses, stays where it is, and
/// does not keep the others from being dropped. A process that has lost its session and its lock may
/// still run a test.
async fn drop_one(session: &mut Session, name: &str) {
    // Without this question, the server would wait some seconds for the sessions to end.
    if session
        .sessions_on(name)
        .await
        .is_ok_and(|all| all.is_empty())
    {
        let _ = session.drop_database(name).await;
    }
}
