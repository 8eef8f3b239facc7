//! [`Overrides`]: what the environment says about the calls of single operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::retries::Retries;

/// What the environment says about the calls of single operations, in place of what their
/// attributes say. Usually nothing, which costs a call one look at a pointer. Each session has a copy,
/// so this is one word: an `Arc<[Override]>` would be two.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides(Option<Arc<Vec<Override>>>);

/// What the environment says about the calls of the operations with one name.
#[derive(Debug)]
pub(crate) struct Override {
    /// The name as it stands in variables: `ORDERS_PLACE`.
    name: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Retries,
    /// How many calls may run at once on the handles that share this. Never freed: a call's permit
    /// may outlive its handle, and there is one for each time that the variable is read.
    pub(crate) places: Option<&'static Semaphore>,
    /// Whether a call has taken this over.
    used: AtomicBool,
}

impl Overrides {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn new(each: Vec<Override>) -> Self {
        Self((!each.is_empty()).then(|| Arc::new(each)))
    }

    /// Returns what is said about the operations of this name.
    #[inline]
    pub(crate) fn of(&self, operation: &str) -> Option<&Override> {
        match &self.0 {
            None => None,
            Some(each) => find(each, operation),
        }
    }
}

/// Apart from [`Overrides::of`], so that a call pays nothing for it where nothing is said.
#[cold]
fn find<'a>(each: &'a [Override], operation: &str) -> Option<&'a Override> {
    each.iter().find(|one| one.is_of(operation))
}

impl Override {
    /// Says nothing yet about the operations with this name, which is written as in variables.
    pub(crate) fn of(name: String) -> Self {
        Self {
            name,
            timeout: None,
            retry: Retries::Default,
            places: None,
            used: AtomicBool::new(false),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is the first call that takes this over.
    pub(crate) fn is_new(&self) -> bool {
        !self.used.load(Relaxed) && !self.used.swap(true, Relaxed)
    }

    fn is_of(&self, operation: &str) -> bool {
        self.name.chars().eq(in_variables(operation))
    }
}

/// Writes the name of an operation as it stands in variables.
pub(crate) fn in_variables(operation: &str) -> impl Iterator<Item = char> {
    let upper = operation.chars().flat_map(char::to_uppercase);
    upper.map(|c| if c.is_alphanumeric() { c } else { '_' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_found_by_its_name_in_upper_case_with_underscores() {
        let one = |name: &str| Override::of(name.to_owned());
        let overrides = Overrides::new(vec![one("PLACE"), one("ORDERS_PLACE"), one("ÄNDERN")]);
        for (operation, found) in [
            ("place", Some("PLACE")),
            ("Place", Some("PLACE")),
            ("orders.place", Some("ORDERS_PLACE")),
            ("orders::place", None),
            ("orders_place", Some("ORDERS_PLACE")),
            ("orders-place", Some("ORDERS_PLACE")),
            ("ändern", Some("ÄNDERN")),
            ("places", None),
            ("", None),
        ] {
            assert_eq!(
                overrides.of(operation).map(Override::name),
                found,
                "{operation}"
            );
        }
        assert!(Overrides::default().of("place").is_none());
    }
}
