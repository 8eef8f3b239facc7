//! Who sorts the shelves, what a web framework would call, and who keeps the journal.

use super::expect;
use crate::app::App;
use crate::error::Result;
use crate::shapes::extractor::{self, State};
use crate::shapes::{atomic_operation as journal, sqlx_transaction as shelves};

pub(super) async fn sorts(app: &App) -> Result<()> {
    let mut tx = app.pool.begin().await?;
    shelves::put(&mut tx, 1, 7).await?;
    expect(shelves::shelf_of(&mut tx, 1).await?, 7)?;
    expect(shelves::try_put(&mut tx, 2, 7, 1).await?, false)?;
    expect(shelves::try_put(&mut tx, 3, 8, 1).await?, true)?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn clears(app: &App) -> Result<()> {
    let mut tx = app.pool.begin().await?;
    shelves::clear(&mut tx, 7, 8).await?;
    expect(shelves::books_on(&mut tx, 8).await?, 2)?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn shows_a_page(app: &App) -> Result<()> {
    let (name, _) = extractor::show_member(State(app.pool.clone()), 1).await?;
    expect(name, "Ada")?;
    Ok(())
}

pub(super) async fn changes_a_name(app: &App) -> Result<()> {
    extractor::set_name(State(app.pool.clone()), 1, "Ada L.".to_owned()).await?;
    Ok(())
}

/// May not happen twice, so it is not tried again.
pub(super) async fn writes_an_entry(app: &App) -> Result<()> {
    extractor::write_entry(State(app.pool.clone()), "shelves sorted".to_owned()).await?;
    Ok(())
}

pub(super) async fn keeps_a_journal(app: &App) -> Result<()> {
    let mut tx = app.pool.begin().await?;
    let entry = journal::record(&mut tx, "a mistake").await?;
    journal::record(&mut tx, "closed at noon").await?;
    expect(journal::strike(&mut tx, entry).await?, 1)?;
    tx.commit().await?;
    Ok(())
}
