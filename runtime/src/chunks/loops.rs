//! [`Chunks`]: the loop over the chunks, around the loop over the attempts of each.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;

#[cfg(feature = "once")]
use tokio::task::yield_now;

use super::committed::{ChunkResult, Committed};
use super::items::{ChunkItems, ChunkSource};
use super::place::{AnyChunkScope, ChunkScope, InChunks};
#[cfg(feature = "once")]
use super::position::Resumable;
use crate::backend::Backend;
use crate::call::{Attempted, Call};
#[cfg(feature = "once")]
use crate::error::{Ended, Error, Outcome, Result as ErrorOr};
#[cfg(feature = "once")]
use crate::once::{Asked, ComparedItem, OnceKey, PositionMarker};
use crate::op::Op;
use crate::scope::Source;

/// A call of a function in chunks. Generated code runs it:
///
/// ```text
/// let mut __chunks = Chunks::<_, DB, _, _, R>::transaction(&__DBOP_OP, 500, tx, items);
/// while let Some(mut __chunk) = __chunks.next().await {
///     let mut __call = __chunk.call::<R>();
///     ..
///     __chunks.end(__call.finish());
/// }
/// __chunks.finish()
/// ```
pub struct Chunks<'p, S, DB: Backend, T, I, R> {
    op: &'static Op,
    size: usize,
    scope: S,
    source: fn(&mut S) -> Source<'_, DB>,
    items: I,
    item: PhantomData<fn() -> T>,
    #[cfg(feature = "once")]
    resumable: Option<Resumable<T>>,
    progress: Option<Progress<'p>>,
    committed: Committed,
    stage: Stage<R>,
}

/// What is called after each chunk.
type Progress<'p> = Box<dyn FnMut(&Committed) + Send + 'p>;

/// How far the loop is.
enum Stage<R> {
    NotBegun,
    Runs,
    /// All is committed.
    Ended,
    /// The result of the chunk at which the call has ended.
    Failed(R),
}

