//! A `self` that cannot be handed to another thread.
#![allow(unused)]

use std::pin::Pin;
use std::rc::Rc;

use dbop::{db_op, transactional};
use rusqlite::Connection;

struct Repo;

impl Repo {
    #[db_op]
    fn not_clone(&self, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }

    #[db_op]
    fn written(&mut self, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }

    #[transactional]
    fn pinned(self: Pin<&mut Self>, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }

    #[transactional]
    fn counted(self: Rc<Self>, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }
}

#[derive(Clone)]
struct Borrowing<'a>(&'a str);

impl<'a> Borrowing<'a> {
    #[db_op]
    fn read(&self, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }
}

#[derive(Clone)]
struct Generic<T>(T);

impl<T: Clone> Generic<T> {
    #[db_op]
    fn read(&self, conn: &mut Connection) -> dbop::Result<()> {
        Ok(())
    }
}

fn main() {}
