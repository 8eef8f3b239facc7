//! The steps of a job: what an attempt does not do again if an earlier one has done it.
//!
//! What the end of the worker leaves, at each await of a step:
//!
//! | it ends while | the step |
//! |---|---|
//! | its transaction runs | rolled back, and done by the next attempt |
//! | its transaction commits | as the server has it; the next attempt reads the job anew |
//! | a call of another service runs | made again by the next attempt, with the same key |
//! | the result of that call is stored | as after the call, or stored |

use std::collections::HashMap;
use std::panic::Location;
use std::pin::pin;
use std::sync::{LazyLock, Mutex, PoisonError};

use futures_core::future::BoxFuture;
use futures_util::future::{Either, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fence::stopped;
use super::job::Job;
use super::schema::JobDatabase;
use crate::call::Call;
use crate::classify::ErrorKind;
use crate::error::{Error, Outcome};
use crate::op::{Cause, DbError, Op};
use crate::session::Tx;

static STORE: Op = Op::transaction("dbop.jobs.store_step", file!(), line!()).idempotent();

tokio::task_local! {
    /// The job whose step has the transaction in which this future runs.
    static IN_STEP_OF: i64;
}

/// A closure whose future is `Send`, as an async closure is that changes nothing of what it captures.
#[diagnostic::on_unimplemented(
    message = "this closure cannot be the body of a step",
    label = "it changes what it captures, or its future is not `Send`",
    note = "a step may run several times, until its transaction has committed: let the closure return what it \
            finds, and do not let it change variables outside of it"
)]
pub trait StepBody<A>: FnMut(A) -> Self::Future {
    /// The future of the body.
    type Future: Future<Output = Self::Result> + Send;
    /// The result of the body.
    type Result;
}

impl<A, F, Fut> StepBody<A> for F
where
    F: FnMut(A) -> Fut,
    Fut: Future + Send,
{
    type Future = Fut;
    type Result = Fut::Output;
}

