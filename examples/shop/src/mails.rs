//! The mails that the shop has sent. A real shop would give them to a mail server.

use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Debug, Default)]
pub(crate) struct Mails(Arc<Mutex<Vec<String>>>);

impl Mails {
    pub(crate) fn send(&self, mail: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(mail);
    }

    pub(crate) fn sent(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
