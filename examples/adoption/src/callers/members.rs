//! What has to do with members, their fines and their cards.

use super::expect;
use crate::app::App;
use crate::error::Result;
use crate::shapes::{generic_executor as members, pool as fines};

pub(super) async fn enrol(app: &App) -> Result<()> {
    members::insert(&app.pool, "Ada", "ada@example.org").await?;
    members::insert(&app.pool, "Bob", "bob@example.org").await?;
    // All or none of them:
    let mut tx = app.pool.begin().await?;
    members::insert(&mut *tx, "Cyd", "cyd@example.org").await?;
    members::insert(&mut *tx, "Dan", "dan@example.org").await?;
    expect(members::count(&mut *tx).await?, 4)?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn moves_house(app: &App) -> Result<()> {
    let changed = members::change_email(&app.pool, 2, "bob@example.com").await?;
    expect(changed, 1)?;
    Ok(())
}

pub(super) async fn looks_up(app: &App) -> Result<()> {
    expect(members::count(&app.pool).await?, 4)?;
    let mut conn = app.pool.acquire().await?;
    let bob = members::find(&mut *conn, "bob@example.com").await?;
    expect(bob, Some(2))?;
    expect(members::name(2, &mut *conn).await?, "Bob")?;
    Ok(())
}

/// The member who was late is blocked.
pub(super) async fn unblocks(app: &App) -> Result<()> {
    members::unblock(&app.pool, 1).await?;
    expect(members::blocked(&app.pool).await?.len(), 0)?;
    members::block(&app.pool, 4).await?;
    Ok(())
}

pub(super) async fn fines(app: &App) -> Result<()> {
    fines::add(&app.pool, 2, 200).await?;
    fines::add(&app.pool, 3, 50).await?;
    expect(fines::owed(&app.pool, 2).await?, 200)
}

pub(super) async fn forgives(app: &App) -> Result<()> {
    fines::forgive(&app.pool, 3).await?;
    Ok(())
}

pub(super) async fn pays(app: &App) -> Result<()> {
    expect(fines::pay_all(&app.pool, 2).await?, 200)?;
    expect(fines::owed(&app.pool, 2).await?, 0)?;
    Ok(())
}

pub(super) async fn merges(app: &App) -> Result<()> {
    expect(fines::merge(&app.pool, 3, 4).await?, 1)?;
    Ok(())
}

pub(super) async fn looks_at_fines(app: &App) -> Result<()> {
    expect(fines::largest(&app.pool).await?, Some(200))?;
    expect(fines::total(&app.pool).await?, 325)?;
    Ok(())
}

pub(super) async fn gets_a_card(app: &App) -> Result<()> {
    app.cards.issue(1, 1000, None).await?;
    Ok(())
}

pub(super) async fn gets_a_new_card(app: &App) -> Result<()> {
    expect(app.cards.renew(1, None).await?, 1001)?;
    Ok(())
}

/// Passes the transaction that it has.
pub(super) async fn brings_a_friend(app: &App) -> Result<()> {
    let mut tx = app.pool.begin().await?;
    app.cards.issue(2, 1, Some(&mut tx)).await?;
    expect(app.cards.renew(2, Some(&mut tx)).await?, 1002)?;
    tx.commit().await?;
    Ok(())
}
