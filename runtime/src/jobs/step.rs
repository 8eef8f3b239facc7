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

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::Location;
use std::pin::pin;
use std::sync::{LazyLock, Mutex};

use futures_core::future::BoxFuture;
use futures_util::future::{Either, select};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::database::JobDatabase;
use super::engine::json::{json_value, unreadable};
use super::fence::stopped;
use super::job::Job;
use crate::call::{AsyncBody, Call, in_transaction};
use crate::classify::ErrorKind;
use crate::error::{Error, Outcome};
use crate::op::{Cause, DbError, Op};
use crate::rt::lock;
use crate::session::Tx;

static STORE: Op = Op::transaction("dbop.jobs.store_step", file!(), line!()).idempotent();

tokio::task_local! {
    /// The job whose step has the transaction in which this future runs.
    static IN_STEP_OF: i64;
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
    pub fn read<'s, T, E, F>(
        &'s self,
        step: impl Into<Cow<'static, str>>,
        body: F,
    ) -> BoxFuture<'s, Result<T, E>>
    where
        F: AsyncFnMut(&mut Tx<'_, DB>) -> Result<T, E> + Send + 's,
        for<'t, 'c> F: AsyncBody<&'t mut Tx<'c, DB>, Result = Result<T, E>>,
        T: Serialize + DeserializeOwned + Send + 's,
        E: DbError + Send + 's,
    {
        let step = step.into();
        let op = op_of(self.kind(), &step, Location::caller(), true);
        Box::pin(async move {
            let run = async {
                let value = self.transaction(op, None, body).await?;
                self.store(&step, value).await
            };
            self.unless_stored(&step, run).await
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
    pub fn write<'s, T, E, F>(
        &'s self,
        step: impl Into<Cow<'static, str>>,
        body: F,
    ) -> BoxFuture<'s, Result<T, E>>
    where
        F: AsyncFnMut(&mut Tx<'_, DB>) -> Result<T, E> + Send + 's,
        for<'t, 'c> F: AsyncBody<&'t mut Tx<'c, DB>, Result = Result<T, E>>,
        T: Serialize + DeserializeOwned + Send + 's,
        E: DbError + Send + 's,
    {
        let step = step.into();
        let op = op_of(self.kind(), &step, Location::caller(), false);
        Box::pin(async move {
            let run = self.transaction(op, Some(&step), body);
            self.unless_stored(&step, run).await
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
        step: impl Into<Cow<'static, str>>,
        mut body: F,
    ) -> BoxFuture<'s, Result<T, E>>
    where
        F: AsyncFnMut(&str) -> Result<T, E> + Send + 's,
        for<'k> F: AsyncBody<&'k str, Result = Result<T, E>>,
        T: Serialize + DeserializeOwned + Send + 's,
        E: DbError + Send + 's,
    {
        let step = step.into();
        Box::pin(async move {
            let run = async {
                let key = self.key(&step);
                let asked = self.until_stopped(body(&key)).await;
                let value = asked.map_err(of_keyed_call)?;
                self.store(&step, value).await
            };
            self.unless_stored(&step, run).await
        })
    }

    /// Runs a step, or returns its stored result.
    async fn unless_stored<T: DeserializeOwned, E: DbError>(
        &self,
        step: &str,
        run: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.begin_step(step)? {
            Begun::Stored(stored) => Ok(stored),
            Begun::Now(begun) => {
                let value = run.await?;
                begun.end();
                Ok(value)
            }
        }
    }

    /// Begins a step, or returns its stored result. Fails if the step may not begin.
    fn begin_step<T: DeserializeOwned>(&self, step: &str) -> Result<Begun<'_, DB, T>, Error> {
        self.take_name(step)?;
        let Some(stored) = self.fetched().steps.get(step) else {
            let step = step.to_owned();
            return Ok(Begun::Now(BegunStep { job: self, step }));
        };
        T::deserialize(stored).map(Begun::Stored).map_err(|error| {
            let (kind, place) = (self.kind(), unreadable(&error));
            Error::programming(
                ErrorKind::Decode,
                format!(
                    "the stored result of the step `{step}` of the job `{kind}` is of another type, because \
                     another version of the function has stored it ({place}); give the step another name \
                     when its type changes"
                ),
            )
        })
    }

    /// Takes the name of a step for this attempt. Fails if the step may not begin.
    pub(super) fn take_name(&self, step: &str) -> Result<(), Error> {
        if step.is_empty() || step.contains(['"', '\\', '\0']) {
            return Err(Error::programming(
                ErrorKind::InvalidArgument,
                format!("`{step}` cannot be the name of a step; write a word without quotes"),
            ));
        }
        self.refuse_in_step(&format!("the step `{step}`"))?;
        self.refuse_if_stopped()?;
        if self.use_name(step) {
            return Ok(());
        }
        Err(Error::programming(
            ErrorKind::InvalidArgument,
            format!(
                "the job `{}` has two steps of the name `{step}`, and the second would get the result of the \
                 first; give each step a name of its own, in a loop for example by `format!`",
                self.kind()
            ),
        ))
    }

    /// Fails if the job is to stop.
    pub(super) fn refuse_if_stopped(&self) -> Result<(), Error> {
        match self.is_cancelled() {
            true => Err(to_stop()),
            false => Ok(()),
        }
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
        stored_as: Option<&str>,
        mut body: F,
    ) -> Result<T, E>
    where
        F: AsyncFnMut(&mut Tx<'_, DB>) -> Result<T, E> + Send,
        for<'t, 'c> F: AsyncBody<&'t mut Tx<'c, DB>, Result = Result<T, E>>,
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
    async fn store<T: Serialize, E: DbError>(&self, step: &str, value: T) -> Result<T, E> {
        let json = json_of(step, &value)?;
        let stored = in_transaction(self.db(), &STORE, async |tx| {
            self.fence().store_step(tx, step, &json).await
        });
        self.judge(stored.await.map_err(E::from))?;
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

/// The error of a call that has got its step's key. A call whose answer was lost is made again with the
/// same key, so the job goes on after it as after any other failure that may pass.
fn of_keyed_call<E: DbError>(mut error: E) -> E {
    if let Some(call) = error.error_mut() {
        call.has_a_key();
    }
    error
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
    json_value(value).map_err(|error| {
        Error::programming(
            ErrorKind::Encode,
            format!("the result of the step `{step}` cannot be written as JSON: {error}"),
        )
    })
}

/// A step that may begin, or its result.
enum Begun<'a, DB: JobDatabase, T> {
    Stored(T),
    Now(BegunStep<'a, DB>),
}

/// A step that runs. If it is not done in the end, it may be tried again in this attempt.
struct BegunStep<'a, DB: JobDatabase> {
    job: &'a Job<DB>,
    step: String,
}

impl<DB: JobDatabase> BegunStep<'_, DB> {
    fn end(mut self) {
        self.step.clear();
    }
}

impl<DB: JobDatabase> Drop for BegunStep<'_, DB> {
    fn drop(&mut self) {
        if !self.step.is_empty() {
            self.job.free_name(&self.step);
        }
    }
}

/// Returns what is known of a step, as an attribute records it of a function. Steps whose names are made at
/// run time are counted together, so there are as many as the program has steps.
#[allow(clippy::ptr_arg)] // a text that is known at compile time is told from another
fn op_of(
    kind: &'static str,
    step: &Cow<'static, str>,
    place: &'static Location<'static>,
    read_only: bool,
) -> &'static Op {
    static OPS: LazyLock<Mutex<HashMap<(&str, &str), &'static Op>>> = LazyLock::new(Mutex::default);
    let step = match step {
        Cow::Borrowed(step) => step,
        Cow::Owned(_) => "step",
    };
    let mut ops = lock(&OPS);
    ops.entry((kind, step)).or_insert_with(|| {
        let name = Box::leak(format!("{kind}.{step}").into_boxed_str());
        let op = Op::transaction(name, place.file(), place.line());
        Box::leak(Box::new(match read_only {
            true => op.read_only(),
            false => op,
        }))
    })
}