impl<DB: JobDatabase> Job<DB> {
    /// A step that reads, in a read-only transaction. Its result is stored, so that later attempts go on
    /// with what this one has read.
    ///
    /// # Errors
    ///
    /// Returns the error of the body, and fails as a `#[transactional(read_only)]` does. Fails with
    /// [`ErrorKind::Interrupted`] if the job is to stop.
    #[track_caller]
    pub fn read<'s, T, E, F>(&'s self, step: &'static str, body: F) -> BoxFuture<'s, Result<T, E>>
    where
        F: AsyncFnMut(&mut Tx<'_, DB>) -> Result<T, E> + Send + 's,
        for<'t, 'c> F: StepBody<&'t mut Tx<'c, DB>, Result = Result<T, E>>,
        T: Serialize + DeserializeOwned + Send + 's,
        E: DbError + Send + 's,
    {
        let op = op_of(self.kind(), step, Location::caller(), true);
        Box::pin(async move {
            if let Some(stored) = self.begin_step(step)? {
                return Ok(stored);
            }
            let value = self.transaction(op, None, body).await?;
            self.store(step, value).await
        })
    }

    /// A step that writes, in a transaction. Its result is stored in the same transaction, so the step is
    /// done once: an attempt that finds the result does not run the body.
    ///
    /// A step whose worker was taken for dead is rolled back, even if the worker goes on: the result is
    /// stored only while this attempt is the one that runs.
    ///
    /// # Errors
    ///
    /// Returns the error of the body, and fails as a `#[transactional]` does. Fails with
    /// [`ErrorKind::Interrupted`] if the job is to stop.
    #[track_caller]
    pub fn write<'s, T, E, F>(&'s self, step: &'static str, body: F) -> BoxFuture<'s, Result<T, E>>
    where
        F: AsyncFnMut(&mut Tx<'_, DB>) -> Result<T, E> + Send + 's,
        for<'t, 'c> F: StepBody<&'t mut Tx<'c, DB>, Result = Result<T, E>>,
        T: Serialize + DeserializeOwned + Send + 's,
        E: DbError + Send + 's,
    {
        let op = op_of(self.kind(), step, Location::caller(), false);
        Box::pin(async move {
            if let Some(stored) = self.begin_step(step)? {
                return Ok(stored);
            }
            let value = self.transaction(op, Some(step), body).await?;
            self.keep(step, json_of(step, &value)?);
            Ok(value)
        })
    }

    /// A step that asks another service, for example a language model, and holds no connection meanwhile.
    /// Its result is stored, so a call whose result is stored is never made again.
    ///
    /// The body gets a key that is the same in each attempt. A worker that dies between the answer and
    /// its storage has the call made again, so pass the key to the service as its idempotency key.
    ///
    /// # Errors
    ///
    /// Returns the error of the body, and fails as a `#[transactional]` does if the result cannot be
    /// stored. Fails with [`ErrorKind::Interrupted`] if the job is to stop.
    pub fn call<'s, T, E, F>(
        &'s self,
        step: &'static str,
        mut body: F,
    ) -> BoxFuture<'s, Result<T, E>>
    where
        F: AsyncFnMut(&str) -> Result<T, E> + Send + 's,
        for<'k> F: StepBody<&'k str, Result = Result<T, E>>,
        T: Serialize + DeserializeOwned + Send + 's,
        E: DbError + Send + 's,
    {
        Box::pin(async move {
            if let Some(stored) = self.begin_step(step)? {
                return Ok(stored);
            }
            let key = self.key(step);
            let value = self.until_stopped(body(&key)).await?;
            self.store(step, value).await
        })
    }

    /// Returns the stored result of a step, or an error if the step may not begin.
    fn begin_step<T: DeserializeOwned>(&self, step: &'static str) -> Result<Option<T>, Error> {
        if step.is_empty() || step.contains(['"', '\\', '\0']) {
            return Err(Error::programming(
                ErrorKind::InvalidArgument,
                format!("`{step}` cannot be the name of a step; write a word without quotes"),
            ));
        }
        self.refuse_in_step(&format!("the step `{step}`"))?;
        if self.is_cancelled() {
            return Err(to_stop());
        }
        let stored = self.stored(step).map(serde_json::from_value).transpose();
        stored.map_err(|error| {
            let kind = self.kind();
            Error::programming(
                ErrorKind::Decode,
                format!(
                    "the stored result of the step `{step}` of the job `{kind}` is of another type, because \
                     another version of the function has stored it ({error}); give the step another name \
                     when its type changes"
                ),
            )
        })
    }

    /// Refuses what needs a transaction of its own within the transaction of a step, which it would wait
    /// for on SQLite, and with one connection. The wait would end with a lack of connections, after which
    /// the job runs again and again.
    pub(super) fn refuse_in_step(&self, what: &str) -> Result<(), Error> {
        if IN_STEP_OF.try_with(|id| *id == self.id()) != Ok(true) {
            return Ok(());
        }
        Err(Error::programming(
            ErrorKind::InvalidArgument,
            format!(
                "{what} of the job `{}` stands in the body of another step, whose transaction would have to \
                 end first; move it behind that step",
                self.kind()
            ),
        ))
    }

    /// Runs a body in a transaction, which also stores the result if the step has a name here.
    async fn transaction<T, E, F>(
        &self,
        op: &'static Op,
        stored_as: Option<&'static str>,
        mut body: F,
    ) -> Result<T, E>
    where
        F: AsyncFnMut(&mut Tx<'_, DB>) -> Result<T, E> + Send,
        for<'t, 'c> F: StepBody<&'t mut Tx<'c, DB>, Result = Result<T, E>>,
        T: Serialize + Send,
        E: DbError + Send,
    {
        let mut call = Call::<_, DB, Result<T, E>>::transaction(op, self.db());
        while let Some(mut attempt) = call.begin().await {
            let runs = attempt.body();
            let mut tx = attempt.tx();
            let ran = runs.run(self.until_stopped(async {
                self.begins_body();
                let value = IN_STEP_OF.scope(self.id(), body(&mut tx)).await?;
                let Some(step) = stored_as else {
                    return Ok(value);
                };
                // A job that is complete with this transaction needs the result no more.
                let is_over =
                    self.has_called_complete() && self.fence().is_complete(&mut tx).await?;
                if !is_over {
                    self.fence()
                        .store_step(&mut tx, step, &json_of(step, &value)?)
                        .await?;
                }
                Ok(value)
            }));
            let ran = ran.await;
            attempt.end(ran).await;
        }
        self.judge(call.finish())
    }

    /// Stores the result of a step that has left nothing in the database.
    async fn store<T: Serialize, E: DbError>(&self, step: &'static str, value: T) -> Result<T, E> {
        let json = json_of(step, &value)?;
        let mut call = Call::<_, DB, Result<(), E>>::transaction(&STORE, self.db());
        while let Some(mut attempt) = call.begin().await {
            let runs = attempt.body();
            let mut tx = attempt.tx();
            let ran = runs
                .run(async { Ok(self.fence().store_step(&mut tx, step, &json).await?) })
                .await;
            attempt.end(ran).await;
        }
        self.judge(call.finish())?;
        self.keep(step, json);
        Ok(value)
    }

    /// Notes an outcome that is not known. The next attempt finds the step's result in the job or does
    /// not, so it does no harm.
    fn judge<T, E: DbError>(&self, result: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &result
            && let Cause::Dbop(error) = error.cause()
            && error.outcome() == Some(Outcome::Unknown)
        {
            self.doubt_step();
        }
        result
    }

    /// Runs a body until it ends or the job is to stop.
    async fn until_stopped<T, E: DbError>(
        &self,
        body: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let (cancelled, lost) = (&self.fetched().cancelled, self.shared().lost());
        let (cancelled, lost) = (pin!(cancelled.cancelled()), pin!(lost.cancelled()));
        match select(pin!(body), select(cancelled, lost)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(to_stop().into()),
        }
    }
}

fn to_stop() -> Error {
    stopped(
        "the job is to stop: it was cancelled, its timeout has passed, its process stops, or its worker was \
         taken for dead"
            .to_owned(),
    )
}

/// Returns the result of a step as it is stored.
fn json_of<T: Serialize>(step: &str, value: &T) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| {
        Error::programming(
            ErrorKind::Encode,
            format!("the result of the step `{step}` cannot be written as JSON: {error}"),
        )
    })
}

/// Returns what is known of a step, as an attribute records it of a function. There are as many as the
/// program has steps.
fn op_of(
    kind: &'static str,
    step: &'static str,
    place: &'static Location<'static>,
    read_only: bool,
) -> &'static Op {
    static OPS: LazyLock<Mutex<HashMap<(&str, &str), &'static Op>>> = LazyLock::new(Mutex::default);
    let mut ops = OPS.lock().unwrap_or_else(PoisonError::into_inner);
    ops.entry((kind, step)).or_insert_with(|| {
        let name = Box::leak(format!("{kind}.{step}").into_boxed_str());
        let op = Op::transaction(name, place.file(), place.line());
        Box::leak(Box::new(match read_only {
            true => op.read_only(),
            false => op,
        }))
    })
}
