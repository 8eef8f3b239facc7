//! What the people at the desk do: with the handles, and with connections and transactions of their
//! own.

use super::expect;
use crate::app::App;
use crate::error::{LibraryError, Result};
use crate::shapes::{mut_connection as loans, transaction_alias as holds};

pub(super) async fn new_books(app: &App) -> Result<()> {
    let books = &app.catalogue;
    books.add("Emma", "Austen", 2).await?;
    books.add("Persuasion", "Austen", 1).await?;
    books.add("Middlemarsh", "Eliot", 1).await?;
    books.add("A torn one", "Nobody", 1).await?;
    expect(books.inventory().await?, (4, 5))
}

pub(super) async fn better_title(app: &App) -> Result<()> {
    let changed = app.catalogue.rename(3, "Middlemarch").await?;
    expect(changed, 1)?;
    Ok(())
}

pub(super) async fn looks_at_books(app: &App) -> Result<()> {
    expect(app.catalogue.inventory().await?, (4, 5))?;
    let (title, author) = app.catalogue.book(3).await?;
    expect((&*title, &*author), ("Middlemarch", "Eliot"))?;
    let titles = app.catalogue.by_author("Austen").await?;
    expect(titles, ["Emma", "Persuasion"])?;
    Ok(())
}

pub(super) async fn lends(app: &App) -> Result<()> {
    app.desk.lend(1, 1, 100).await?;
    app.desk.lend(2, 1, 100).await?;
    app.desk.lend(3, 2, 100).await?;
    let refused = app.desk.lend(2, 2, 100).await;
    expect(matches!(refused, Err(LibraryError::NoCopyLeft(2))), true)?;
    Ok(())
}

pub(super) async fn extends(app: &App) -> Result<()> {
    let extended = app.desk.extend(1, 7).await?;
    expect(extended, 1)?;
    Ok(())
}

/// Loan 1 was due on day 121, and loan 2 on day 114.
pub(super) async fn takes_back(app: &App) -> Result<()> {
    expect(app.desk.give_back(2, 117).await?, 75)?;
    expect(app.desk.give_back(1, 117).await?, 0)?;
    Ok(())
}

pub(super) async fn retires(app: &App) -> Result<()> {
    app.catalogue.retire(4).await?;
    let refused = app.catalogue.retire(3).await;
    expect(matches!(refused, Err(LibraryError::IsLent(3))), true)?;
    Ok(())
}

pub(super) async fn looks_at_loans(app: &App) -> Result<()> {
    expect(app.desk.overdue(120).await?, 1)?;
    expect(app.desk.open().await?, 1)?;
    Ok(())
}

/// Has a transaction of its own, of sqlx's.
pub(super) async fn hands_over(app: &App) -> Result<()> {
    let mut tx = app.pool.begin().await?;
    let loan = loans::last_of(&mut *tx, 2).await?;
    expect(loans::hand_over(&mut tx, 2, 1).await?, 1)?;
    expect(loans::last_of(&mut *tx, 1).await?, loan)?;
    tx.commit().await?;
    Ok(())
}

/// Has a connection of its own, and passes it more than once.
pub(super) async fn looks_at_one_member(app: &App) -> Result<()> {
    let mut conn = app.pool.acquire().await?;
    expect(loans::count(&mut conn).await?, 3)?;
    expect(loans::open_of(&mut conn, 1).await?, 1)?;
    expect(loans::copies_left(&mut *conn, 3).await?, 0)?;
    Ok(())
}

pub(super) async fn places_holds(app: &App) -> Result<()> {
    let mut tx = app.pool.begin().await?;
    holds::place(&mut tx, 3, 2, 90).await?;
    holds::place(&mut tx, 3, 1, 120).await?;
    expect(holds::first(&mut tx, 3).await?, Some(2))?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn expires_holds(app: &App) -> Result<()> {
    let mut tx = app.pool.begin().await?;
    expect(holds::expire(&mut tx, 100).await?, 1)?;
    expect(holds::waiting(&mut tx, 3).await?, 1)?;
    tx.commit().await?;
    Ok(())
}