impl<'p, S, DB, T, I, R> Chunks<'p, S, DB, T, I, R>
where
    S: Clone + Send,
    DB: Backend,
    I: ChunkSource<T, R>,
    R: ChunkResult,
{
    /// A call on one database, with so many items in a chunk.
    pub fn transaction<Kind, Items>(op: &'static Op, size: usize, scope: S, items: Items) -> Self
    where
        S: ChunkScope<DB, T>,
        Items: ChunkItems<T, R, Kind, Source = I>,
    {
        Self::new(op, size, scope, S::source, items.into_source())
    }

    /// A call of a function that is written for two databases, the one of them being `DB`.
    pub fn any_transaction<Kind, Items>(
        op: &'static Op,
        size: usize,
        scope: S,
        items: Items,
    ) -> Self
    where
        S: AnyChunkScope<T>,
        Items: ChunkItems<T, R, Kind, Source = I>,
    {
        Self::new(op, size, scope, S::source_on::<DB>, items.into_source())
    }

    fn new(
        op: &'static Op,
        size: usize,
        scope: S,
        source: fn(&mut S) -> Source<'_, DB>,
        items: I,
    ) -> Self
    where
        S: InChunks<T>,
    {
        let total = items.left();
        #[cfg(not(feature = "once"))]
        let stage = Stage::NotBegun;
        #[cfg(feature = "once")]
        let (resumable, stage) = match scope.resumable() {
            Ok(resumable) => (resumable, Stage::NotBegun),
            Err(error) => (None, Stage::Failed(refused_by(op)(error))),
        };
        Self {
            op,
            size,
            scope,
            source,
            items,
            item: PhantomData,
            #[cfg(feature = "once")]
            resumable,
            progress: None,
            committed: Committed {
                total,
                ..Committed::default()
            },
            stage,
        }
    }

    /// Lets a later call with this key go on where this one stops. In a job, the key does nothing, as the
    /// job itself is resumed.
    #[cfg(feature = "once")]
    #[must_use]
    pub fn resume(mut self, key: OnceKey) -> Self
    where
        T: ComparedItem,
    {
        if self.resumable.is_none() {
            match Resumable::by_key(self.op.name, key) {
                Ok(resumable) => self.resumable = Some(resumable),
                Err(error) => self.stage = Stage::Failed(refused_by(self.op)(error)),
            }
        }
        self
    }

    /// Calls this after each chunk.
    #[must_use]
    pub fn progress(mut self, tell: impl FnMut(&Committed) + Send + 'p) -> Self {
        self.progress = Some(Box::new(tell));
        self
    }

    /// Returns the next chunk; `None` when the call is over.
    pub async fn next(&mut self) -> Option<Chunk<'_, S, DB, T>> {
        if matches!(self.stage, Stage::Ended | Stage::Failed(_)) {
            return None;
        }
        match self.read_next().await {
            Ok(true) => {}
            Ok(false) => {
                self.stage = Stage::Ended;
                return None;
            }
            Err(failed) => {
                self.stage = Stage::Failed(failed);
                return None;
            }
        }
        let items = self.items.chunk();
        #[cfg(feature = "once")]
        let position = {
            let reached = self.committed.and(items);
            let resumable = self.resumable.as_mut();
            resumable.map(|resumable| resumable.marker(&reached))
        };
        Some(Chunk {
            op: self.op,
            scope: self.scope.clone(),
            source: self.source,
            items,
            #[cfg(feature = "once")]
            position,
        })
    }

    /// Reads the next chunk. `false`: there is none.
    async fn read_next(&mut self) -> Result<bool, R> {
        #[cfg(feature = "once")]
        if matches!(self.stage, Stage::NotBegun) && self.go_on().await? {
            return Ok(false);
        }
        self.stage = Stage::Runs;
        #[cfg(feature = "once")]
        let refused = refused_by(self.op);
        #[cfg(feature = "once")]
        if let Some(resumable) = &self.resumable {
            resumable.check().map_err(&refused)?;
        }
        self.read(self.size).await?;
        #[cfg(feature = "once")]
        if let Some(resumable) = &mut self.resumable {
            if self.items.chunk().is_empty() {
                if let Some(end) = resumable.end() {
                    self.ask(&NOTE_END, end).await.map_err(&refused)?;
                }
                if let Some(resumable) = &mut self.resumable {
                    resumable.done();
                }
            } else {
                let passed = resumable.pass(self.items.chunk());
                passed.map_err(&refused)?;
            }
        }
        Ok(!self.items.chunk().is_empty())
    }

    async fn read(&mut self, most: usize) -> Result<(), R> {
        self.items.clear();
        let items = &mut self.items;
        poll_fn(|context| items.poll_read(most, context)).await
    }

    /// Notes what a chunk returned.
    pub fn end(&mut self, result: R) {
        if result.failure().is_some() {
            self.stage = Stage::Failed(result);
            return;
        }
        #[cfg(feature = "once")]
        if let Some(resumable) = &mut self.resumable {
            resumable.committed();
        }
        self.committed = self.committed.and(self.items.chunk());
        self.tell();
    }

    /// Returns the result of the call.
    pub fn finish(self) -> R::Whole {
        let failed = match self.stage {
            Stage::Failed(failed) => Some(failed),
            _ => None,
        };
        R::whole(self.committed, failed)
    }

    fn tell(&mut self) {
        if let Some(tell) = &mut self.progress {
            tell(&self.committed);
        }
    }
}

/// Returns what makes the result of a call that fails outside of its chunks, in the name of its operation.
#[cfg(feature = "once")]
fn refused_by<R: ChunkResult>(op: &'static Op) -> impl Fn(Error) -> R {
    move |mut error| {
        if error.operation().is_none() {
            error.finish(Ended::outermost(op.name, 0, Outcome::RolledBack));
        }
        R::refused(error)
    }
}

#[cfg(feature = "once")]
static READ_POSITION: Op = Op::operation("dbop.chunks.position", file!(), line!()).idempotent();
#[cfg(feature = "once")]
static NOTE_END: Op = Op::operation("dbop.chunks.end", file!(), line!()).idempotent();

