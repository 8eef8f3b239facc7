//! A day in the library: every caller in turn.

use crate::app::App;
use crate::callers::DAY;
use crate::disturbance;
use crate::error::{LibraryError, Result};
use crate::shapes::{Shape, mut_connection as loans, pool as fines};

/// What a day has left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) loans: i64,
    pub(crate) cents_of_fines: i64,
    /// The callers that got an error of the database: the shapes of the functions that gave it.
    pub(crate) failed: Vec<Shape>,
    /// The callers that were told of a write that did not take place.
    pub(crate) misled: Vec<Shape>,
}

/// Makes every call. With `disturbed`, another connection holds a lock at the beginning of each
/// caller. A caller that has failed is called again when the lock is gone, as people do.
pub(crate) async fn day(app: &App, disturbed: bool) -> Result<Day> {
    let (mut failed, mut misled) = (Vec::new(), Vec::new());
    for step in DAY {
        let call = (step.caller)(app);
        if !disturbed {
            call.await?;
            continue;
        }
        match disturbance::beside(step.other, &app.file, call).await {
            Ok(()) => continue,
            Err(LibraryError::Unexpected(_)) => misled.push(step.shape),
            Err(_) => failed.push(step.shape),
        }
        (step.caller)(app).await?;
    }
    let cents_of_fines = fines::total(&app.pool).await?;
    let mut conn = app.pool.acquire().await?;
    Ok(Day {
        loans: loans::count(&mut conn).await?,
        cents_of_fines,
        failed,
        misled,
    })
}
