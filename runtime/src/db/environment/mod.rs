//! The environment: which variables there are, what they set, and how they are read.

mod draft;
mod near;
mod operations;
mod table;
#[cfg(test)]
mod tests;
mod variable;

use std::ffi::OsString;

use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::op::Overrides;
use crate::policy::ProcessDefaults;
use crate::secret::Secret;
use draft::Draft;
use table::TABLE;
use variable::Variable;

/// What the environment says.
pub(crate) struct Found {
    pub(crate) settings: Settings,
    pub(crate) url: Option<Secret>,
    /// The variables that are set, and are about the pool itself.
    pub(crate) of_pool: Vec<&'static str>,
}

/// Returns what the environment of this process says, and these settings where it says nothing.
/// Logs a warning for each variable with a name that is nearly that of another.
///
/// # Errors
///
/// Names every variable whose value is not valid.
pub(crate) fn read(settings: &Settings) -> Result<Found> {
    let variables = Variables::new(std::env::vars_os());
    for (name, (meant, sets)) in variables.misspelt() {
        tracing::warn!("the variable {name} sets nothing; was {meant} meant, which sets {sets}?");
    }
    variables.read(settings)
}

impl ProcessDefaults {
    /// Reads the variables `DBOP_OPERATION_<name>_..` of the environment, which [`guide::settings`] lists.
    /// They then also hold for the calls that have these defaults, such as those of functions under
    /// [`guarded`](macro@crate::guarded). [`DbBuilder::env`] reads the variables for the calls of a handle.
    ///
    /// ```
    /// fn main() -> dbop::Result<()> {
    ///     dbop::defaults().operations_from_env()?.set()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] names every such variable whose value is not valid.
    ///
    /// [`guide::settings`]: crate::guide::settings
    /// [`DbBuilder::env`]: crate::DbBuilder::env
    pub fn operations_from_env(mut self) -> Result<Self> {
        self.overrides = Variables::new(std::env::vars_os()).operations()?;
        Ok(self)
    }
}

/// The variables that can be read as text, by name.
struct Variables(Vec<(String, OsString)>);

impl Variables {
    fn new(all: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let named = |(name, value): (OsString, _)| Some((name.into_string().ok()?, value));
        Self(all.into_iter().filter_map(named).collect())
    }

    fn get(&self, name: &str) -> Option<&OsString> {
        let mut all = self.0.iter();
        all.find(|(other, _)| other == name).map(|(_, value)| value)
    }

    fn misspelt(&self) -> impl Iterator<Item = (&str, near::Meant)> {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        names.filter_map(|name| Some((name, near::meant(name)?)))
    }

    fn read(&self, settings: &Settings) -> Result<Found> {
        let mut draft = Draft::of(settings.clone());
        let (mut faults, mut of_pool) = (Vec::new(), Vec::new());
        for variable in TABLE {
            match self.read_one(variable, &mut draft) {
                Ok(Some(name)) if variable.of_pool => of_pool.push(name),
                Ok(_) => {}
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(draft.connections().err());
        draft.settings.calls.overrides = operations::read(self.texts(), &mut faults);
        refuse(&faults)?;
        Ok(Found {
            settings: draft.settings,
            url: draft.url,
            of_pool,
        })
    }

    /// Reads only what is said about single operations.
    fn operations(&self) -> Result<Overrides> {
        let mut faults = Vec::new();
        let found = operations::read(self.texts(), &mut faults);
        refuse(&faults)?;
        Ok(found)
    }

    /// The variables with their values, each `None` where the value is not UTF-8.
    fn texts(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let all = self.0.iter();
        all.map(|(name, value)| (name.as_str(), value.to_str()))
    }

    /// Reads one variable, and returns the name under which it is set. `None` if it is not set.
    fn read_one(
        &self,
        variable: &Variable,
        draft: &mut Draft,
    ) -> Result<Option<&'static str>, String> {
        let set = variable
            .names()
            .filter_map(|name| Some((name, self.get(name)?)));
        let set: Vec<_> = set.collect();
        let Some((name, value)) = set.first() else {
            return Ok(None);
        };
        if let Some((other, _)) = set.iter().find(|(_, other)| other != value) {
            return Err(format!(
                "{name} and {other} say different things, and are two names of one setting; valid: \
                 one of them"
            ));
        }
        let text = value.to_str();
        let put = text.and_then(|text| variable.value.set(draft, text.trim()));
        match put {
            Some(()) => Ok(Some(*name)),
            None => {
                let is_secret = variable.value.is_secret();
                let (valid, default) = (variable.value.valid(), variable.default());
                let valid = format!("{valid} (default: {default})");
                Err(fault(name, text, is_secret, &valid))
            }
        }
    }
}

fn refuse(faults: &[String]) -> Result<()> {
    match faults {
        [] => Ok(()),
        _ => Err(Error::programming(
            ErrorKind::Configuration,
            faults.join("; "),
        )),
    }
}

/// Says what is wrong about a variable. `text` is `None` if the value is not UTF-8. The value is not
/// shown if it may be a secret, or if a URL has come to the wrong place.
fn fault(name: &str, text: Option<&str>, is_secret: bool, valid: &str) -> String {
    match text {
        None => format!("{name} is not UTF-8; valid: {valid}"),
        Some(text) if is_secret || text.contains("://") || text.contains('@') => {
            format!("{name} has a value that is not shown here, and not valid; valid: {valid}")
        }
        Some(text) => format!("{name} is `{}`; valid: {valid}", text.trim()),
    }
}
