//! The inconsistencies of what the operator's server uses: server keys, external ids and the directory.

use super::inconsistency::Inconsistency;
use super::snapshot::Snapshot;
use crate::id::TokenId;
use crate::time::Seconds;

impl Snapshot {
    pub fn inconsistencies_of_server_access(&self) -> [(&'static str, Vec<Inconsistency>); 8] {
        [
            (
                "valid server keys that are not listed",
                self.unlisted_keys(),
            ),
            (
                "listed server keys that are not valid",
                self.listed_invalid_keys(),
            ),
            ("accounts without server key", self.accounts_without_key()),
            (
                "external ids without contact",
                self.external_ids_without_contact(),
            ),
            (
                "contacts without external id",
                self.contacts_without_external_id(),
            ),
            (
                "external ids with a wrong suspension",
                self.external_ids_with_wrong_suspension(),
            ),
            (
                "contacts missing in the directory",
                self.contacts_missing_in_directory(),
            ),
            (
                "directory entries without contact",
                self.directory_entries_without_contact(),
            ),
        ]
    }

    fn unlisted_keys(&self) -> Vec<Inconsistency> {
        let keys = self.keys.values();
        keys.filter(|key| self.is_settled_key(key.id, key.expires_at))
            .filter(|key| !self.key_listings.contains_key(&key.id))
            .map(|key| Inconsistency::UnlistedKey {
                id: key.id,
                hash: key.token_hash.clone(),
            })
            .collect()
    }

    fn listed_invalid_keys(&self) -> Vec<Inconsistency> {
        let listings = self.key_listings.values();
        listings
            .filter(|listing| self.is_settled_key(listing.id, listing.expires_at))
            .filter(|listing| !self.keys.contains_key(&listing.id))
            .map(|listing| Inconsistency::ListedInvalidKey(listing.id))
            .collect()
    }

    /// TTL deletes the two other items of an expired key, but not this one.
    fn accounts_without_key(&self) -> Vec<Inconsistency> {
        let accounts = self.key_accounts.iter();
        accounts
            .filter(|id| id.issued_at() <= self.settled)
            .filter(|id| !self.keys.contains_key(id) && !self.key_listings.contains_key(id))
            .map(|&id| Inconsistency::AccountWithoutKey(id))
            .collect()
    }

    fn external_ids_without_contact(&self) -> Vec<Inconsistency> {
        let external_ids = self.external_ids.iter();
        external_ids
            .filter(|(external_id, contact)| {
                self.with_external_id.get(contact) != Some(external_id)
            })
            .map(
                |(external_id, &contact)| Inconsistency::ExternalIdWithoutContact {
                    external_id: external_id.clone(),
                    contact,
                },
            )
            .collect()
    }

    fn contacts_without_external_id(&self) -> Vec<Inconsistency> {
        let contacts = self.with_external_id.iter();
        contacts
            .filter(|(contact, external_id)| {
                self.external_ids.get(external_id.as_str()) != Some(contact)
            })
            .map(
                |(&contact, external_id)| Inconsistency::ContactWithoutExternalId {
                    contact,
                    external_id: external_id.clone(),
                },
            )
            .collect()
    }

    fn external_ids_with_wrong_suspension(&self) -> Vec<Inconsistency> {
        let external_ids = self.external_ids.iter();
        external_ids
            .filter(|(external_id, contact)| {
                let suspended_at = self.suspended_external_ids.get(*external_id);
                self.with_external_id.get(contact) == Some(external_id)
                    && self.suspended.get(contact) != suspended_at
            })
            .map(
                |(external_id, &contact)| Inconsistency::ExternalIdWithWrongSuspension {
                    external_id: external_id.clone(),
                    contact,
                },
            )
            .collect()
    }

    fn contacts_missing_in_directory(&self) -> Vec<Inconsistency> {
        let contacts = self.usernames.keys();
        contacts
            .filter(|contact| !self.directory.contains(contact))
            .map(|&contact| Inconsistency::MissingInDirectory(contact))
            .collect()
    }

    fn directory_entries_without_contact(&self) -> Vec<Inconsistency> {
        let entries = self.directory.iter();
        entries
            .filter(|contact| !self.usernames.contains_key(contact))
            .map(|&contact| Inconsistency::DirectoryEntryWithoutContact(contact))
            .collect()
    }

    /// TTL deletes the items of a key at different times.
    fn is_settled_key(&self, id: TokenId, expires_at: Option<Seconds>) -> bool {
        let is_valid = expires_at.is_none_or(|expiry| expiry > self.now);
        is_valid && id.issued_at() <= self.settled
    }
}
