//! Keeps the level of each lint at each place of the function, as the user set it in attributes and
//! in the option `allow(..)`.

use syn::Attribute;

use super::Lint;
use crate::errors::Errors;
use crate::lint_attributes::{Level, NamedLint, read_attribute};
use crate::options::Options;

/// The level of one lint, until the end of the code that the level was set for.
struct Setting {
    lint: &'static str,
    level: Level,
    /// The index of the expectation; `None` unless the level is `expect`.
    expectation: Option<usize>,
}

struct Expectation {
    named: NamedLint,
    fulfilled: bool,
}

/// The levels at one place of the function, the innermost last.
#[derive(Default)]
pub(super) struct Levels {
    settings: Vec<Setting>,
    expectations: Vec<Expectation>,
    /// Mistakes in attributes of the body.
    mistakes: Vec<syn::Error>,
}

impl Levels {
    /// Returns the levels that are set for the whole function.
    pub(super) fn of_function(
        attributes: &[Attribute],
        options: &Options,
        errors: &mut Errors,
    ) -> Levels {
        let mut levels = Levels::default();
        for named in options.allow.iter().flat_map(|allow| &allow.value) {
            levels.set(Level::Allow, named.clone());
        }
        for attribute in attributes {
            levels.enter(attribute);
        }
        for mistake in levels.mistakes.drain(..) {
            errors.add(mistake);
        }
        levels
    }

    /// Returns a mark for [`Levels::leave`], which is called at the end of the code that the next
    /// attributes are for.
    pub(super) fn mark(&self) -> usize {
        self.settings.len()
    }

    /// Reads an attribute. Only an attribute of dbop sets a level.
    pub(super) fn enter(&mut self, attribute: &Attribute) {
        let Some(level) = Level::of(&attribute.meta) else {
            return;
        };
        let mut errors = Errors::default();
        let names = read_attribute(level, attribute, &mut errors);
        let names = errors.take(names).unwrap_or_default();
        self.mistakes.extend(errors.into_errors());
        for named in names {
            self.set(level, named);
        }
    }

    fn set(&mut self, level: Level, named: NamedLint) {
        let lint = named.lint;
        let expectation = (level == Level::Expect).then(|| {
            let fulfilled = false;
            self.expectations.push(Expectation { named, fulfilled });
            self.expectations.len() - 1
        });
        self.settings.push(Setting {
            lint,
            level,
            expectation,
        });
    }

    pub(super) fn leave(&mut self, mark: usize) {
        self.settings.truncate(mark);
    }

    /// Returns the level of a finding here, and fulfils the expectation if there is one.
    pub(super) fn of(&mut self, lint: &Lint) -> Level {
        let setting = self
            .settings
            .iter()
            .rev()
            .find(|setting| setting.lint == lint.name);
        let Some(setting) = setting else {
            return lint.level;
        };
        if let Some(expectation) = setting.expectation {
            self.expectations[expectation].fulfilled = true;
        }
        setting.level
    }

    pub(super) fn mistakes(&mut self) -> Vec<syn::Error> {
        std::mem::take(&mut self.mistakes)
    }

    /// Returns the expectations that no finding has fulfilled.
    pub(super) fn unfulfilled(&self) -> impl Iterator<Item = &NamedLint> {
        let open = self
            .expectations
            .iter()
            .filter(|expectation| !expectation.fulfilled);
        open.map(|expectation| &expectation.named)
    }
}
