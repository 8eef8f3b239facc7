//! The runtime of code that has none.

use std::sync::LazyLock;

use tokio::runtime::{self, Handle};

/// A thread of its own drives it. It is never dropped: connections outlive a call.
pub(crate) fn background() -> &'static Handle {
    static BACKGROUND: LazyLock<Handle> = LazyLock::new(|| {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the system has no room for an event queue");
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("dbop-runtime".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("the system has no room for a thread");
        handle
    });
    &BACKGROUND
}

/// The runtime of this thread, or the [background] where the thread belongs to none.
pub(crate) fn here_or_background() -> Handle {
    Handle::try_current().unwrap_or_else(|_| background().clone())
}