#[cfg(feature = "once")]
impl<S, DB, T, I, R> Chunks<'_, S, DB, T, I, R>
where
    S: Clone + Send,
    DB: Backend,
    I: ChunkSource<T, R>,
    R: ChunkResult,
{
    /// Passes the items that an earlier call has committed. `true`: it has committed all there are.
    async fn go_on(&mut self) -> Result<bool, R> {
        let Some(resumable) = &self.resumable else {
            return Ok(false);
        };
        let refused = refused_by(self.op);
        resumable.check().map_err(&refused)?;
        let read = resumable.read();
        let found = match self.ask(&READ_POSITION, read).await {
            // The first chunk makes the table.
            Err(error) if crate::once::lacks_table(&error) => None,
            found => found.map_err(&refused)?,
        };
        let (Some(json), Some(resumable)) = (found, &mut self.resumable) else {
            return Ok(false);
        };
        let at = resumable.found(&json).map_err(&refused)?;
        let (items, chunks, is_end) = (at.items, at.chunks, at.is_end);
        self.committed = Committed {
            items,
            chunks,
            skipped: items,
            total: self.committed.total,
        };
        if is_end {
            resumable.done();
            return Ok(true);
        }
        self.skip(items).await?;
        if items > 0 {
            self.tell();
        }
        Ok(false)
    }

    /// Reads so many items, and compares them with those that are committed.
    async fn skip(&mut self, items: u64) -> Result<(), R> {
        let refused = refused_by(self.op);
        let mut passed = 0;
        while passed < items {
            let left = usize::try_from(items - passed).unwrap_or(usize::MAX);
            self.read(self.size.min(left)).await?;
            let (chunk, resumable) = (self.items.chunk(), &mut self.resumable);
            if chunk.is_empty() {
                break;
            }
            if let Some(resumable) = resumable {
                resumable.check().map_err(&refused)?;
                resumable.pass(chunk).map_err(&refused)?;
            }
            passed += chunk.len() as u64;
            // Items that are there already are read without a wait in which others could run.
            yield_now().await;
        }
        match &self.resumable {
            Some(resumable) => resumable.compare(passed).map_err(&refused),
            None => Ok(()),
        }
    }

    /// Sends a statement on a session of its own, and returns the first column of its first row.
    fn ask(
        &self,
        op: &'static Op,
        asked: Asked,
    ) -> impl Future<Output = ErrorOr<Option<String>>> + use<S, DB, T, I, R> {
        let mut call =
            Call::<S, DB, ErrorOr<Option<String>>>::new(op, self.scope.clone(), self.source);
        async move {
            while let Some(mut attempt) = call.begin().await {
                let runs = attempt.body();
                let mut conn = attempt.conn();
                let ran = runs.run(async {
                    let row = asked.send(conn.view.reborrow()).await?;
                    let text = row.map(|row| DB::text(&row, 0)).transpose()?;
                    Ok(text.flatten())
                });
                let ran = ran.await;
                attempt.end(ran).await;
            }
            call.finish()
        }
    }
}

impl<S, DB: Backend, T, I, R> fmt::Debug for Chunks<'_, S, DB, T, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("op", &self.op.name)
            .field("committed", &self.committed)
            .finish_non_exhaustive()
    }
}

/// One chunk, which has a transaction of its own.
#[derive(Debug)]
pub struct Chunk<'c, S, DB: Backend, T> {
    op: &'static Op,
    scope: S,
    source: fn(&mut S) -> Source<'_, DB>,
    items: &'c [T],
    #[cfg(feature = "once")]
    position: Option<PositionMarker>,
}

impl<'c, S: Clone, DB: Backend, T> Chunk<'c, S, DB, T> {
    /// The items of the chunk.
    pub fn items(&self) -> &'c [T] {
        self.items
    }

    /// Returns the call whose transaction commits the chunk.
    pub fn call<R: ChunkResult>(&mut self) -> Call<S, DB, R> {
        let call = Call::new(self.op, self.scope.clone(), self.source);
        #[cfg(feature = "once")]
        if let Some(position) = self.position.take() {
            return call.moving(position, |_| Ok(R::committed()));
        }
        call
    }
}

/// Another chunk may follow, which needs the arguments as well.
impl<S, DB: Backend, T> Attempted for Chunk<'_, S, DB, T> {
    fn is_last(&self) -> bool {
        false
    }
}
