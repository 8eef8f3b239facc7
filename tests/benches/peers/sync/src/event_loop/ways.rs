//! The ways in which the same queries are run.

use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;

use super::queries::{CONNECTIONS, QUERIES, all_counted, naively, slow_query_sync, through_dbop};
use crate::spawned::Stack;

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    None,
    Naive,
    ByHand,
    Dbop,
}

impl Way {
    pub(super) async fn run(self, rows: i64) {
        match self {
            Self::None => tokio::time::sleep(Duration::from_millis(400)).await, // for the ticker to have ticks
            Self::Naive => naively(rows).await,
            Self::ByHand => by_hand(rows).await,
            Self::Dbop => through_dbop(rows).await,
        }
    }
}

/// Runs the queries as an expert would without dbop.
async fn by_hand(rows: i64) {
    let stack = Stack::open(Path::new(":memory:"), "", CONNECTIONS).expect("it is memory");
    let mut queries = JoinSet::new();
    for _ in 0..QUERIES {
        let stack = stack.clone();
        queries.spawn(async move { stack.with(move |conn| slow_query_sync(conn, rows)).await });
    }
    all_counted(queries, rows).await;
}
