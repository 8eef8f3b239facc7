//! A database with both halves, and a client that does what a test needs.

use std::sync::atomic::{AtomicUsize, Ordering};

use audit::client::{Client, ClientError, Recorded};
use audit::error::AuditError;
use audit::half::Half;
use audit::model::{Audit, AuditStatus, ProviderResponse};
use audit::processor::{Approach, Ended, Processor};
use audit::progress::Silent;
use audit::setup::{self, Database};
use audit::snapshot::{Snapshot, snapshot};
use dbop::Db;
use sqlx::Sqlite;

/// The half that a test is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    Sync,
    Native,
}

/// Makes two tests of a function that takes a half: `sync::name` and `native::name`.
macro_rules! promises_of_both_halves {
    ($($(#[$attribute:meta])* async fn $name:ident($bench:ident: Bench) $body:block)*) => {
        $(async fn $name($bench: crate::common::Bench) $body)*
        mod sync {
            use dbop::Db;
            use sqlx::Sqlite;

            use crate::common::{Bench, Which};
            $(
                #[dbop::test]
                async fn $name(db: Db<Sqlite>) {
                    super::$name(Bench::new(db, Which::Sync).await).await;
                }
            )*
        }
        mod native {
            use dbop::Db;
            use sqlx::Sqlite;

            use crate::common::{Bench, Which};
            $(
                #[dbop::test]
                async fn $name(db: Db<Sqlite>) {
                    super::$name(Bench::new(db, Which::Native).await).await;
                }
            )*
        }
    };
}
pub(crate) use promises_of_both_halves;

/// A database with the example's company, and the half that is tested.
pub(crate) struct Bench {
    pub(crate) half: Half,
    pub(crate) database: Database,
    pub(crate) company_id: i64,
}

impl Bench {
    pub(crate) async fn new(db: Db<Sqlite>, which: Which) -> Self {
        let database = Database::on(db).await.unwrap();
        let company = setup::example_company();
        let company_id = setup::add_company(&database.db, &company).await.unwrap();
        let [sync, native] = database.halves();
        let half = match which {
            Which::Sync => sync,
            Which::Native => native,
        };
        Self {
            half,
            database,
            company_id,
        }
    }

    /// Stores a new audit of the company.
    pub(crate) async fn audit(&self) -> Audit {
        setup::create_audit(&self.database.db, Some(self.company_id))
            .await
            .unwrap()
    }

    /// Processes the audit with the recorded answers.
    pub(crate) async fn run(&self, audit: Audit) -> Result<Ended, AuditError> {
        self.run_with(&Script::new(self, audit), audit).await
    }

    pub(crate) async fn run_with(
        &self,
        client: &impl Client,
        audit: Audit,
    ) -> Result<Ended, AuditError> {
        process(&self.half, client, Approach::Batch, audit).await
    }

    pub(crate) async fn snapshot(&self, audit: Audit) -> Snapshot {
        snapshot(&self.database.db, audit.id).await.unwrap()
    }

    /// Returns the row of the audit: status, error message, whether it has a start and an end.
    pub(crate) async fn status(&self, audit: Audit) -> String {
        self.snapshot(audit)
            .await
            .rows("audits")
            .next()
            .unwrap()
            .to_owned()
    }

    /// Returns the number of rows in `audit_queries`, `audit_responses`, `audit_scores`,
    /// `audit_insights` and `final_responses`.
    pub(crate) async fn counts(&self, audit: Audit) -> [usize; 5] {
        let snapshot = self.snapshot(audit).await;
        [
            "audit_queries",
            "audit_responses",
            "audit_scores",
            "audit_insights",
            "final_responses",
        ]
        .map(|table| snapshot.count(table))
    }

    /// Runs a statement that a constraint may reject, and returns what the database says.
    pub(crate) async fn execute(&self, statement: &'static str) -> Result<u64, String> {
        let done = sqlx::query(statement)
            .execute(self.database.db.pool())
            .await;
        done.map(|done| done.rows_affected())
            .map_err(|error| error.to_string())
    }
}

pub(crate) async fn process(
    half: &Half,
    client: &impl Client,
    approach: Approach,
    audit: Audit,
) -> Result<Ended, AuditError> {
    Processor {
        half,
        client,
        progress: &Silent,
        approach,
    }
    .run(audit)
    .await
}

/// What happens while a question is being answered.
pub(crate) enum Event {
    Cancel,
    Unreachable,
}

/// Answers as recorded, counts the questions, and lets an event happen during one of them.
pub(crate) struct Script {
    recorded: Recorded,
    half: Half,
    audit: Audit,
    asked: AtomicUsize,
    event: Option<(usize, Event)>,
}

impl Script {
    pub(crate) fn new(bench: &Bench, audit: Audit) -> Self {
        Self {
            recorded: Recorded::load().unwrap(),
            half: bench.half.clone(),
            audit,
            asked: AtomicUsize::new(0),
            event: None,
        }
    }

    /// Makes the event happen during question number `question`, counted from 1.
    pub(crate) fn at(self, question: usize, event: Event) -> Self {
        Self {
            event: Some((question, event)),
            ..self
        }
    }

    /// Returns how many questions were asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Client for Script {
    async fn answers(&self, query: &str) -> Result<Vec<ProviderResponse>, ClientError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.event {
            Some((at, Event::Cancel)) if *at == number => {
                let cancelled = AuditStatus::Cancelled;
                self.half
                    .update_audit_status(self.audit.id, cancelled, None)
                    .await
                    .unwrap();
            }
            Some((at, Event::Unreachable)) if *at == number => {
                return Err(ClientError::Unreachable("connection refused".to_owned()));
            }
            _ => {}
        }
        self.recorded.answers(query).await
    }
}
