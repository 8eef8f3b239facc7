//! Writes the tests.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, ExprLit, FnArg, ItemFn, Lit, LitStr, Meta, MetaNameValue, ReturnType};

use super::argument::Kind;
use super::checks::Plan;
use super::options::Options;
use crate::database::{DB, Database};
use crate::names::{self, Runtime};
use crate::spans;
use crate::tokens::replace_ident;

/// Input: the function.
///
/// Output:
/// ```text
/// #[cfg(test)]
/// async fn a_test(db: AnyDb) -> Result<(), BankError> { .. }
///
/// #[cfg(test)]
/// mod a_test {
///     #[test]
///     fn sqlite() -> impl Termination {
///         static __MIGRATIONS: Migrator = migrate!("./migrations");
///         Test::<Sqlite>::new(concat!(module_path!(), "::sqlite"))
///             .migrations(&__MIGRATIONS)
///             .fixture("users.sql", include_str!("fixtures/users.sql"))
///             .run(super::a_test)
///     }
///
///     #[test]
///     fn postgres() -> impl Termination { .. }
/// }
/// ```
///
/// A module and a function may have the same name, because they are names of different sorts. If the
/// argument names `DB`, there is a function for each database.
pub(super) fn tests(
    function: &ItemFn,
    options: &Options,
    plan: &Plan,
    runtime: &Runtime,
) -> TokenStream {
    let attributes = Attributes::sort(&function.attrs);
    let (name, on_both) = (&function.sig.ident, &attributes.of_both);
    let written = ItemFn {
        attrs: attributes.of_function,
        ..function.clone()
    };
    let written = match plan.for_each {
        false => vec![written.into_token_stream()],
        true => {
            let each = plan.databases.iter();
            each.map(|database| for_database(*database, &written, runtime))
                .collect()
        }
    };
    let written = written
        .into_iter()
        .map(|function| quote!(#[cfg(test)] #(#on_both)* #function));
    let of_tests = &attributes.of_tests;
    let tests = plan.databases.iter().map(|database| {
        let test = Ident::new(database.feature(), name.span());
        let result = match &function.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(..) => {
                let termination = runtime.termination();
                Some(quote!(-> impl #termination))
            }
        };
        let run = run(*database, function, options, plan, runtime);
        quote! {
            #(#of_tests)*
            #[::core::prelude::v1::test]
            fn #test() #result { #run }
        }
    });
    quote! {
        #(#written)*

        #[cfg(test)]
        #(#on_both)*
        mod #name {
            #(#tests)*
        }
    }
}

/// Writes the body of the test on one database.
fn run(
    database: Database,
    function: &ItemFn,
    options: &Options,
    plan: &Plan,
    runtime: &Runtime,
) -> TokenStream {
    let test = runtime.test();
    let (concat, module_path) = (runtime.concat(), runtime.module_path());
    let end = format!("::{}", database.feature());
    let of_database = database.path(runtime);
    let (migrator, migrations) = migrations(database, options, runtime).unzip();
    let fixtures = options.fixtures.iter().flat_map(|given| &given.value);
    let fixtures = fixtures.map(|path| fixture(path, runtime));
    let in_memory = options
        .in_memory
        .as_ref()
        .filter(|_| database == Database::Sqlite)
        .map(|_| quote!(.in_memory()));
    let multi_thread = options
        .multi_thread
        .as_ref()
        .filter(|given| given.value)
        .map(|_| quote!(.multi_thread()));
    let mut attributes = function.attrs.iter();
    let should_panic = attributes.find_map(expected_panic);
    let should_panic = should_panic.map(|expected| quote!(.should_panic(#expected)));
    let name = match plan.for_each {
        false => function.sig.ident.clone(),
        true => name_for(database, function),
    };
    let method = Ident::new(
        match plan.kind {
            Kind::Handle => "run",
            Kind::Transaction => "run_in_transaction",
        },
        spans::generated(),
    );
    // An argument that a test on this database cannot take is reported where its type stands.
    let place = match function.sig.inputs.first() {
        Some(FnArg::Typed(argument)) => spans::ends(&argument.ty),
        _ => spans::ends(&name),
    };
    let body = spans::between(quote!(super::#name), place.0, place.1);
    quote! {
        #migrator
        #test::<#of_database>::new(#concat!(#module_path!(), #end))
            #migrations
            #(#fixtures)*
            #in_memory
            #multi_thread
            #should_panic
            .#method(#body)
    }
}

/// Returns what the message of the panic should contain, if the attribute is `#[should_panic]`.
fn expected_panic(attribute: &Attribute) -> Option<String> {
    if !attribute.path().is_ident("should_panic") {
        return None;
    }
    let expected = match &attribute.meta {
        Meta::Path(_) => None,
        Meta::NameValue(given) => Some(given.value.clone()),
        Meta::List(list) => {
            let given = list.parse_args::<MetaNameValue>().ok();
            given.map(|given| given.value)
        }
    };
    match expected {
        Some(Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        })) => Some(text.value()),
        _ => Some(String::new()),
    }
}

/// Writes the migrations for a database, and the call that applies them.
fn migrations(
    database: Database,
    options: &Options,
    runtime: &Runtime,
) -> Option<(TokenStream, TokenStream)> {
    let path = relative(options.migrations.as_ref()?.value.of(database)?);
    let (migrator, migrate) = (runtime.migrator(), runtime.migrate());
    let place = names::migrations();
    Some((
        quote!(static #place: #migrator = #migrate!(#path);),
        quote!(.migrations(&#place)),
    ))
}

/// Writes the function with one database in place of `DB`, which the body sees as a type.
fn for_database(database: Database, function: &ItemFn, runtime: &Runtime) -> TokenStream {
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
        ..
    } = function;
    let mut sig = sig.clone();
    sig.ident = name_for(database, function);
    let sig = replace_ident(sig.into_token_stream(), DB, &database.path(runtime));
    let item = database.item(&Ident::new(DB, Span::call_site()), runtime);
    let statements = &block.stmts;
    quote! {
        #(#attrs)* #vis #sig {
            #[allow(dead_code)]
            #item
            #(#statements)*
        }
    }
}

/// Returns the name of the function that is compiled for one database.
fn name_for(database: Database, function: &ItemFn) -> Ident {
    let name = &function.sig.ident;
    format_ident!("{name}_on_{}", database.feature(), span = name.span())
}

/// A name without a folder is that of a file in the folder `fixtures` beside the source of the test, and
/// may leave `.sql` out. A path with a folder begins at the folder of the source. This is as under
/// `#[sqlx::test]`.
fn fixture(written: &LitStr, runtime: &Runtime) -> TokenStream {
    let include_str = runtime.include_str();
    let name = written.value();
    let path = match name.contains(['/', '\\']) {
        true => name.clone(),
        false if name.contains('.') => format!("fixtures/{name}"),
        false => format!("fixtures/{name}.sql"),
    };
    // A file that is not there is reported where its name stands.
    let span = Span::call_site().located_at(written.span());
    let path = LitStr::new(&path, span);
    let include = quote_spanned!(span=> #include_str!(#path));
    quote!(.fixture(#name, #include))
}

/// Writes a path so that sqlx takes it for one that is relative to the package.
fn relative(written: &LitStr) -> LitStr {
    let path = written.value();
    match path.starts_with('.') {
        true => written.clone(),
        false => LitStr::new(&format!("./{path}"), written.span()),
    }
}

/// The attributes of the function, by where they go.
#[derive(Default)]
struct Attributes {
    /// What says how a test is run, and its documentation.
    of_tests: Vec<Attribute>,
    /// What says in which builds there is a test.
    of_both: Vec<Attribute>,
    of_function: Vec<Attribute>,
}

impl Attributes {
    fn sort(attributes: &[Attribute]) -> Self {
        let mut sorted = Self::default();
        for attribute in attributes {
            let name = attribute.path().get_ident().map(ToString::to_string);
            let place = match name.as_deref() {
                // With this attribute, the harness would take a test that has not begun for one that
                // has panicked as it should.
                Some("should_panic") => continue,
                Some("ignore" | "doc") => &mut sorted.of_tests,
                Some("cfg" | "allow") => &mut sorted.of_both,
                _ => &mut sorted.of_function,
            };
            place.push(attribute.clone());
        }
        sorted
    }
}
