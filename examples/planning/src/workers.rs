//! The workers of a process.

use std::time::Duration;

use dbop::Db;
use dbop::jobs::{JobDatabase, Workers, Working};

use crate::services::Clients;

/// How a process works.
#[derive(Clone, Copy, Debug)]
pub struct Crew {
    /// How many reports are planned at the same time. No connection is held while the model thinks, so
    /// this may be more than there are connections.
    pub at_once: usize,
    /// How soon other processes notice that this one has died.
    pub noticed_within: Duration,
}

impl Crew {
    /// Starts workers of all jobs of this example.
    ///
    /// # Errors
    ///
    /// Fails if the tables of jobs are not there, and if the database cannot be asked.
    pub async fn start<DB: JobDatabase>(
        self,
        db: &Db<DB>,
        clients: &Clients,
    ) -> dbop::Result<Working<DB>> {
        Workers::new(db)
            .state(clients.model.clone())
            .state(clients.site.clone())
            .queue("planning", self.at_once)
            .queue("samples", 2) // these write all the time
            .queue("scraping", 1)
            .noticed_within(self.noticed_within)
            .start()
            .await
    }
}
