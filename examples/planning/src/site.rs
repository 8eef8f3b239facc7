//! The site that is scraped, and the client that reads its pages. Some pages are slow, and some fail when
//! they are asked for the first time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use dbop::guarded;
use reqwest::Url;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::error::{PlanningError, Result};

/// The path of the page from which all others are found.
pub const FIRST: &str = "/pages/0";

/// The service. Clones share what they count.
#[derive(Clone, Debug)]
pub struct Site {
    pages: u32,
    delay: Duration,
    /// How often each page was asked for.
    asked: Arc<Mutex<HashMap<u32, u32>>>,
    is_held: watch::Sender<bool>,
}

impl Site {
    /// Returns a site of so many pages, of which one in eleven takes so long.
    #[must_use]
    pub fn new(pages: u32, delay: Duration) -> Self {
        Self {
            pages,
            delay,
            asked: Arc::default(),
            is_held: watch::Sender::new(false),
        }
    }

    pub fn into_router(self) -> Router {
        Router::new()
            .route("/pages/{page}", get(page))
            .with_state(self)
    }

    /// Returns how often each page was asked for and answered.
    #[must_use]
    pub fn asked(&self) -> HashMap<u32, u32> {
        self.counts().clone()
    }

    /// Lets no slow page be answered until those are let go again.
    pub fn hold_slow_pages(&self, held: bool) {
        self.is_held.send_replace(held);
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request. Returns how often the page was asked for, this time included.
    fn count(&self, page: u32) -> u32 {
        let mut counts = self.counts();
        let count = counts.entry(page).or_default();
        *count += 1;
        *count
    }
}

/// Whether a page fails when it is asked for the first time.
pub fn fails_at_first(page: u32) -> bool {
    page % 7 == 5
}

async fn page(State(site): State<Site>, Path(page): Path<u32>) -> Response {
    if page >= site.pages {
        return StatusCode::NOT_FOUND.into_response();
    }
    if site.count(page) == 1 && fails_at_first(page) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if page % 11 == 3 {
        sleep(site.delay).await;
        // An error says that the site is gone, which the handler's own clone keeps alive.
        let _ = site.is_held.subscribe().wait_for(|held| !held).await;
    }
    // Each page leads to two that only it leads to, to one that others lead to as well, and back.
    let known = [page * 2 + 1, page * 2 + 2, (page * 7 + 3) % site.pages, 0];
    let links = known.into_iter().filter(|link| *link < site.pages);
    let links = links.map(|link| format!("<li><a href=\"/pages/{link}\">Page {link}</a></li>\n"));
    let links: String = links.collect();
    let head = format!("<!doctype html>\n<title>Page {page}</title>\n");
    Html(format!("{head}<ul>\n{links}</ul>\n")).into_response()
}

/// A page as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub title: Option<String>,
    /// The paths of the pages to which this one leads, in alphabetical order.
    pub links: Vec<String>,
}

/// A client of the site. Clones share its connections.
#[derive(Clone, Debug)]
pub struct SiteClient {
    http: reqwest::Client,
    site: Url,
}

impl SiteClient {
    /// Returns a client of the site at this URL, which gives up on a page after this time.
    ///
    /// # Panics
    ///
    /// Panics if the system has no secure random numbers.
    #[must_use]
    pub fn new(site: Url, patience: Duration) -> Self {
        let http = reqwest::Client::builder().timeout(patience).no_proxy();
        let http = http.build().expect("a client without TLS");
        Self { http, site }
    }

    /// Reads a page, again if the site fails at first. One that is not there is a page without a title.
    ///
    /// # Errors
    ///
    /// Fails if the site cannot be reached, takes too long, or fails.
    #[guarded(
        breaker = "site",
        timeout = "30s",
        retry(attempts = 4),
        name = "site.read"
    )]
    pub async fn read(&self, path: &str) -> Result<Page> {
        let failed = |why: String| PlanningError::Page {
            path: path.to_owned(),
            why,
        };
        let mut url = self.site.clone();
        url.set_path(path);
        let answer = self.http.get(url).send().await;
        let answer = answer.map_err(|error| failed(why(&error).to_owned()))?;
        let status = answer.status();
        if status.is_server_error() {
            return Err(failed(format!("fails with {status}")));
        }
        let text = answer.text().await;
        let text = text.map_err(|error| failed(why(&error).to_owned()))?;
        Ok(Page {
            status: status.as_u16(),
            title: between(&text, "<title>", "</title>")
                .next()
                .map(str::to_owned),
            links: links(&text),
        })
    }
}

fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "takes too long"
    } else {
        "cannot be reached"
    }
}

/// Returns the links of a page, each once. The site writes them in one way, so this needs no parser of HTML.
fn links(html: &str) -> Vec<String> {
    let links = between(html, "href=\"", "\"").filter(|link| link.starts_with('/'));
    let mut links: Vec<_> = links.map(str::to_owned).collect();
    links.sort();
    links.dedup();
    links
}

/// Returns what stands between each `begin` and the `end` after it.
fn between<'t>(text: &'t str, begin: &'t str, end: &'t str) -> impl Iterator<Item = &'t str> {
    let parts = text.split(begin).skip(1);
    parts.filter_map(move |part| part.split_once(end).map(|(inside, _)| inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_a_page_are_those_of_its_site_each_once() {
        let html = r#"<a href="/b">B</a> <a href="/a">A</a> <a href="/b">B</a>
            <a href="https://elsewhere.example/">Away</a> <a href="/unfinished"#;
        assert_eq!(links(html), ["/a", "/b"]);
        assert!(links("").is_empty());
    }
}
