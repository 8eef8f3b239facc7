//! Where an operation says that it stands.

use dbop::{Conn, db_op};
use sqlx::Sqlite;

use super::fresh_with;

/// The line that the statistics report for the operation, which is in this file.
#[track_caller]
fn line_of(operation: &str) -> u32 {
    let all = dbop::metrics();
    let mut found = all.iter().filter(|op| op.name == operation);
    let found = found.next().expect("it was called");
    assert_eq!(found.file, file!(), "{operation}");
    found.line
}

const BODY: u32 = line!() + 1;
macro_rules! both_in_the_body {
    () => {
        #[db_op(name = "places.first")]
        async fn first(_: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
            Ok(())
        }

        #[db_op(name = "places.second")]
        async fn second(_: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
            Ok(())
        }
    };
}
both_in_the_body!();

macro_rules! named_by_the_caller {
    ($($function:ident = $name:literal;)*) => {$(
        #[db_op(name = $name)]
        async fn $function(_: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
            Ok(())
        }
    )*};
}
const NAMED: u32 = line!() + 1;
named_by_the_caller! {
    third = "places.third";
    fourth = "places.fourth";
}

macro_rules! annotated {
    ($($function:item)*) => { $(#[db_op] $function)* };
}
const ITEMS: u32 = line!() + 1;
annotated! {
    async fn places_fifth(_: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }
    async fn places_sixth(_: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }
}

macro_rules! passed_on {
    ($($tokens:tt)*) => { $($tokens)* };
}
const PASSED_ON: u32 = line!() + 1;
passed_on! {
    #[db_op(name = "places.seventh")]
    /// Its name stands in the third line.
    async fn seventh(_: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn inside_a_macro_each_operation_reports_its_own_line() {
    let db = fresh_with(|builder| builder).await;
    first(&*db).await.unwrap();
    second(&*db).await.unwrap();
    third(&*db).await.unwrap();
    fourth(&*db).await.unwrap();
    places_fifth(&*db).await.unwrap();
    places_sixth(&*db).await.unwrap();
    seventh(&*db).await.unwrap();
    let found = [
        line_of("places.first") - BODY,
        line_of("places.second") - BODY,
        line_of("places.third") - NAMED,
        line_of("places.fourth") - NAMED,
        line_of("places_fifth") - ITEMS,
        line_of("places_sixth") - ITEMS,
        line_of("places.seventh") - PASSED_ON,
    ];
    assert_eq!(found, [3, 8, 1, 2, 1, 4, 3]);
}

const ORDINARY: u32 = line!() + 1;
#[db_op]
/// Its name stands in the third line.
async fn places_ordinary(_: &mut Conn<'_, Sqlite>) -> dbop::Result<()> {
    Ok(())
}

#[tokio::test]
async fn outside_of_a_macro_an_operation_reports_the_line_of_its_name() {
    let db = fresh_with(|builder| builder).await;
    places_ordinary(&*db).await.unwrap();
    assert_eq!(line_of("places_ordinary"), ORDINARY + 2);
}
