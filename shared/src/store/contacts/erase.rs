use serde::Serialize;

use crate::caller::Caller;
use crate::contact::ContactRef;
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::key::Scope;
use crate::store::Store;
use crate::store::cleanup::Progress;
use crate::store::erasure::Erased;

/// What came of erasing a contact.
#[derive(Debug)]
pub enum ErasedContact {
    /// Nothing refers to the contact any more.
    Finished(ErasureProof),
    /// More is left: the same request continues.
    Unfinished,
}

/// That nothing refers to a contact any more.
#[derive(Debug, Serialize)]
pub struct ErasureProof {
    id: ContactId,
    /// How many items of each kind have been erased.
    erased: Erased,
    /// How many items the last pass over all tables has found.
    remaining: u64,
}

impl Store {
    /// Erases a contact, with a server key, and continues where an earlier request has stopped. An id need not be that
    /// of an existing contact. This is the only endpoint that scans tables: at least twice, in as many requests as it
    /// takes, each of which reads up to 1 MB or erases up to a hundred items more than its limit.
    ///
    /// # Errors
    ///
    /// [`Error::KeyRequired`]; [`Error::ScopeMissing`]; [`Error::ContactNotFound`] without a contact that has this
    /// external id.
    pub async fn erase_contact(
        &self,
        caller: &Caller,
        contact: &ContactRef,
    ) -> Result<ErasedContact> {
        self.authenticate_key(caller, Scope::Contacts).await?;
        let limit = self.cleanup_limit();
        let id = match contact {
            ContactRef::Id(id) => *id,
            ContactRef::External(external_id) => {
                let id = self.find_external(external_id).await?;
                id.ok_or(Error::ContactNotFound)?
            }
        };
        self.audit(caller, id).await?;
        let Some(mut erasure) = self.open_erasure(id).await? else {
            return Ok(ErasedContact::Unfinished);
        };
        let progress = self.continue_erasure(&mut erasure, limit).await?;
        Ok(match progress {
            Progress::Finished => ErasedContact::Finished(ErasureProof {
                id,
                erased: erasure.into_erased(),
                remaining: 0,
            }),
            Progress::Unfinished => ErasedContact::Unfinished,
        })
    }
}
