//! The code between the parentheses of a macro call. A macro may mean anything. Tokens that read as
//! Rust are taken for Rust, and all others stay tokens.

use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Block, Expr, Ident, Macro, Pat, Stmt, Token};

use super::calls::last;
use super::lift::{lift, lift_in};
use super::strip::has_levels;

pub(super) enum Parts {
    /// `join!` and `try_join!`: futures that the macro awaits.
    Join(Vec<Expr>),
    /// `select!`: several futures, of which the macro awaits the first that ends.
    Select(Vec<Branch>),
    /// `println!("{}", a)` and most other macros.
    Expressions(Vec<Expr>),
    /// `pin!(let a = ..)` and other macros that take code.
    Statements(Vec<Stmt>),
    Tokens,
}

/// `pattern = future, if condition => handler`
pub(super) struct Branch {
    pub(super) pattern: Pat,
    /// The future; `None` for `else => ..`.
    pub(super) future: Option<Expr>,
    pub(super) condition: Option<Expr>,
    pub(super) handler: Expr,
}

impl Parts {
    pub(super) fn of(call: &Macro) -> Parts {
        let mut parts = Parts::read(call);
        if has_levels(call.tokens.clone()) {
            parts.lift_levels();
        }
        parts
    }

    fn lift_levels(&mut self) {
        match self {
            Parts::Join(parts) | Parts::Expressions(parts) => {
                parts.iter_mut().for_each(lift_in);
            }
            Parts::Select(branches) => {
                for branch in branches {
                    branch.future.iter_mut().for_each(lift_in);
                    lift_in(&mut branch.handler);
                }
            }
            Parts::Statements(statements) => lift(statements),
            Parts::Tokens => {}
        }
    }

    fn read(call: &Macro) -> Parts {
        let name = last(&call.path).map(|name| name.unraw().to_string());
        match name.as_deref() {
            Some("macro_rules") => Parts::Tokens,
            Some("join" | "try_join") => {
                Parser::parse2(futures, call.tokens.clone()).map_or(Parts::Tokens, Parts::Join)
            }
            Some("select" | "select_biased" | "try_select") => {
                Parser::parse2(branches, call.tokens.clone()).map_or(Parts::Tokens, Parts::Select)
            }
            _ => Parser::parse2(expressions, call.tokens.clone())
                .map(Parts::Expressions)
                .or_else(|_| {
                    Block::parse_within
                        .parse2(call.tokens.clone())
                        .map(Parts::Statements)
                })
                .unwrap_or(Parts::Tokens),
        }
    }
}

fn expressions(input: ParseStream<'_>) -> syn::Result<Vec<Expr>> {
    let all = Punctuated::<Expr, Token![,]>::parse_terminated(input)?;
    Ok(all.into_iter().collect())
}

/// Reads the futures of `join!`, behind tokio's `biased;`.
fn futures(input: ParseStream<'_>) -> syn::Result<Vec<Expr>> {
    skip_biased(input)?;
    expressions(input)
}

fn branches(input: ParseStream<'_>) -> syn::Result<Vec<Branch>> {
    skip_biased(input)?;
    let mut branches = Vec::new();
    while !input.is_empty() {
        branches.push(branch(input)?);
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(branches)
}

fn skip_biased(input: ParseStream<'_>) -> syn::Result<()> {
    let ahead = input.fork();
    if ahead.parse::<Ident>().is_ok_and(|word| word == "biased") && ahead.peek(Token![;]) {
        input.parse::<Ident>()?;
        input.parse::<Token![;]>()?;
    }
    Ok(())
}

fn branch(input: ParseStream<'_>) -> syn::Result<Branch> {
    let is_fallback = input.peek2(Token![=>]);
    let (pattern, future, condition) = if is_fallback {
        // `else`, or `default` and `complete` of the futures crate.
        input.call(Ident::parse_any)?;
        (syn::parse_quote!(_), None, None)
    } else {
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        input.parse::<Token![=]>()?;
        let future = input.parse()?;
        let condition = if input.parse::<Option<Token![,]>>()?.is_some() {
            input.parse::<Token![if]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        (pattern, Some(future), condition)
    };
    input.parse::<Token![=>]>()?;
    let handler = Expr::parse_with_earlier_boundary_rule(input)?;
    Ok(Branch {
        pattern,
        future,
        condition,
        handler,
    })
}
