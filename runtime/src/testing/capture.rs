//! [`Capture`]: keeps the spans, events and statements of one test, to be printed if the test fails.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::dispatcher::{Dispatch, WeakDispatch, set_default, with_default};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, EnteredSpan, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Event, Level, Metadata, Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// The target of sqlx's events about statements.
const STATEMENTS: &str = "sqlx::query";
/// The target of the span around a whole test.
const AROUND: &str = "dbop::testing";
/// How many lines are kept. The last ones say most about a failure.
const MOST_LINES: usize = 1_000;
/// How long a line may be, in characters.
const LONGEST_LINE: usize = 1_000;

/// What one test has traced. A clone adds to the same lines.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    lines: Arc<Lines>,
    dispatch: Dispatch,
    /// The span around the test. A driver's thread only knows by a span where its events belong.
    span: Span,
}

thread_local! {
    /// Whether the thread belongs to a test.
    static OF_TEST: Cell<bool> = const { Cell::new(false) };
    /// The subscribers that spans have brought to another thread, such as one of SQLite's driver.
    static BROUGHT: RefCell<Vec<DefaultGuard>> = const { RefCell::new(Vec::new()) };
}

impl Capture {
    pub(super) fn new() -> Self {
        // With one subscriber in the process, tracing asks only the thread that comes to an event first
        // whether somebody wants such events. That thread may not be one of the test's.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(NoSubscriber::default()));
        let lines = Arc::new(Lines::new());
        let recorder = Recorder {
            lines: Arc::clone(&lines),
            itself: OnceLock::new(),
        };
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(recorder));
        let span = with_default(&dispatch, || tracing::info_span!(target: AROUND, "test"));
        Self {
            lines,
            dispatch,
            span,
        }
    }

    /// Captures what happens on this thread, until the value is dropped.
    pub(super) fn on_this_thread(&self) -> OnThread {
        OF_TEST.set(true);
        OnThread {
            _default: set_default(&self.dispatch),
            _inside: self.span.clone().entered(),
        }
    }

    /// Returns what was captured, for a reader; an empty text if there is nothing.
    pub(super) fn report(&self, test: &str) -> String {
        let lines = self.lines.all();
        if lines.kept.is_empty() {
            return String::new();
        }
        let mut report = format!("What has happened in {test}, with the time since its begin:\n");
        if lines.left_out > 0 {
            let _ = writeln!(report, "    ({} earlier lines left out)", lines.left_out);
        }
        for line in &lines.kept {
            let _ = writeln!(report, "    {line}");
        }
        report
    }
}

/// The capture on one thread.
pub(super) struct OnThread {
    // Dropped in this order.
    _inside: EnteredSpan,
    _default: DefaultGuard,
}

impl OnThread {
    /// Goes on until the thread ends.
    pub(super) fn forever(self) {
        std::mem::forget(self);
    }
}

impl Drop for OnThread {
    fn drop(&mut self) {
        OF_TEST.set(false);
    }
}

/// The lines of one test.
#[derive(Debug)]
struct Lines {
    begun: Instant,
    all: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    kept: VecDeque<String>,
    left_out: usize,
}

impl Lines {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            all: Mutex::default(),
        }
    }

    fn all(&self) -> MutexGuard<'_, Kept> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, text: &str) {
        let line = format!("{:>9}  {text}", millis(self.begun.elapsed()));
        let shortened = match line.char_indices().nth(LONGEST_LINE) {
            Some((end, _)) => format!("{}..", &line[..end]),
            None => line,
        };
        let mut all = self.all();
        if all.kept.len() == MOST_LINES {
            all.kept.pop_front();
            all.left_out += 1;
        }
        all.kept.push_back(shortened);
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The part of the subscriber that writes the lines.
struct Recorder {
    lines: Arc<Lines>,
    /// The subscriber that this is a part of.
    itself: OnceLock<WeakDispatch>,
}

