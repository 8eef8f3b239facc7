//! Attributes beside `#[dbop::test]`.

use dbop::AnyDb;

#[dbop::test]
#[tokio::test]
async fn is_a_test_twice(db: AnyDb) {}

#[dbop::test]
#[should_panic]
async fn panics_and_returns(db: AnyDb) -> dbop::Result<()> {
    panic!("as it should")
}

fn main() {}
