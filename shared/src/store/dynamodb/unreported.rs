//! Units that DynamoDB charges and does not report: of failed conditions and of canceled transactions.
//!
//! They are estimated. A failed condition costs what a write of the existing item costs, which is returned
//! with the error; a contact is not, and counts as 1 KB. A canceled transaction costs twice each item that it puts; an item that it updates,
//! deletes or checks counts as 1 KB. Throttled calls cost nothing, and neither do calls without a response.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>

use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsError, TransactWriteItemsInput,
};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::item::Item;

/// A write unit is charged per 1 KB or part of it.
const BYTES_PER_UNIT: usize = 1024;

/// A transaction prepares and commits each item.
const TRANSACTION_FACTOR: u32 = 2;

/// The units of an update that has failed.
pub fn failed_update(error: &UpdateItemError) -> u32 {
    match error {
        UpdateItemError::ConditionalCheckFailedException(failed) => {
            failed.item.as_ref().map_or(1, write_units)
        }
        _ => 0,
    }
}

/// The units of a transaction that has failed, of which `if_canceled` are due if it was canceled.
pub fn failed_transaction(error: &TransactWriteItemsError, if_canceled: u32) -> u32 {
    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else {
        return 0;
    };
    let mut reasons = canceled.cancellation_reasons().iter();
    let is_charged = reasons.any(|reason| {
        matches!(
            reason.code(),
            Some("ConditionalCheckFailed" | "TransactionConflict")
        )
    });
    if is_charged { if_canceled } else { 0 }
}

/// The units of a transaction if it is canceled.
pub fn canceled_transaction(input: &TransactWriteItemsInput) -> u32 {
    let items = input.transact_items.iter().flatten();
    let units = items.map(|item| item.put().map_or(1, |put| write_units(put.item())));
    units.sum::<u32>() * TRANSACTION_FACTOR
}

fn write_units(item: &Item) -> u32 {
    let units = size(item).div_ceil(BYTES_PER_UNIT).max(1);
    units.try_into().unwrap_or(u32::MAX)
}

/// The size of an item in bytes, as DynamoDB counts it.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn size(item: &Item) -> usize {
    let attributes = item.iter();
    attributes
        .map(|(name, value)| name.len() + value_size(value))
        .sum()
}

fn value_size(value: &AttributeValue) -> usize {
    const CONTAINER: usize = 3;
    match value {
        AttributeValue::S(text) => text.len(),
        // About a byte per two digits, and one more.
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::M(map) => CONTAINER + size(map) + map.len(),
        AttributeValue::L(list) => {
            let values = list.iter().map(value_size);
            CONTAINER + values.sum::<usize>() + list.len()
        }
        // Booleans and null; no item has binary values or sets of numbers.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;
    use aws_sdk_dynamodb::types::error::builders::ConditionalCheckFailedExceptionBuilder;
    use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem};

    use super::*;

    fn item(bytes: usize) -> Item {
        // 7 bytes are the name.
        let text = AttributeValue::S("x".repeat(bytes - 7));
        Item::from([("message".to_owned(), text)])
    }

    #[test]
    fn a_failed_condition_costs_a_unit_per_kilobyte_of_the_existing_item() {
        let failed = |item| {
            let failed = ConditionalCheckFailedExceptionBuilder::default();
            let failed = failed.set_item(item).build();
            failed_update(&UpdateItemError::ConditionalCheckFailedException(failed))
        };
        assert_eq!(failed(None), 1);
        for (bytes, units) in [(8, 1), (1024, 1), (1025, 2), (32 * 1024, 32)] {
            assert_eq!(failed(Some(item(bytes))), units, "{bytes} bytes");
        }
    }

    #[test]
    fn a_canceled_transaction_costs_twice_what_it_would_have_put_unless_it_was_throttled() {
        let put = |bytes| {
            let put = Put::builder().table_name("t").set_item(Some(item(bytes)));
            TransactWriteItem::builder()
                .put(put.build().unwrap())
                .build()
        };
        let input = TransactWriteItemsInput::builder();
        let input = input.transact_items(put(100)).transact_items(put(1500));
        let if_canceled = canceled_transaction(&input.build().unwrap());
        assert_eq!(if_canceled, 2 + 4);
        for (code, units) in [
            ("ConditionalCheckFailed", 6),
            ("TransactionConflict", 6),
            ("ThrottlingError", 0),
        ] {
            let reason = CancellationReason::builder().code(code).build();
            let canceled = TransactionCanceledException::builder().cancellation_reasons(reason);
            let error = TransactWriteItemsError::TransactionCanceledException(canceled.build());
            assert_eq!(failed_transaction(&error, if_canceled), units, "{code}");
        }
    }
}
