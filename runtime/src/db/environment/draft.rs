//! [`Draft`]: what the environment has said so far.

use crate::db::settings::Settings;
use crate::pool::MOST_CONNECTIONS;
use crate::secret::Secret;

/// What the environment has said so far. It counts only if all of it is valid.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) settings: Settings,
    pub(super) url: Option<Secret>,
    pub(super) kept: Option<u32>,
    pub(super) additional: Option<u32>,
    pub(super) least: Option<u32>,
    pub(super) most: Option<u32>,
}

impl Draft {
    pub(super) fn of(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Takes over the numbers of connections, which four variables say together. `Err` says what is
    /// wrong about them.
    pub(super) fn connections(&mut self) -> Result<(), String> {
        let sizes = self.kept.is_some() || self.additional.is_some();
        if sizes && (self.least.is_some() || self.most.is_some()) {
            return Err(
                "the number of connections is set in two ways; valid: either DATABASE_POOL_SIZE \
                 and DATABASE_MAX_OVERFLOW, or DATABASE_MIN_CONNECTIONS and DATABASE_MAX_CONNECTIONS"
                    .to_owned(),
            );
        }
        let room = MOST_CONNECTIONS - self.kept.unwrap_or(1);
        if let Some(additional) = self.additional.filter(|additional| *additional > room) {
            return Err(format!(
                "DATABASE_MAX_OVERFLOW is `{additional}`; valid: a whole number, up to {room}, so \
                 that it is at most {MOST_CONNECTIONS} together with DATABASE_POOL_SIZE"
            ));
        }
        if let (Some(least), Some(most)) = (self.least, self.most)
            && least > most
        {
            return Err(format!(
                "DATABASE_MIN_CONNECTIONS is `{least}`; valid: a whole number, up to the {most} of \
                 DATABASE_MAX_CONNECTIONS"
            ));
        }
        let pool = &mut self.settings.pool;
        pool.keep_and_add(self.kept, self.additional);
        if let Some(most) = self.most {
            pool.allow(most);
        }
        if let Some(least) = self.least {
            pool.min_connections = least;
        }
        Ok(())
    }
}
