use quote::ToTokens;
use syn::{FnArg, Receiver, ReceiverKind};

use super::report::first_token;
use super::site::Site;
use super::{Lint, Pass, Subject};
use crate::function::{Function, types};
use crate::lint_attributes::Level;
use crate::options::Attribute;
use crate::replay::BodyRuns;

pub(super) static LINT: Lint = Lint {
    name: "unreplayable_argument",
    level: Level::Deny,
    finds: "an argument that cannot be given to a second attempt, or a result that prevents one: `&mut T`, a consumed `self`, a returned `&mut`",
    message: "a `&mut` argument cannot be replayed: it would still hold what the failed attempt wrote",
    help: "take it by value and return it, or give up retries with {never}",
    why: r#"
A transaction that was rolled back by a conflict is run again, and every attempt gets the arguments
as the caller gave them: owned values are cloned, references are lent again. The database forgets
what the failed attempt did, but the value behind a `&mut` keeps it.

Take the value and return it, or say `retry = never`. Of the three, only a `&mut` argument can be
allowed: every attempt then borrows the same value, and the body has to cope with what an earlier
attempt left there. A consumed `self` is gone after the first attempt, and a returned `&mut` is still
lent to that attempt. A plain `fn` can take no `&mut` except the connection, and clones a consumed
`self` like any argument.
"#,
    bad: r#"
use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn names(tx: &mut Tx<'_, Sqlite>, into: &mut Vec<String>) -> dbop::Result<()> {
    let found: Vec<String> = sqlx::query_scalar("SELECT name FROM users").fetch_all(&mut *tx).await?;
    into.extend(found); // twice, if the commit fails with a conflict
    Ok(())
}
"#,
    good: r#"
use dbop::{Tx, transactional};
use sqlx::Sqlite;

#[transactional]
async fn names(tx: &mut Tx<'_, Sqlite>) -> dbop::Result<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT name FROM users").fetch_all(&mut *tx).await?)
}
"#,
    pass: |subject| {
        let body_runs = BodyRuns::of(subject.attribute, subject.options, subject.function);
        // The arguments of a plain function cross to another thread, which `checks` looks at.
        let is_lent_again = body_runs == BodyRuns::OncePerAttempt && !subject.function.is_plain();
        is_lent_again.then(|| Box::new(UnreplayableArgument) as _)
    },
};

struct UnreplayableArgument;

impl Pass for UnreplayableArgument {
    fn signature(&mut self, subject: &Subject<'_>, site: &mut Site) {
        let function = subject.function;
        let mut check = Check {
            attribute: subject.attribute,
            site,
        };
        if let Some(FnArg::Receiver(receiver)) = function.source.signature.inputs.first() {
            check.receiver(receiver, function);
        }
        for argument in &function.arguments {
            // A second `#[session]` was reported when the session was searched for.
            let marked = function.source.is_marked(argument.index);
            if !marked && argument.is_mutable_reference() {
                check.argument(&argument.parameter);
            }
        }
        if let Some(reference) = types::find_reference(&function.output, false) {
            check.reject(&reference, "a returned `&mut` cannot be replayed: the failed attempt would still hold what the next one returns", "return an owned value");
        }
    }
}

struct Check<'a> {
    attribute: Attribute,
    site: &'a mut Site,
}

impl Check<'_> {
    fn argument(&mut self, parameter: impl ToTokens) {
        let help = LINT.help.replace("{never}", &self.never());
        let point = first_token(&parameter);
        self.site
            .report_as(&LINT, parameter, point, (LINT.message, &help));
    }

    fn receiver(&mut self, receiver: &Receiver, function: &Function) {
        match &receiver.kind {
            ReceiverKind::Value => self.consumed(receiver),
            ReceiverKind::Typed(_, ty) if !is_borrowed(ty) => self.consumed(receiver),
            ReceiverKind::Reference(_, lifetime, Some(_)) => {
                // Even if arguments are references, too, elision ties an unnamed lifetime of the
                // output to `self`.
                let borrows = types::find_reference(&function.output, true);
                if let Some(output) = borrows.filter(|output| {
                    output.mutability.is_none() && output.lifetime.is_none() && lifetime.is_none()
                }) {
                    self.reject(&output, "a reference into `&mut self` cannot be replayed: the next attempt needs `self` back", "return an owned value");
                }
            }
            _ => {}
        }
    }

    fn consumed(&mut self, receiver: &Receiver) {
        self.reject(
            receiver,
            "a consumed `self` cannot be replayed: the failed attempt has used it up",
            "take `&self`",
        );
    }

    fn reject(&mut self, place: impl ToTokens, why: &str, instead: &str) {
        let help = format!("{instead}, or give up retries with {}", self.never());
        self.site.reject(&LINT, place, (why, &help));
    }

    fn never(&self) -> String {
        self.attribute.with("retry = never")
    }
}

/// Returns whether the receiver can be lent again, as `self: &Arc<Self>` and `self: Pin<&mut Self>`
/// can. `self: Arc<Self>` is consumed.
fn is_borrowed(ty: &syn::Type) -> bool {
    types::reference(ty).is_some()
        || types::wrapped(ty, "Pin").is_some_and(|pinned| types::reference(pinned).is_some())
}
