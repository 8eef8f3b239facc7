//! [`ChunkItems`]: what the caller of a function in chunks passes for the items.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream::Map;

/// What the caller of a `#[transactional(chunk = ..)]` passes for `items: &[T]`.
///
/// | pass | the items |
/// |---|---|
/// | `&[T]`, `&Vec<T>`, `&[T; N]` | those of the slice |
/// | a `Stream<Item = T>` | those of the stream, of which one chunk at a time is in memory |
/// | a `Stream<Item = Result<T, F>>`, where the function's error is `From<F>` | those of the stream, until an error ends the call |
///
/// `R` is what the body returns for each chunk. `Kind` is found by rustc, and tells the three apart.
///
/// ```
/// use dbop::{Db, Tx, transactional};
/// use futures_util::stream;
/// use sqlx::Sqlite;
///
/// #[transactional(chunk = 500)]
/// async fn store(tx: &mut Tx<'_, Sqlite>, items: &[i64]) -> dbop::Result<()> {
///     let numbers = dbop::BulkInsert::into("numbers").column("n", items);
///     numbers.execute(&mut *tx).await?;
///     Ok(())
/// }
///
/// async fn store_all(db: &Db<Sqlite>) -> dbop::Result<()> {
///     store(db, &[1, 2, 3]).await?;
///     store(db, stream::iter(0..1_000_000)).await?;
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` holds no items of type `{T}` for a function in chunks",
    label = "expected `&[{T}]`, or a stream of `{T}` or of `Result<{T}, _>`",
    note = "pass a slice, or a `Stream` that is `Send`; for an iterator, write `futures_util::stream::iter(..)`",
    note = "the error of a stream of `Result`s has to become that of the function: implement `From` for that"
)]
pub trait ChunkItems<T, R, Kind>: Send {
    #[doc(hidden)]
    type Source: ChunkSource<T, R>;

    #[doc(hidden)]
    fn into_source(self) -> Self::Source;
}

/// The items, read chunk by chunk.
pub trait ChunkSource<T, R>: Send {
    /// How many items are left. `None` if nobody knows.
    fn left(&self) -> Option<u64>;

    /// Forgets the chunk that was read last.
    fn clear(&mut self);

    /// Reads the next chunk, after `clear`. No items are left if it is empty.
    // A method that returned a future would have a type that rustc cannot see to be `Send` for each
    // lifetime of the items.
    fn poll_read(&mut self, most: usize, context: &mut Context<'_>) -> Poll<Result<(), R>>;

    /// The chunk that was read last.
    fn chunk(&self) -> &[T];
}

/// A slice is passed.
#[derive(Debug)]
pub enum OfSlice {}

/// A stream of items is passed.
#[derive(Debug)]
pub enum OfStream {}

/// A stream that may fail is passed.
#[derive(Debug)]
pub enum OfTryStream {}

#[derive(Debug)]
pub struct SliceSource<'a, T> {
    chunk: &'a [T],
    rest: &'a [T],
}

impl<T: Sync, R> ChunkSource<T, R> for SliceSource<'_, T> {
    fn left(&self) -> Option<u64> {
        u64::try_from(self.rest.len()).ok()
    }

    fn clear(&mut self) {}

    fn poll_read(&mut self, most: usize, _: &mut Context<'_>) -> Poll<Result<(), R>> {
        (self.chunk, self.rest) = self.rest.split_at(most.min(self.rest.len()));
        Poll::Ready(Ok(()))
    }

    fn chunk(&self) -> &[T] {
        self.chunk
    }
}

macro_rules! slice {
    ([$($generic:tt)*] $type:ty) => {
        #[diagnostic::do_not_recommend]
        impl<'a, T: Sync, R $($generic)*> ChunkItems<T, R, OfSlice> for &'a $type {
            type Source = SliceSource<'a, T>;

            fn into_source(self) -> SliceSource<'a, T> {
                SliceSource {
                    chunk: &[],
                    rest: self,
                }
            }
        }
    };
}

slice!([][T]);
slice!([] Vec<T>);
slice!([, const N: usize] [T; N]);

/// A stream, and the chunk that was read of it.
#[expect(missing_debug_implementations, reason = "a stream has none")]
pub struct StreamSource<S, T> {
    stream: Pin<Box<S>>,
    chunk: Vec<T>,
    has_ended: bool,
}

impl<S, T> StreamSource<S, T> {
    fn new(stream: S) -> Self {
        Self {
            stream: Box::pin(stream),
            chunk: Vec::new(),
            has_ended: false,
        }
    }
}

impl<S, T, R> ChunkSource<T, R> for StreamSource<S, T>
where
    S: Stream<Item = Result<T, R>> + Send,
    T: Send + Sync,
    R: Send,
{
    fn left(&self) -> Option<u64> {
        let (least, most) = self.stream.size_hint();
        most.filter(|most| *most == least)?.try_into().ok()
    }

    fn clear(&mut self) {
        self.chunk.clear();
    }

    fn poll_read(&mut self, most: usize, context: &mut Context<'_>) -> Poll<Result<(), R>> {
        while self.chunk.len() < most && !self.has_ended {
            match ready!(self.stream.as_mut().poll_next(context)) {
                Some(item) => self.chunk.push(item?),
                None => self.has_ended = true,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn chunk(&self) -> &[T] {
        &self.chunk
    }
}

#[diagnostic::do_not_recommend]
impl<T, R, S> ChunkItems<T, R, OfStream> for S
where
    S: Stream<Item = T> + Send,
    T: Send + Sync,
    R: Send,
{
    type Source = StreamSource<Map<S, fn(T) -> Result<T, R>>, T>;

    fn into_source(self) -> Self::Source {
        StreamSource::new(self.map(Ok))
    }
}

#[diagnostic::do_not_recommend]
impl<T, E, F, S> ChunkItems<T, Result<(), E>, OfTryStream> for S
where
    S: Stream<Item = Result<T, F>> + Send,
    T: Send + Sync,
    E: From<F> + Send,
    F: Send,
{
    type Source = StreamSource<Map<S, fn(Result<T, F>) -> Result<T, Result<(), E>>>, T>;

    fn into_source(self) -> Self::Source {
        StreamSource::new(self.map(|item| item.map_err(|error| Err(error.into()))))
    }
}
