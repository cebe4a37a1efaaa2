//! Which usernames contacts may choose, as the operator configures it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::contact::Username;
use crate::error::{Cause, Error, Result};
use crate::time::{Micros, Seconds};

const DAY: Duration = Duration::from_hours(24);

/// Which usernames contacts may choose. Operators may give them any.
#[derive(Clone, Debug)]
pub struct UsernameRules {
    /// In lower case.
    reserved: BTreeSet<String>,
    /// How long a username stays taken after a contact has given it up.
    release_after: Duration,
}

impl Default for UsernameRules {
    /// No reserved usernames, and 30 days.
    fn default() -> Self {
        Self {
            reserved: BTreeSet::new(),
            release_after: 30 * DAY,
        }
    }
}

impl UsernameRules {
    /// Reads the rules from the variables `RESERVED_USERNAMES`, separated by commas, and
    /// `USERNAME_RELEASE_DAYS`. The defaults apply where a variable is missing: most functions need neither.
    ///
    /// # Errors
    ///
    /// Names the variable that is invalid.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, Cause> {
        let mut rules = Self::default();
        if let Some(names) = var("RESERVED_USERNAMES") {
            let names = names
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase());
            rules.reserved = names.filter(|name| !name.is_empty()).collect();
        }
        if let Some(days) = var("USERNAME_RELEASE_DAYS") {
            let days: u32 = days
                .parse()
                .map_err(|_| format!("USERNAME_RELEASE_DAYS is not a number of days: {days}"))?;
            rules.release_after = days * DAY;
        }
        Ok(rules)
    }

    /// A username that was given up until this moment is available to all.
    pub(crate) fn given_up_until(&self, now: Micros) -> Micros {
        now.before(self.release_after)
    }

    /// When a username that was given up at this moment becomes available to all.
    pub(crate) fn available_at(&self, released_at: Micros) -> Seconds {
        let seconds = Seconds::from(released_at).0;
        Seconds(seconds.saturating_add(self.release_after.as_secs()))
    }

    /// Fails if contacts may not choose this username.
    ///
    /// # Errors
    ///
    /// [`Error::UsernameReserved`]; [`Error::UsernameLikeId`]: after an erasure, mentions of that id would
    /// mean the contact with this username.
    pub(crate) fn check(&self, username: &Username) -> Result<()> {
        if self.reserved.contains(&username.folded()) {
            Err(Error::UsernameReserved)
        } else if username.is_like_id() {
            Err(Error::UsernameLikeId)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(reserved: &str) -> UsernameRules {
        let var = |name: &str| (name == "RESERVED_USERNAMES").then(|| reserved.to_owned());
        UsernameRules::from_vars(var).unwrap()
    }

    fn check(rules: &UsernameRules, username: &str) -> Result<()> {
        rules.check(&username.to_owned().try_into().unwrap())
    }

    #[test]
    fn reserved_usernames_are_refused_in_any_case() {
        let rules = rules("admin, Support,,root ");
        for name in ["admin", "ADMIN", "support", "SupporT", "root"] {
            let refused = check(&rules, name);
            assert!(matches!(refused, Err(Error::UsernameReserved)), "{name}");
        }
        for name in ["admins", "ann", "ad.min"] {
            assert!(check(&rules, name).is_ok(), "{name}");
        }
        assert!(check(&UsernameRules::default(), "admin").is_ok());
    }

    #[test]
    fn usernames_of_the_shape_of_an_id_are_refused() {
        let rules = UsernameRules::default();
        let refused = check(&rules, "WAz8eIbvDR60rouK");
        assert!(matches!(refused, Err(Error::UsernameLikeId)));
        for name in ["WAz8eIbvDR60rou", "WAz8eIbvDR60rouKK", "WAz8eIbvDR60rou-"] {
            assert!(check(&rules, name).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_invalid_number_of_days_is_named() {
        for days in ["", "-1", "a month", "1.5"] {
            let var = |name: &str| (name == "USERNAME_RELEASE_DAYS").then(|| days.to_owned());
            let error = UsernameRules::from_vars(var).unwrap_err().to_string();
            assert!(error.contains("USERNAME_RELEASE_DAYS"), "{error}");
        }
    }
}
