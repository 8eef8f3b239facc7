use std::collections::HashSet;

use axum::http::header;
use dbop::Db;
use futures_util::StreamExt;

use super::stage::{RELIABLE, Stage, eventually};
use crate::cycles;
use crate::export::{AttributeRow, Format, SampleRow, What, export};
use crate::planning::create_cycle_report_planning;
use crate::samples::{self, add_samples};

/// Plans two reports, and makes so many samples of each attribute. Returns how many samples there are.
async fn fill<DB: dbop::jobs::JobDatabase>(stage: &Stage<DB>, each: i32) -> usize {
    let (any, model) = (&stage.any, &stage.clients.model);
    cycles::begin(any, 1, 2).await.unwrap();
    let mut all = 0;
    for report in 1..=2 {
        create_cycle_report_planning(any, model, 1, report)
            .await
            .unwrap();
        let attributes = cycles::attributes(any, 1, report).await.unwrap();
        let made = add_samples(any, samples::of(&attributes, each)).await;
        all += usize::try_from(made.unwrap().items).unwrap();
    }
    all
}

#[dbop::test(migrations = "./migrations")]
async fn an_export_has_every_row_once_as_csv_and_as_lines_of_json(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    let samples = fill(&stage, 50).await;
    let answer = stage.send("GET /export/samples.csv?cycle=1", None).await;
    assert_eq!(
        answer.headers()[header::CONTENT_TYPE],
        "text/csv; charset=utf-8"
    );
    let text = stage.ask("GET /export/samples.csv?cycle=1", 200).await;
    let mut csv = csv::Reader::from_reader(text.as_str().expect("a text").as_bytes());
    let of_csv: Vec<SampleRow> = csv.deserialize().map(|row| row.expect("a row")).collect();
    let text = stage.ask("GET /export/samples.jsonl?cycle=1", 200).await;
    let lines = text.as_str().expect("a text").lines();
    let of_json: Vec<SampleRow> = lines
        .map(|line| serde_json::from_str(line).expect("a row"))
        .collect();
    assert_eq!(of_csv, of_json);
    let different: HashSet<_> = of_csv
        .iter()
        .map(|row| (row.attribute, row.number))
        .collect();
    assert_eq!((of_csv.len(), different.len()), (samples, samples));

    let text = stage.ask("GET /export/attributes.jsonl?cycle=1", 200).await;
    let lines = text.as_str().expect("a text").lines();
    let attributes = lines.map(|line| serde_json::from_str::<AttributeRow>(line).expect("a row"));
    assert_eq!(attributes.count() * 50, samples);
    stage.ask("GET /export/secrets.csv?cycle=1", 404).await;
    stage.ask("GET /export/samples.csv", 400).await;
    let none = stage.ask("GET /export/samples.csv?cycle=2", 200).await;
    assert_eq!(none, "", "an export without rows is empty");
}

#[dbop::test(migrations = "./migrations")]
async fn a_reader_that_goes_away_gives_the_connection_of_its_export_back(db: Db<DB>) {
    let stage = Stage::open(db, RELIABLE).await;
    fill(&stage, 1_000).await;
    let rows = export(stage.any.clone(), What::Samples, Format::Csv, 1);
    let mut rows = Box::pin(rows);
    let first = rows.next().await.expect("a chunk").expect("no error");
    assert!(
        first.len() < 32 * 1024,
        "a chunk, and not all: {}",
        first.len()
    );
    assert!(
        stage.any.pool_status().checked_out > 0,
        "the export goes on"
    );
    drop(rows);
    eventually("the connection is given back", async || {
        stage.any.pool_status().checked_out == 0
    })
    .await;
}
