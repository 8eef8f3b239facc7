//! [`Prepared`]: the row of a new job.

use std::borrow::Cow;
use std::time::SystemTime;

use riverqueue::jiff::Timestamp;
use riverqueue::protocol::{self, UniqueKeyInput};
use riverqueue::{UniqueOpts, encoding};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::super::info::JobState;
use super::super::options::{JobOptions, Unique};
use super::refused::refused;
use crate::error::{Error, ErrorKind, Result};

/// The row of a new job, as the statements that write rows take it.
#[derive(Debug, Serialize)]
pub struct Prepared {
    kind: Cow<'static, str>,
    args: Box<RawValue>,
    metadata: Map<String, Value>,
    queue: String,
    priority: i16,
    max_attempts: i32,
    state: JobState,
    scheduled_at: Option<String>,
    tags: Vec<String>,
    /// The hash of what makes the job unique, in hexadecimal digits.
    pub(in crate::jobs) unique_key: Option<String>,
    unique_states: Option<u8>,
}

impl Prepared {
    pub(in crate::jobs) fn new(
        kind: &'static str,
        arguments: &impl Serialize,
        options: &JobOptions,
        due: Option<SystemTime>,
    ) -> Result<Self> {
        let args = encoding::encode_args(arguments).map_err(|error| {
            invalid(format!(
                "the arguments of the job `{kind}` cannot be written as JSON: {error}"
            ))
        })?;
        check_queue(&options.queue)?;
        options.tags.iter().try_for_each(|tag| check_tag(tag))?;
        let now = Timestamp::now();
        let due = due_at(options, due, now)?;
        let unique = options.unique.as_ref().map(unique_options);
        let unique_key = match (&unique, &options.unique) {
            (Some(of_river), Some(unique)) => {
                check_names(kind, unique, &args)?;
                let fields: Vec<[&str; 1]> = unique
                    .arguments
                    .unwrap_or_default()
                    .iter()
                    .map(|name| [*name])
                    .collect();
                let fields: Vec<&[&str]> = fields.iter().map(|name| &name[..]).collect();
                protocol::unique_key(&UniqueKeyInput {
                    encoded_args: &args,
                    kind,
                    now,
                    opts: of_river,
                    queue: &options.queue,
                    scheduled_at: due,
                    unique_fields: &fields,
                })
                .map_err(refused)?
            }
            _ => None,
        };
        let mut metadata = Map::new();
        if let Some(follow_up) = options.discarded {
            let to = (follow_up.options)();
            metadata.insert(
                "dbop:discarded".to_owned(),
                json!({
                    "kind": follow_up.kind,
                    "queue": to.queue,
                    "priority": to.priority,
                    "max_attempts": to.max_attempts,
                }),
            );
        }
        Ok(Self {
            kind: Cow::Borrowed(kind),
            args,
            metadata,
            queue: options.queue.to_string(),
            priority: options.priority,
            max_attempts: options.max_attempts,
            state: match due {
                Some(_) => JobState::Scheduled,
                None => JobState::Available,
            },
            scheduled_at: due.map(|due| due.to_string()),
            tags: options.tags.clone(),
            unique_states: unique_key
                .and(unique)
                .map(|unique| protocol::unique_states_bitmask(&unique)),
            unique_key: unique_key
                .map(|key| key.iter().map(|byte| format!("{byte:02x}")).collect()),
        })
    }

    /// Returns the row of a job that follows a discarded one, by what the discarded one says about it.
    pub(in crate::jobs) fn following(
        follow_up: &Value,
        arguments: &impl Serialize,
    ) -> Result<Self> {
        let text = |name: &str| follow_up[name].as_str().unwrap_or("default").to_owned();
        let number = |name: &str, default| follow_up[name].as_i64().unwrap_or(default);
        let options = JobOptions::new()
            .queue(text("queue"))
            .priority(i16::try_from(number("priority", 1)).unwrap_or(1))
            .max_attempts(i32::try_from(number("max_attempts", 25)).unwrap_or(25));
        let mut prepared = Self::new("", &json!({ "discarded": arguments }), &options, None)?;
        prepared.kind = Cow::Owned(text("kind"));
        Ok(prepared)
    }

    pub(in crate::jobs) fn queue(&self) -> &str {
        &self.queue
    }

