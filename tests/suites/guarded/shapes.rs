//! Functions of every shape.

use std::fmt::Display;
use std::sync::Arc;

use dbop::guarded;
use futures_util::future::BoxFuture;

use super::{Answer, ServiceError, Stub};

fn is_send<T: Send>(value: T) -> T {
    value
}

struct Client {
    stub: Stub,
    /// A name that transactions have as well.
    tx: u32,
}

impl Client {
    #[guarded(retry(attempts = 2, base = "1ms"))]
    async fn ask<'a, T: Display + ?Sized>(
        &'a self,
        words: &T,
        (mut before, after): (String, &'a str),
    ) -> Result<(String, &'a str), ServiceError> {
        let number = self.stub.ask().await? + self.tx;
        before.push_str(&format!("{words}{number}"));
        Ok((before, after))
    }

    #[guarded]
    async fn ask_at_last(self) -> Result<Self, ServiceError> {
        self.stub.ask().await?;
        Ok(self)
    }

    #[guarded]
    async fn ask_into(&mut self, into: &mut Vec<u32>) -> Result<&mut u32, ServiceError> {
        into.push(self.stub.ask().await?);
        Ok(&mut self.tx)
    }

    #[guarded]
    async fn ask_shared(self: Arc<Self>) -> Result<u32, ServiceError> {
        self.stub.ask().await
    }
}

#[tokio::test]
async fn methods_have_generics_patterns_and_borrowed_arguments_and_their_futures_are_send() {
    let client = Client {
        stub: Stub::new([Answer::Fails, Answer::Says(4)]),
        tx: 1,
    };
    let (before, after) = is_send(client.ask("n = ", ("so ".to_owned(), "!")))
        .await
        .unwrap();
    assert_eq!((before.as_str(), after), ("so n = 5", "!"));
    let mut client = is_send(client.ask_at_last()).await.unwrap();
    let mut into = Vec::new();
    *is_send(client.ask_into(&mut into)).await.unwrap() = 9;
    assert_eq!((into, client.tx), (vec![0], 9));
    assert_eq!(is_send(Arc::new(client).ask_shared()).await.unwrap(), 0);
}

trait Model {
    async fn generate(&self, prompt: &str) -> Result<String, ServiceError>;
}

impl Model for Stub {
    #[guarded(breaker = "model of a trait")]
    async fn generate(&self, prompt: &str) -> Result<String, ServiceError> {
        Ok(format!("{prompt}{}", self.ask().await?))
    }
}

#[async_trait::async_trait]
trait BoxedModel {
    async fn generate_boxed(&self, prompt: String) -> Result<String, ServiceError>;
}

#[async_trait::async_trait]
impl BoxedModel for Stub {
    #[guarded(breaker = "model of a trait", retry(attempts = 2))]
    async fn generate_boxed(&self, prompt: String) -> Result<String, ServiceError> {
        self.generate(&prompt).await
    }
}

#[guarded(retry(attempts = 2, base = "1ms"))]
fn generate_later(stub: &Stub, prompt: String) -> BoxFuture<'_, Result<String, ServiceError>> {
    Box::pin(async move { stub.generate(&prompt).await })
}

#[tokio::test]
async fn methods_of_traits_and_functions_that_return_a_future_are_guarded_as_well() {
    let stub = Stub::new([
        Answer::Says(1),
        Answer::Says(2),
        Answer::Fails,
        Answer::Says(3),
    ]);
    assert_eq!(stub.generate("a").await.unwrap(), "a1");
    let boxed = is_send(stub.generate_boxed("b".to_owned()));
    assert_eq!(boxed.await.unwrap(), "b2");
    let later = is_send(generate_later(&stub, "c".to_owned()));
    assert_eq!(later.await.unwrap(), "c3");
}

#[tokio::test]
async fn a_body_that_is_not_send_makes_a_future_that_is_not_send_and_runs() {
    #[guarded]
    async fn counts_here(stub: &Stub) -> Result<u32, ServiceError> {
        let here = std::rc::Rc::new(1);
        let there = stub.ask().await?;
        Ok(*here + there)
    }
    assert_eq!(counts_here(&Stub::default()).await.unwrap(), 1);
}
