//! Reads back what was traced on the current thread.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};

use tracing::dispatcher::Dispatch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

pub type Fields = BTreeMap<String, String>;

/// Everything traced on the thread that has started it, until it is dropped. A `#[tokio::test]`
/// runs all of its tasks on one thread.
#[derive(Debug)]
pub struct Trace {
    seen: Arc<Mutex<Seen>>,
    _guard: DefaultGuard,
}

#[derive(Debug, Default)]
struct Seen {
    /// The open spans, in the order in which they were opened.
    spans: Vec<(Id, Fields)>,
    /// The fields that spans were opened with, which is all that a sampler sees.
    opened: Vec<Fields>,
    closed: Vec<Fields>,
    events: Vec<Fields>,
}

impl Seen {
    /// Stores the operation of the enclosing span in `fields`, under `parent`.
    fn note_parent(&self, parent: Option<Id>, fields: &mut Fields) {
        let span = self
            .spans
            .iter()
            .find(|(id, _)| Some(id) == parent.as_ref());
        if let Some(operation) = span.and_then(|(_, fields)| name(fields)) {
            fields.insert("parent".to_owned(), operation.clone());
        }
    }
}

impl Trace {
    #[must_use]
    pub fn start() -> Self {
        // With one subscriber in the process, tracing asks only the thread that comes to a span first
        // whether somebody wants such spans. That thread may be one of another test.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(NoSubscriber::default()));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let subscriber = tracing_subscriber::registry().with(Recorder(Arc::clone(&seen)));
        Self {
            seen,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Returns the fields that the spans of this operation were opened with, in the order in which
    /// they were opened.
    #[must_use]
    pub fn opened(&self, operation: &str) -> Vec<Fields> {
        of(operation, &self.seen().opened)
    }

    /// Returns the fields of the closed spans of this operation, in the order in which they were
    /// closed.
    #[must_use]
    pub fn spans(&self, operation: &str) -> Vec<Fields> {
        of(operation, &self.seen().closed)
    }

    /// Returns the fields of the events of this operation; the text of an event is in `message`.
    #[must_use]
    pub fn events(&self, operation: &str) -> Vec<Fields> {
        of(operation, &self.seen().events)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The name of an operation on a database, or of a call of another service.
fn name(fields: &Fields) -> Option<&String> {
    let of_database = fields.get("db.operation.name");
    of_database.or_else(|| fields.get("dbop.guarded.name"))
}

fn of(operation: &str, all: &[Fields]) -> Vec<Fields> {
    let is = |fields: &&Fields| name(fields).is_some_and(|name| name == operation);
    all.iter().filter(is).cloned().collect()
}

struct Recorder(Arc<Mutex<Seen>>);

impl Recorder {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Reader(&mut fields));
        let parent = context.span(id).and_then(|span| Some(span.parent()?.id()));
        let mut seen = self.seen();
        seen.note_parent(parent, &mut fields);
        seen.opened.push(fields.clone());
        seen.spans.push((id.clone(), fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        for (span, fields) in &mut self.seen().spans {
            if span == id {
                values.record(&mut Reader(fields));
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Reader(&mut fields));
        let parent = context.event_span(event).map(|span| span.id());
        let mut seen = self.seen();
        seen.note_parent(parent, &mut fields);
        seen.events.push(fields);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut seen = self.seen();
        // Ids are used again, so a closed span is removed.
        if let Some(place) = seen.spans.iter().position(|(span, _)| *span == id) {
            let (_, fields) = seen.spans.remove(place);
            seen.closed.push(fields);
        }
    }
}

struct Reader<'a>(&'a mut Fields);

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
