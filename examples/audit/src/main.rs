//! Audits the visibility of a company with both halves of the example: the *sync* half has blocking
//! functions over rusqlite, and the *native* half async functions over sqlx. Interrupts each once, and
//! proves that both have the same result.
//!
//! ```text
//! cargo run -p audit
//! cargo run -p audit -- --database audits.db --report visibility.svg --quiet
//! ```

mod interruption;

use std::error::Error;
use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use audit::client::{Client, Recorded};
use audit::half::Half;
use audit::model::{Audit, FinalAudit};
use audit::processor::{Approach, Ended, Processor};
use audit::progress::{Bar, Silent};
use audit::report;
use audit::setup::{self, Database};
use audit::snapshot::snapshot;
use clap::Parser;
use interruption::Interrupted;

/// The number of questions after which somebody cancels each audit.
const CANCELLED_AFTER: usize = 20;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What the help says of the two halves.
const HALVES: &str = "\
The program once called a blocking driver from async code. Its ten database functions are here
twice, and each half processes an audit of its own:

  sync    blocking functions over rusqlite, kept as they were; dbop runs them on threads that
          may block
  native  async functions over sqlx, rewritten

Each audit is cancelled half-way and resumed. Then the rows that both have stored are compared.";

/// Audits how visible a company is in the answers of language models, with each half of the example.
#[derive(Debug, Parser)]
#[command(version, after_help = HALVES)]
struct Arguments {
    /// The SQLite file to keep the audits in. Without this option, a temporary file is used.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Where to write the chart. Without this option, it is a new file in the system's temporary
    /// folder. Its path is printed.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Show no progress bars.
    #[arg(long)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let lines = error.to_string();
            eprintln!(
                "audit: {}",
                lines.split_whitespace().collect::<Vec<_>>().join(" ")
            );
            ExitCode::FAILURE
        }
    }
}

/// Prints a line. Unlike `println!`, does not panic when the reader of the output has gone away.
fn say(line: impl fmt::Display) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

async fn run(arguments: Arguments) -> Fallible<()> {
    let folder = tempfile::tempdir()?; // removed when this function ends
    let temporary = folder.path().join("audits.db");
    let file = arguments.database.unwrap_or(temporary);
    let database = Database::open(&file)
        .await
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let done = audits(&database, arguments.report, arguments.quiet).await;
    database.close().await;
    done
}

async fn audits(database: &Database, chart: Option<PathBuf>, quiet: bool) -> Fallible<()> {
    let client = Recorded::load()?;
    let company = setup::example_company();
    let company_id = setup::add_company(&database.db, &company).await?;

    let mut results = Vec::new();
    let mut snapshots = Vec::new();
    for half in database.halves() {
        let audit = setup::create_audit(&database.db, Some(company_id)).await?;
        say(format!(
            "{half} half ({}), audit {}:",
            half.about(),
            audit.id
        ))?;
        let result = one_audit(database, &half, &client, audit, quiet).await?;
        results.push(result);
        snapshots.push(snapshot(&database.db, audit.id).await?);
    }
    if let [sync, native] = &snapshots[..]
        && let Some(row) = sync.difference(native)
    {
        return Err(format!("the two halves differ in a row: {row}").into());
    }

    let Some(FinalAudit {
        scores, insights, ..
    }) = results.pop()
    else {
        return Err("there is no half".into());
    };
    say(format!("\n{}\n", report::table(&scores)))?;
    for insight in &insights {
        say(format!("{:>8}: {}", insight.severity, insight.text))?;
    }
    let chart = match chart {
        Some(chart) => chart,
        None => temporary_chart()?,
    };
    report::chart(&chart, &company.company, &scores)
        .map_err(|error| format!("{}: {error}", chart.display()))?;
    say("\nBoth halves have stored the same rows.")?;
    say(format!(
        "The chart is in {}",
        chart.canonicalize()?.display()
    ))?;
    Ok(())
}

/// Makes an empty file for the chart, which stays when the program ends.
fn temporary_chart() -> Fallible<PathBuf> {
    let file = tempfile::Builder::new()
        .prefix("audit-visibility-")
        .suffix(".svg")
        .tempfile()?;
    let (_, path) = file.keep()?;
    Ok(path)
}

/// Processes an audit, which is cancelled half-way, and processes it again.
async fn one_audit(
    database: &Database,
    half: &Half,
    client: &Recorded,
    audit: Audit,
    quiet: bool,
) -> Fallible<FinalAudit> {
    let interrupted = Interrupted::new(client, half, audit.id, CANCELLED_AFTER);
    let Ended::Cancelled = process(half, &interrupted, audit, quiet).await? else {
        return Err("the audit went on although it was cancelled".into());
    };
    let stored = snapshot(&database.db, audit.id)
        .await?
        .count("audit_responses");
    say(format!(
        "  cancelled after {CANCELLED_AFTER} questions, with {stored} answers stored"
    ))?;

    let Ended::Completed(result) = process(half, client, audit, quiet).await? else {
        return Err("the audit was cancelled by somebody else".into());
    };
    let FinalAudit {
        migrated,
        scores,
        insights,
    } = &result;
    let (scores, insights) = (scores.len(), insights.len());
    say(format!(
        "  resumed and completed: {migrated} answers, {scores} scores, {insights} insights"
    ))?;
    Ok(result)
}

async fn process(half: &Half, client: &impl Client, audit: Audit, quiet: bool) -> Fallible<Ended> {
    let approach = Approach::Batch;
    Ok(if quiet {
        Processor {
            half,
            client,
            progress: &Silent,
            approach,
        }
        .run(audit)
        .await?
    } else {
        let progress = &Bar::new(half.to_string());
        Processor {
            half,
            client,
            progress,
            approach,
        }
        .run(audit)
        .await?
    })
}
