//! Calls that make their thread wait, as far as their names tell.

use proc_macro2::Ident;
use syn::{Expr, ExprMethodCall, Path};

use super::calls::{ends_with, first_function, is_any, is_of_this_crate, last, starts_with};

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waits {
    /// A timer, another machine, a process or a user.
    Outside,
    File,
    /// Another connection, through a driver without async.
    Driver,
    /// A future.
    Future,
    /// Another task, or a lock.
    Task,
}

/// Recognizes a function that waits wherever it is called.
pub(super) fn function_anywhere(path: &Path) -> Option<Waits> {
    const OUTSIDE: [&[&str]; 5] = [
        &["reqwest", "blocking"],
        &["std", "io", "stdin"],
        &["std", "net", "TcpListener"],
        &["std", "net", "TcpStream"],
        &["std", "net", "UdpSocket"],
    ];
    let is_ureq = || path.segments.len() == 2 && starts_with(path, &["ureq"]);
    if ends_with(path, &["thread", "sleep"]) && !is_of_this_crate(path)
        || OUTSIDE.iter().any(|words| starts_with(path, words))
        || is_ureq()
    {
        Some(Waits::Outside)
    } else if starts_with(path, &["std", "fs"]) && last(path).is_some_and(is_file_function) {
        Some(Waits::File)
    } else if starts_with(path, &["rusqlite", "Connection"])
        || ends_with(path, &["postgres", "Client", "connect"])
    {
        Some(Waits::Driver)
    } else {
        ends_with(path, &["block_on"]).then_some(Waits::Future)
    }
}

/// Recognizes a function that waits unless its result is awaited: tokio or diesel-async has an
/// async function of the same name.
pub(super) fn function_without_await(path: &Path) -> Option<Waits> {
    const FILES: [[&str; 2]; 3] = [["File", "create"], ["File", "create_new"], ["File", "open"]];
    const SOCKETS: [[&str; 2]; 3] = [
        ["TcpListener", "bind"],
        ["TcpStream", "connect"],
        ["UdpSocket", "bind"],
    ];
    const CONNECTIONS: [[&str; 2]; 3] = [
        ["MysqlConnection", "establish"],
        ["PgConnection", "establish"],
        ["SqliteConnection", "establish"],
    ];
    let is_one_of = |all: &[[&str; 2]]| all.iter().any(|words| ends_with(path, words));
    // A longer path leads to tokio or to the application, or was recognized as one of std.
    let is_short = path.segments.len() == 2;
    let is_file = || starts_with(path, &["fs"]) && last(path).is_some_and(is_file_function);
    if is_short && (is_file() || is_one_of(&FILES)) {
        Some(Waits::File)
    } else if is_short && is_one_of(&SOCKETS) {
        Some(Waits::Outside)
    } else {
        is_one_of(&CONNECTIONS).then_some(Waits::Driver)
    }
}

/// Returns whether this is a function of `std::fs`, or a function of its types that opens a file.
fn is_file_function(name: &Ident) -> bool {
    const NAMES: [&str; 24] = [
        "canonicalize",
        "copy",
        "create",
        "create_dir",
        "create_dir_all",
        "create_new",
        "exists",
        "hard_link",
        "metadata",
        "open",
        "options",
        "read",
        "read_dir",
        "read_link",
        "read_to_string",
        "remove_dir",
        "remove_dir_all",
        "remove_file",
        "rename",
        "set_permissions",
        "soft_link",
        "symlink",
        "symlink_metadata",
        "write",
    ];
    is_any(name, &NAMES)
}

/// Recognizes a method that waits whatever its receiver is.
pub(super) fn method_anywhere(call: &ExprMethodCall) -> Option<Waits> {
    let is_process = || {
        let started = first_function(call);
        started.is_some_and(|path| starts_with(path, &["std", "process", "Command"]))
    };
    match call.method.to_string().as_str() {
        "block_on" => Some(Waits::Future),
        "blocking_lock" | "blocking_read" | "blocking_recv" | "blocking_send"
        | "blocking_write" => Some(Waits::Task),
        "output" | "status" | "wait" | "wait_with_output" if is_process() => Some(Waits::Outside),
        _ => None,
    }
}

/// Recognizes a function that waits in a plain function. Nothing is awaited there, so a short path
/// such as `Connection::open(path)` can only mean the function that waits.
pub(super) fn function_in_plain(path: &Path) -> Option<Waits> {
    const CONNECTIONS: [[&str; 2]; 3] = [
        ["Client", "connect"],
        ["Connection", "open"],
        ["Connection", "open_with_flags"],
    ];
    // `reqwest::blocking::get` and `ureq::post` send a request. The other functions of the two
    // crates only make a value.
    let asks = path.segments.len() < 4 && last(path).is_some_and(is_request);
    let only_makes = is_http_client(path) && !asks;
    let is_in_memory = last(path).is_some_and(|name| name.to_string().contains("in_memory"));
    if only_makes || is_in_memory {
        None
    } else if ends_with(path, &["io", "stdin"]) {
        Some(Waits::Outside)
    } else if CONNECTIONS.iter().any(|words| ends_with(path, words)) {
        Some(Waits::Driver)
    } else {
        function_anywhere(path).or_else(|| function_without_await(path))
    }
}

/// Recognizes a method that waits in a plain function: `receiver.recv()`, `handle.join()`,
/// `client.get(url).send()`.
pub(super) fn method_in_plain(call: &ExprMethodCall, is_remote: bool) -> Option<Waits> {
    let first = first_function(call);
    let is_process = || first.is_some_and(|path| ends_with(path, &["Command", "new"]));
    match (call.method.to_string().as_str(), call.args.len()) {
        ("join" | "recv", 0) | ("recv_timeout", 1) => Some(Waits::Task),
        ("output" | "status", 0) if is_process() => Some(Waits::Outside),
        ("execute" | "run", 1) if is_remote => Some(Waits::Outside),
        ("call" | "send", 0) if is_remote || makes_request(&call.receiver) => Some(Waits::Outside),
        _ => method_anywhere(call),
    }
}

/// Returns whether the chain makes an HTTP request: `client.post(url).json(&order)`.
fn makes_request(chain: &Expr) -> bool {
    match chain {
        Expr::MethodCall(call) => {
            is_request(&call.method) && call.args.len() == 1 || makes_request(&call.receiver)
        }
        _ => false,
    }
}

fn is_request(name: &Ident) -> bool {
    const NAMES: [&str; 7] = ["delete", "get", "head", "patch", "post", "put", "request"];
    is_any(name, &NAMES)
}

/// Returns whether the path begins like `reqwest::blocking::Client` or `ureq::Agent`.
pub(super) fn is_http_client(path: &Path) -> bool {
    starts_with(path, &["reqwest", "blocking"]) || starts_with(path, &["ureq"])
}
