//! What handlers take and return. A request that cannot be read is answered with problem details, as
//! every other failure is.

use std::fmt::Display;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dbop::http::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::page::Page;

/// A body of JSON.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(bad) => Err(Problem::new(bad.status(), "invalid_body", bad.body_text())),
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// What follows the `?` of a URL.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(bad) => Err(Problem::new(bad.status(), "invalid_query", bad.body_text())),
        }
    }
}

/// The parts of a path that are values.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(bad) => Err(Problem::new(bad.status(), "invalid_path", bad.body_text())),
        }
    }
}

/// A row that was made, and the path at which it is found.
pub(super) struct Created<T>(pub(super) String, pub(super) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let Self(path, value) = self;
        (
            StatusCode::CREATED,
            [(header::LOCATION, path)],
            axum::Json(value),
        )
            .into_response()
    }
}

/// A page, with the path of the next one, which is also in the header that RFC 8288 defines.
#[derive(Serialize)]
pub(super) struct Listed<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl<T> Listed<T> {
    pub(super) fn new(uri: &Uri, page: Page<T, impl Display>) -> Self {
        let next = page.next.map(|id| {
            let query = uri.query().unwrap_or_default().split('&');
            let filters = query.filter(|pair| !pair.is_empty() && !pair.starts_with("after="));
            let after = format!("after={id}");
            let pairs: Vec<_> = filters.chain([after.as_str()]).collect();
            format!("{}?{}", uri.path(), pairs.join("&"))
        });
        Self {
            items: page.items,
            next,
        }
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let next = self.next.as_ref();
        let link = next.map(|next| [(header::LINK, format!("<{next}>; rel=\"next\""))]);
        (link, axum::Json(self)).into_response()
    }
}
