//! The file and the line that an operation reports.
//!
//! | the function's name stands | the attribute stands | file and line |
//! |---|---|---|
//! | in no macro | above the function | those of the attribute |
//! | in the body of a `macro_rules!` of the workspace | there as well | those of the name, in the macro's body |
//! | in the arguments of a macro | there as well | those of the attribute |
//! | in the arguments of a macro | in the macro's body | those of the name, in the arguments |
//! | in the body of a macro from outside of the workspace | anywhere | those of the macro's invocation |
//!
//! `file!()` and `line!()` alone give the invocation of the outermost macro, so all operations of
//! one macro would report the same line. Inside a macro the name is the better choice, because the
//! attribute may stand in the macro's body, where one line serves many functions.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote;

use crate::names::Runtime;

/// Output: `file!(), line!()`, or the same two values as literals.
pub(super) fn of_operation(name: Span, runtime: &Runtime) -> TokenStream {
    let attribute = Position::of(Span::call_site());
    file_and_line(attribute, Position::of(name), runtime)
}

/// A place in a file of the workspace.
#[derive(Clone, PartialEq, Eq)]
struct Position {
    /// The path as `file!()` gives it.
    file: String,
    line: usize,
    column: usize,
}

impl Position {
    /// `None` outside of a compiler and for tokens from outside of the workspace. Cargo gives the
    /// compiler relative paths for the files of the workspace and absolute ones for all others, and
    /// a user has no use for the path of somebody else's crate.
    fn of(span: Span) -> Option<Position> {
        let span = proc_macro::is_available().then(|| span.unwrap())?;
        span.local_file().filter(|file| file.is_relative())?;
        Some(Position {
            file: span.file(),
            line: span.line(),
            column: span.column(),
        })
    }
}

fn file_and_line(
    attribute: Option<Position>,
    name: Option<Position>,
    runtime: &Runtime,
) -> TokenStream {
    let (file, line) = (runtime.file(), runtime.line());
    let Some(name) = name else {
        return quote!(#file!(), #line!());
    };
    let (name_file, name_line) = (&name.file, Literal::usize_unsuffixed(name.line));
    let Some(attribute) = attribute.filter(|it| it.file == name.file && it.line != name.line)
    else {
        return quote!(#name_file, #name_line);
    };
    // No stable function tells whether a span comes from a macro. But the two macros give the place
    // of the attribute if no macro is around it, and otherwise the place of an invocation.
    let column = runtime.column();
    let attribute_line = Literal::usize_unsuffixed(attribute.line);
    let attribute_column = Literal::usize_unsuffixed(attribute.column);
    quote! {
        #name_file,
        match (#line!(), #column!()) {
            (#attribute_line, #attribute_column) => #attribute_line,
            _ => #name_line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: &str, line: usize, column: usize) -> Option<Position> {
        let file = file.to_owned();
        Some(Position { file, line, column })
    }

    #[track_caller]
    fn assert_reports(attribute: Option<Position>, name: Option<Position>, expected: &str) {
        let expected: TokenStream = expected
            .replace("P::", "::dbop::__private::core::")
            .parse()
            .unwrap();
        let found = file_and_line(attribute, name, &Runtime::new(None));
        assert_eq!(found.to_string(), expected.to_string());
    }

    #[test]
    fn outside_of_a_macro_it_is_the_line_of_the_attribute() {
        let expected = r#""a.rs", match (P::line!(), P::column!()) {
            (3, 5) => 3,
            _ => 4,
        }"#;
        assert_reports(at("a.rs", 3, 5), at("a.rs", 4, 8), expected);
    }

    #[test]
    fn the_file_and_the_line_are_of_the_same_place() {
        assert_reports(at("a.rs", 3, 5), at("b.rs", 4, 8), r#""b.rs", 4"#);
        assert_reports(None, at("b.rs", 4, 8), r#""b.rs", 4"#);
        assert_reports(at("a.rs", 3, 5), None, "P::file!(), P::line!()");
        assert_reports(None, None, "P::file!(), P::line!()");
    }

    #[test]
    fn on_one_line_nothing_has_to_be_compared() {
        assert_reports(at("a.rs", 3, 5), at("a.rs", 3, 20), r#""a.rs", 3"#);
    }
}
