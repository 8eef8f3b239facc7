//! The model and the site that is scraped: started by this process, or running elsewhere.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::model::{Behaviour, Model, ModelClient};
use crate::site::{Site, SiteClient};

/// How many pages the site has.
const PAGES: u32 = 120;

/// The routes of a model and of a site.
pub fn router(model: Model, site: Site) -> Router {
    Router::new()
        .merge(model.into_router())
        .merge(site.into_router())
}

/// Both services, which end when this is dropped.
#[derive(Debug)]
pub struct Services {
    pub address: SocketAddr,
    pub model: Model,
    pub site: Site,
    serving: JoinHandle<()>,
}

impl Services {
    /// Serves both.
    ///
    /// # Errors
    ///
    /// Fails if the address cannot be listened at.
    pub async fn start(address: SocketAddr, behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (model, site) = (Model::new(behaviour), Site::new(PAGES, behaviour.delay));
        let router = router(model.clone(), site.clone());
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("the model and the site have ended: {error}");
            }
        });
        Ok(Self {
            address,
            model,
            site,
            serving,
        })
    }

    /// Returns the URL of both.
    ///
    /// # Panics
    ///
    /// Never: an address makes a URL.
    #[must_use]
    pub fn url(&self) -> Url {
        let url = format!("http://{}", self.address).parse();
        url.expect("an address makes a URL")
    }

    /// Waits until the services end, which they do only if the listener fails.
    pub async fn ended(mut self) {
        // A panic of the task has been printed already.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The clients of both, which jobs get.
#[derive(Clone, Debug)]
pub struct Clients {
    pub model: ModelClient,
    pub site: SiteClient,
}

impl Clients {
    /// Returns clients of the services at this URL, which give up on an answer after this time.
    #[must_use]
    pub fn new(url: Url, patience: Duration) -> Self {
        Self {
            model: ModelClient::new(url.clone(), patience),
            site: SiteClient::new(url, patience),
        }
    }
}
