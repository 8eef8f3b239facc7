//! The file and the line that an operation reports: those of the function's name.
//!
//! `file!()` and `line!()` would give the invocation of the outermost macro, so all operations that
//! one `macro_rules!` writes would report the same line. The name stands where a reader looks for the
//! function, whether that is in the body of such a macro or in its arguments.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote;

use crate::names::Runtime;

/// Output: `"src/bank.rs", 12`, or `file!(), line!()` if the name comes from outside of the workspace.
pub(super) fn of_operation(name: Span, runtime: &Runtime) -> TokenStream {
    match in_workspace(name) {
        Some((file, line)) => quote!(#file, #line),
        None => {
            let (file, line) = (runtime.file(), runtime.line());
            quote!(#file!(), #line!())
        }
    }
}

/// Returns the file, as `file!()` gives it, and the line. `None` outside of a compiler and for tokens
/// from outside of the workspace: Cargo gives the compiler relative paths for the files of the
/// workspace and absolute paths for all others, and a user has no use for the path of somebody else's
/// crate.
fn in_workspace(name: Span) -> Option<(String, Literal)> {
    let span = proc_macro::is_available().then(|| name.unwrap())?;
    span.local_file().filter(|file| file.is_relative())?;
    Some((span.file(), Literal::usize_unsuffixed(span.line())))
}
