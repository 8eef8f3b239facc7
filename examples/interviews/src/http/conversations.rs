use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::{delete, get};
use dbop::AnyDb;
use dbop::http::{IdempotencyKey, Problem};

use super::App;
use super::extract::{Created, Json, Listed, Path, Query};
use crate::conversations::{self, Change, Conversation, ConversationFilter, NewConversation};
use crate::messages::{self, Message, NewMessage};
use crate::page::Paging;
use crate::values::{ConversationId, MessageId};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/conversations", get(page).post(create))
        .route(
            "/conversations/{id}",
            get(find).patch(change).delete(remove),
        )
        .route(
            "/conversations/{id}/messages",
            get(page_of_messages).post(post_message),
        )
        .route("/messages/{id}", delete(remove_message))
}

async fn create(
    State(db): State<AnyDb>,
    key: IdempotencyKey,
    Json(new): Json<NewConversation>,
) -> Result<Created<Conversation>, Problem> {
    let created = conversations::begin(&db, &key, &new).await?;
    Ok(Created(format!("/conversations/{}", created.id), created))
}

async fn page(
    State(db): State<AnyDb>,
    uri: Uri,
    Query(filter): Query<ConversationFilter>,
    Query(paging): Query<Paging<ConversationId>>,
) -> Result<Listed<Conversation>, Problem> {
    Ok(Listed::new(
        &uri,
        conversations::page(&db, &filter, paging).await?,
    ))
}

async fn find(
    State(db): State<AnyDb>,
    Path(id): Path<ConversationId>,
) -> Result<Json<Conversation>, Problem> {
    Ok(Json(conversations::find(&db, id).await?))
}

async fn change(
    State(db): State<AnyDb>,
    Path(id): Path<ConversationId>,
    Json(change): Json<Change>,
) -> Result<Json<Conversation>, Problem> {
    Ok(Json(conversations::change(&db, id, &change).await?))
}

async fn remove(
    State(db): State<AnyDb>,
    Path(id): Path<ConversationId>,
) -> Result<StatusCode, Problem> {
    conversations::remove(&db, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn page_of_messages(
    State(db): State<AnyDb>,
    uri: Uri,
    Path(conversation): Path<ConversationId>,
    Query(paging): Query<Paging<MessageId>>,
) -> Result<Listed<Message>, Problem> {
    let conversation = conversations::find(&db, conversation).await?.id;
    Ok(Listed::new(
        &uri,
        messages::page(&db, conversation, paging).await?,
    ))
}

async fn post_message(
    State(db): State<AnyDb>,
    Path(conversation): Path<ConversationId>,
    key: IdempotencyKey,
    Json(new): Json<NewMessage>,
) -> Result<(StatusCode, Json<Message>), Problem> {
    let message = messages::post(&db, &key, conversation, &new).await?;
    Ok((StatusCode::CREATED, Json(message)))
}

async fn remove_message(
    State(db): State<AnyDb>,
    Path(id): Path<MessageId>,
) -> Result<StatusCode, Problem> {
    messages::remove(&db, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
