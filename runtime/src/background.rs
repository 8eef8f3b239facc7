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
