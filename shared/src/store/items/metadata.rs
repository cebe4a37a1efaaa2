//! The attribute `metadata` of messages, conversations and contacts: a map, which is written as a whole.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::error::Result;
use crate::metadata::Metadata;
use crate::store::dynamodb::item::to_attribute;

/// The assignment of new metadata, the condition that it is still as it was before, and the values of both.
pub struct MetadataWrite {
    pub set: &'static str,
    pub condition: &'static str,
    pub values: [(&'static str, AttributeValue); 2],
}

impl MetadataWrite {
    /// None if there is nothing to write.
    pub fn new(before: &Metadata, after: &Metadata) -> Result<Option<Self>> {
        if before == after {
            return Ok(None);
        }
        Ok(Some(Self {
            set: "metadata = :metadata",
            condition: if before.is_empty() {
                "(attribute_not_exists(metadata) OR metadata = :metadata_before)"
            } else {
                "metadata = :metadata_before"
            },
            values: [
                (":metadata", to_attribute(after)?),
                (":metadata_before", to_attribute(before)?),
            ],
        }))
    }
}