    /// Whether workers may fetch the job right away.
    pub(in crate::jobs) fn is_available(&self) -> bool {
        self.state == JobState::Available
    }

    /// Whether the state of the job is one in which no second such job is enqueued.
    pub(in crate::jobs) fn is_covered(&self) -> bool {
        self.unique_states
            .is_some_and(|states| states & protocol::unique_state_bit(self.state.into()) != 0)
    }

    /// Returns the row as SQLite writes it: with a nonce, by which the row that is returned is told from
    /// one that was there already, and with the time in SQLite's format.
    #[cfg(feature = "sqlite")]
    pub(super) fn for_sqlite(&self, nonce: &str) -> Result<String> {
        let mut row = serde_json::to_value(self).map_err(|error| invalid(error.to_string()))?;
        row["metadata"]["river:unique_nonce"] = nonce.into();
        if let Some(due) = &self.scheduled_at {
            let due: Timestamp = due.parse().expect("written by this crate");
            row["scheduled_at"] = super::time::on_sqlite(due).into();
        }
        // The arguments as River encodes them, which a `Value` would write in its own order.
        row["args"] = Value::Null;
        let text = row.to_string();
        Ok(text.replacen("\"args\":null", &format!("\"args\":{}", self.args.get()), 1))
    }
}

/// Returns when a job is due, or `None` for one that is due right away.
fn due_at(
    options: &JobOptions,
    due: Option<SystemTime>,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let late = || invalid("the job would be due after the year 9999".to_owned());
    match (due, options.delay) {
        (Some(due), _) => Timestamp::try_from(due).map(Some).map_err(|_| late()),
        (None, Some(delay)) if !delay.is_zero() => {
            now.checked_add(delay).map(Some).map_err(|_| late())
        }
        _ => Ok(None),
    }
}

fn unique_options(unique: &Unique) -> UniqueOpts {
    let mut options = UniqueOpts::new()
        .with_by_args(unique.arguments.is_some())
        .with_by_queue(unique.queue);
    if let Some(period) = unique.period {
        options = options.with_by_period(period);
    }
    // With nothing else, River would take the options for empty and the job for not unique.
    let states = unique.states.unwrap_or(JobState::UNIQUE_BY_DEFAULT);
    options.with_by_state(states.iter().map(|state| (*state).into()))
}

/// Checks that the arguments by which a job is unique are arguments. River would take all jobs of the kind
/// for the same.
fn check_names(kind: &str, unique: &Unique, args: &RawValue) -> Result<()> {
    let names = unique.arguments.unwrap_or_default();
    if names.is_empty() {
        return Ok(());
    }
    let there: Map<String, Value> = serde_json::from_str(args.get()).unwrap_or_default();
    match names.iter().find(|name| !there.contains_key(**name)) {
        None => Ok(()),
        Some(name) => Err(invalid(format!(
            "`{name}` is not an argument of the job `{kind}`, and cannot make the job unique"
        ))),
    }
}

/// Checks the name of a queue by River's rule, so that no job waits in a queue that no worker may have.
pub(in crate::jobs) fn check_queue(queue: &str) -> Result<()> {
    let mut separated = true;
    let fits = queue.chars().all(|letter| {
        let separates = matches!(letter, '_' | '|' | '-');
        let fits =
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || separates && !separated;
        separated = separates;
        fits
    });
    if fits && !separated && queue.len() <= 64 {
        return Ok(());
    }
    Err(invalid(format!(
        "`{queue}` cannot be the name of a queue; write up to 64 lower-case letters and digits, with single \
         `_`, `-` or `|` between them"
    )))
}

/// Checks a tag by River's rule, so that its clients in other languages take the job as well.
fn check_tag(tag: &str) -> Result<()> {
    let is_word = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
    let fits = tag.chars().all(|letter| is_word(letter) || letter == '-');
    if fits && tag.starts_with(is_word) && tag.ends_with(is_word) && (3..=255).contains(&tag.len())
    {
        return Ok(());
    }
    Err(invalid(format!(
        "`{tag}` cannot be a tag; write 3 to 255 letters, digits and `_`, with `-` between them"
    )))
}

fn invalid(message: String) -> Error {
    Error::programming(ErrorKind::InvalidArgument, message)
}
