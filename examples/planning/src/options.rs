//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser};
use planning::model::Behaviour;
use planning::run::{Cycle, MOST_REPORTS};
use planning::samples::MOST;
use planning::workers::Crew;
use reqwest::Url;

const EXAMPLES: &str = "\
Examples:
  planning                                    plans a cycle on the file planning.sqlite, and ends; killed at
                                              any moment and started again, it goes on where it stopped
  planning --serve                            serves http://127.0.0.1:3000
  planning --model-only --listen 0.0.0.0:3100 runs the model for processes on several machines, and each of
  planning --worker --model http://HOST:3100  these runs jobs, with DATABASE_URL=postgres://user:password@HOST/NAME

A URL on the command line is seen by all users of the machine. DATABASE_URL is not.";

/// Plans cycles of tests with a language model, by durable jobs on SQLite or PostgreSQL.
///
/// Without --serve, --worker or --model-only, plans a whole cycle, shows the progress, and ends.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) mode: Mode,

    /// The database: sqlite:FILE?mode=rwc or postgres://USER:PASSWORD@HOST/NAME. The default is
    /// DATABASE_URL, or else sqlite:planning.sqlite?mode=rwc.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Where --serve and --model-only listen. Port 0 is any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// The model, and the site that is scraped, of a process with --model-only. Without this option,
    /// this process has its own.
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub(crate) model: Option<Url>,
    /// What is shown to read /monitoring and /monitoring/jobs with --serve, 16 characters at least.
    /// Without this option, these pages do not exist.
    #[arg(long, value_name = "TOKEN", env = "PLANNING_TOKEN", hide_env_values = true, value_parser = token)]
    pub(crate) token: Option<String>,

    /// The cycle that is planned.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    cycle: i64,
    /// How many reports the cycle has.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=MOST_REPORTS))]
    reports: i64,
    /// How many samples of each attribute are made.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(i32).range(0..=i64::from(MOST)))]
    samples: i32,
    /// How many reports are planned at the same time in this process.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    at_once: u16,
    /// How soon other processes notice that this one has died. All should have the same.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    noticed_within: Duration,

    /// How long the model of this process takes to answer.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    model_delay: Duration,
    /// The share of the questions that the model of this process does not answer as it should.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    model_failing: f64,
    /// Chooses these questions and the answers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Mode {
    /// Serve the HTTP API and a page with the jobs, and run jobs, until ctrl-c.
    #[arg(long)]
    pub(crate) serve: bool,
    /// Run jobs that others have enqueued, until ctrl-c.
    #[arg(long)]
    pub(crate) worker: bool,
    /// Run the model, and the site that is scraped, for other processes, until ctrl-c.
    #[arg(long)]
    pub(crate) model_only: bool,
}

impl Options {
    pub(crate) fn cycle(&self) -> Cycle {
        Cycle {
            cycle: self.cycle,
            reports: self.reports,
            samples: self.samples,
        }
    }

    pub(crate) fn crew(&self) -> Crew {
        Crew {
            at_once: usize::from(self.at_once),
            noticed_within: self.noticed_within,
        }
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        Behaviour {
            delay: self.model_delay,
            failing: self.model_failing,
            seed: self.seed,
        }
    }
}

/// Reads a time such as `1s` or `250ms`.
fn time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|it: char| !it.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => 0,
    };
    let time = number
        .parse::<u32>()
        .ok()
        .map(|number| u64::from(number) * millis);
    let time = time.filter(|time| (1..=3_600_000).contains(time));
    let time = time.map(Duration::from_millis);
    time.ok_or_else(|| "expected a time from 1ms to 60m, such as 250ms, 5s or 1m".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1, such as 0.1".to_owned())
}

fn http_url(text: &str) -> Result<Url, String> {
    let url = text
        .parse::<Url>()
        .ok()
        .filter(|url| url.scheme() == "http");
    url.ok_or_else(|| "expected a URL such as http://127.0.0.1:3100".to_owned())
}

fn token(text: &str) -> Result<String, String> {
    match text.len() {
        ..16 => Err("a token has at least 16 characters, or it could be guessed".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_that_make_no_sense_are_refused_with_an_example() {
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        for bad in [
            "",
            "5",
            "s",
            "-1s",
            "0s",
            "1h",
            "61m",
            "99999999999s",
            "1.5s",
        ] {
            assert!(time(bad).unwrap_err().contains("250ms"), "{bad}");
        }
        assert_eq!(share("0.25"), Ok(0.25));
        for bad in ["", "-0.1", "1.1", "NaN", "a tenth"] {
            assert!(share(bad).unwrap_err().contains("0.1"), "{bad}");
        }
        assert!(http_url("https://example.org").is_err());
        assert!(http_url("http://127.0.0.1:3100").is_ok());
    }
}