/// What is known of an open span.
struct Known {
    begun: Instant,
    fields: Fields,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        let _ = self.itself.set(dispatch.downgrade());
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // Others trace at the finest level what only they can read.
        *metadata.level() <= Level::DEBUG || metadata.target() == STATEMENTS
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            let begun = Instant::now();
            span.extensions_mut().insert(Known { begun, fields });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(known) = span.extensions_mut().get_mut::<Known>()
        {
            values.record(&mut known.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let path = path(context.event_span(event));
        let metadata = event.metadata();
        self.lines.add(&match metadata.target() {
            STATEMENTS => format!("{path}{}", statement(&fields)),
            target => {
                let message = fields.get("message").unwrap_or_default();
                let level = metadata.level();
                let others = fields.others(|name| name == "message");
                format!("{path}{level} {target}: {message}{others}")
            }
        });
    }

    /// A thread that is not of the test has no subscriber, so its events would be lost.
    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        if OF_TEST.get() {
            return;
        }
        if let Some(itself) = self.itself.get().and_then(WeakDispatch::upgrade) {
            let brought = set_default(&itself);
            BROUGHT.with_borrow_mut(|all| all.push(brought));
        }
    }

    fn on_exit(&self, _: &Id, _: Context<'_, S>) {
        if !OF_TEST.get() {
            BROUGHT.with_borrow_mut(Vec::pop);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        if span.metadata().target() == AROUND {
            return;
        }
        if let Some(known) = span.extensions().get::<Known>() {
            let path = path(span.parent());
            let label = known.label(span.name());
            let took = millis(known.begun.elapsed());
            // The name and the place of an operation are the same in all of its lines.
            let fixed = ["otel.", "code.", "db.", "server."];
            let is_fixed = |name: &str| fixed.iter().any(|prefix| name.starts_with(prefix));
            let fields = known.fields.others(is_fixed);
            self.lines
                .add(&format!("{path}{label} took {took}{fields}"));
        };
    }
}

impl Known {
    /// The operation, or the name of the span.
    fn label<'a>(&'a self, name: &'a str) -> &'a str {
        let of_database = self.fields.get("db.operation.name");
        let known = of_database.or_else(|| self.fields.get("dbop.guarded.name"));
        known.unwrap_or(name)
    }
}

/// Returns the names of this span and of those around it, the outermost first: `transfer > withdraw > `.
fn path<'a, S: LookupSpan<'a>>(span: Option<SpanRef<'a, S>>) -> String {
    let Some(span) = span else {
        return String::new();
    };
    let mut path = String::new();
    for span in span.scope().from_root() {
        if span.metadata().target() == AROUND {
            continue;
        }
        let extensions = span.extensions();
        let known = extensions.get::<Known>();
        path += known.map_or(span.name(), |known| known.label(span.name()));
        path += " > ";
    }
    path
}

/// Writes one of sqlx's events about a statement.
fn statement(fields: &Fields) -> String {
    // The whole text is only there if it is longer than its summary.
    let text = fields.get("db.statement").filter(|text| !text.is_empty());
    let text = text.or(fields.get("summary")).unwrap_or_default();
    let words: Vec<_> = text.split_whitespace().collect();
    let get = |name| fields.get(name).unwrap_or("?");
    format!(
        "{} -- {}, {} rows, {} changed",
        words.join(" "),
        get("elapsed"),
        get("rows_returned"),
        get("rows_affected"),
    )
}

/// The fields of a span or an event, as texts.
#[derive(Default)]
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Writes the fields that are not left out: ` dbop.attempts=2 dbop.outcome=committed`.
    fn others(&self, left_out: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| !left_out(name)) {
            let _ = write!(text, " {name}={value}");
        }
        text
    }

    fn set(&mut self, field: &Field, value: String) {
        self.0.retain(|(name, _)| *name != field.name());
        self.0.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}"));
    }
}
