//! The page about a database: three files, and the events that its script reads.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::served::Served;

/// Nothing from elsewhere is loaded, and nothing but the page's own script runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns the routes of the page. The files show nothing of the database, so they need no token: a
/// browser sends none for them. The script asks for the token, and sends it for the events.
pub(super) fn router() -> Router<Arc<Served>> {
    Router::new()
        .route("/monitoring", get(async || file("text/html", HTML)))
        .route(
            "/monitoring/page.css",
            get(async || file("text/css", include_str!("page/page.css"))),
        )
        .route(
            "/monitoring/shared.js",
            get(async || file("text/javascript", include_str!("page/shared.js"))),
        )
        .route(
            "/monitoring/page.js",
            get(async || file("text/javascript", include_str!("page/page.js"))),
        )
        .route("/monitoring/events", get(events))
}

/// Makes the text of a page: its title, the link to the other page, where it finds its files, its script, and
/// what it shows.
macro_rules! page_of {
    ($title:literal, $link:literal, $files:literal, $script:literal, $shows:literal) => {
        concat!(
            include_str!("page/head.html"),
            concat!("<title>", $title, "</title>\n"),
            concat!("<link rel=\"stylesheet\" href=\"", $files, "page.css\">\n"),
            concat!("<script src=\"", $files, "shared.js\" defer></script>\n"),
            concat!("<script src=\"", $files, $script, "\" defer></script>\n"),
            concat!(
                "</head>\n<body>\n<header>\n  <h1>",
                $title,
                " <span id=\"system\"></span></h1>\n"
            ),
            $link,
            include_str!("page/top.html"),
            include_str!($shows),
            "</body>\n</html>\n"
        )
    };
}

#[cfg(feature = "jobs")]
pub(super) use page_of;

#[cfg(feature = "jobs")]
const HTML: &str = page_of!(
    "Database",
    "  <nav><a href=\"monitoring/jobs\">Jobs</a></nav>\n",
    "monitoring/",
    "page.js",
    "page/page.html"
);
#[cfg(not(feature = "jobs"))]
const HTML: &str = page_of!("Database", "", "monitoring/", "page.js", "page/page.html");

/// Returns a file of a page.
pub(super) fn file(kind: &str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::try_from(format!("{kind}; charset=utf-8"));
    headers.insert(
        header::CONTENT_TYPE,
        kind.unwrap_or(HeaderValue::from_static("text/plain")),
    );
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn events(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if let Err(refused) = served.allows(&headers) {
        return *refused;
    }
    match &served.lookout {
        Some(lookout) => lookout.pages().answer(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Checks the files of a page.
#[cfg(test)]
pub(super) fn assert_harmless(html: &str, script: &str) {
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        assert!(!script.contains(word), "{word}");
    }
    for text in [html, script] {
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("://"), "{text}");
    }
    for inline in ["<style", " style=", " onclick=", "<script>"] {
        assert!(!html.contains(inline), "the policy forbids {inline}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_sets_no_text_as_markup_and_loads_nothing_from_elsewhere() {
        assert_harmless(HTML, include_str!("page/page.js"));
        assert_harmless(HTML, include_str!("page/shared.js"));
        assert!(!include_str!("page/page.css").contains("://"));
    }
}
