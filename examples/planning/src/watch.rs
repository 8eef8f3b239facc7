use std::time::Duration;

use dbop::Db;
use dbop::jobs::{JobDatabase, JobInfo};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;

pub fn watch<DB: JobDatabase>(db: &Db<DB>, id: i64) -> BoxStream<'static, dbop::Result<JobInfo>> {
    let db = db.clone();
    stream::unfold(
        (db, None::<String>, false),
        move |(db, told, ended)| async move {
            if ended {
                return None;
            }
            loop {
                match db.jobs().get(id).await {
                    Err(error) => return Some((Err(error), (db, told, true))),
                    Ok(None) => return None,
                    Ok(Some(job)) => {
                        let now = format!("{:?}{:?}{:?}", job.state, job.progress, job.output);
                        if told.as_ref() != Some(&now) {
                            let ends = job.state.is_final();
                            return Some((Ok(job), (db, Some(now), ends)));
                        }
                    }
                }
                sleep(Duration::from_millis(200)).await;
            }
        },
    )
    .boxed()
}
