//! Files that are not databases.

use dbop::ErrorKind;

use super::common::bad_input::refuses;

#[tokio::test]
async fn a_missing_file_is_named_together_with_how_to_create_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing.db");
    let url = format!("sqlite:{}", file.display());
    refuses(
        &url,
        ErrorKind::Configuration,
        &["missing.db", "mode=rwc"],
        &[],
    )
    .await;
    assert!(!file.exists(), "opening a missing file has created it");
}

#[tokio::test]
async fn a_missing_folder_is_named_in_place_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no/folder/test.db");
    let url = format!("sqlite:{}?mode=rwc", file.display());
    let says = ["no/folder/test.db", "no/folder` does not exist"];
    refuses(&url, ErrorKind::Configuration, &says, &["mode=rwc"]).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.txt");
    let letter = "Dear Sir or Madam, this is not a database. ".repeat(100);
    std::fs::write(&file, &letter).unwrap();
    let url = format!("sqlite:{}?mode=rwc", file.display());
    refuses(&url, ErrorKind::Corrupt, &["letter.txt", "is it one"], &[]).await;
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        letter,
        "the file is left as it was"
    );
}

#[tokio::test]
async fn a_folder_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    refuses(
        &format!("sqlite:{path}?mode=rwc"),
        ErrorKind::Configuration,
        &[&path, "is it one"],
        &[],
    )
    .await;
}

#[tokio::test]
async fn a_url_without_a_file_is_refused_and_says_what_to_write() {
    for url in [
        "sqlite:",
        "sqlite://",
        "sqlite:?mode=rwc",
        "sqlite://?mode=rwc",
        "sqlite:file:",
        "sqlite:file:?mode=rwc",
        "sqlite:file://?mode=rwc",
    ] {
        let says = [
            "names no file",
            "sqlite:path/to/file.db?mode=rwc",
            "sqlite::memory:",
        ];
        refuses(url, ErrorKind::Configuration, &says, &[]).await;
    }
}

#[tokio::test]
async fn a_malformed_url_shows_the_form_of_a_good_one() {
    for url in [
        "sqlite:a.db?mode=wrong",
        "sqlite:a.db?no_such=option",
        "postgres://me:h0rse@host/db",
    ] {
        refuses(
            url,
            ErrorKind::Configuration,
            &["sqlite:path/to/file.db"],
            &["h0rse"],
        )
        .await;
    }
}
