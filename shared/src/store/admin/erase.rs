//! Erasing a contact, as `DELETE /v1/contacts/:id` does.

use super::Admin;
use crate::error::Result;
use crate::id::ContactId;
use crate::store::cleanup::{CleanupLimit, Progress};
use crate::store::erasure::{Erased, Erasure};

impl Admin {
    /// Erases a contact with everything that it wrote or owns, until a pass over all tables finds nothing. Returns
    /// what has been erased: nothing if nothing referred to a contact with this id.
    ///
    /// It can be interrupted and repeated, also while the endpoint erases the same contact.
    ///
    /// # Errors
    ///
    /// [`Error::ContactNotFound`](crate::Error::ContactNotFound) for the id under which the operator owns webhooks.
    pub async fn erase_contact(&self, contact: ContactId) -> Result<Erased> {
        let mut erasure = Erasure::of(contact)?;
        loop {
            let limit = CleanupLimit::none();
            let progress = self.store.continue_erasure(&mut erasure, limit).await?;
            if progress == Progress::Finished {
                return Ok(erasure.into_erased());
            }
        }
    }
}
