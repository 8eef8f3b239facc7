//! A runtime for code that is not called from one.

use std::sync::LazyLock;

use tokio::runtime::{self, Handle};

/// Returns a handle to the background runtime, which a thread of its own drives. The runtime is
/// never dropped, because connections outlive the calls that open them.
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

/// Returns the runtime of this thread, or the [background] runtime if the thread has none.
pub(crate) fn here_or_background() -> Handle {
    Handle::try_current().unwrap_or_else(|_| background().clone())
}
