//! Requests the consumed capacity of every call and adds it to the request's [`Meter`], with an estimate of
//! what DynamoDB charges and does not report.

use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
    FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::batch_write_item::{BatchWriteItemInput, BatchWriteItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::scan::{ScanInput, ScanOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{
    ConsumedCapacity, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use super::unreported;
use crate::log::{Meter, Units};

#[derive(Debug)]
pub struct Metering {
    contacts: String,
}

impl Metering {
    /// Meters the calls of a store with this table of contacts.
    pub fn new(contacts: &str) -> Self {
        let contacts = contacts.to_owned();
        Self { contacts }
    }
}

/// The number of sequential round trips up to and including a call.
#[derive(Debug)]
struct RoundTrip(u32);

impl Storable for RoundTrip {
    type Storer = StoreReplace<Self>;
}

/// The units of a transaction if it is canceled.
#[derive(Debug)]
struct IfCanceled(u32);

impl Storable for IfCanceled {
    type Storer = StoreReplace<Self>;
}

/// The consumed capacity in a response: one value, or one per table.
trait Consumed {
    fn each(&self, add: impl FnMut(&ConsumedCapacity));
}

impl Consumed for Option<ConsumedCapacity> {
    fn each(&self, add: impl FnMut(&ConsumedCapacity)) {
        self.iter().for_each(add);
    }
}

impl Consumed for Option<Vec<ConsumedCapacity>> {
    fn each(&self, add: impl FnMut(&ConsumedCapacity)) {
        self.iter().flatten().for_each(add);
    }
}

impl Intercept for Metering {
    fn name(&self) -> &'static str {
        "Metering"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state()
            .store_put(RoundTrip(Meter::call_started()));
        Ok(())
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        macro_rules! request_capacity {
            ($($type:ty),*) => {
                $(if let Some(input) = input.downcast_mut::<$type>() {
                    input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
                })*
            };
        }
        request_capacity!(
            GetItemInput,
            BatchGetItemInput,
            BatchWriteItemInput,
            QueryInput,
            ScanInput,
            PutItemInput,
            UpdateItemInput,
            TransactWriteItemsInput
        );
        if let Some(input) = input.downcast_mut::<UpdateItemInput>()
            && input.table_name.as_ref() != Some(&self.contacts)
        {
            // The item tells what the failure costs. The policies let no update return a contact.
            input
                .return_values_on_condition_check_failure
                .get_or_insert(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        if let Some(input) = input.downcast_ref::<TransactWriteItemsInput>() {
            let units = unreported::canceled_transaction(input);
            bag.interceptor_state().store_put(IfCanceled(units));
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut units = Units::default();
        match context.output_or_error() {
            Some(Ok(output)) => {
                macro_rules! add_units {
                    ($kind:ident: $($type:ty),*) => {
                        $(if let Some(output) = output.downcast_ref::<$type>() {
                            output.consumed_capacity.each(|consumed| {
                                units.$kind += consumed.capacity_units.unwrap_or_default();
                            });
                        })*
                    };
                }
                add_units!(read: GetItemOutput, BatchGetItemOutput, QueryOutput, ScanOutput);
                add_units!(
                    written: BatchWriteItemOutput,
                    PutItemOutput,
                    UpdateItemOutput,
                    TransactWriteItemsOutput
                );
            }
            Some(Err(error)) => {
                let error = error.as_operation_error();
                if let Some(error) = error.and_then(|error| error.downcast_ref()) {
                    units.unreported += f64::from(unreported::failed_update(error));
                }
                if let Some(error) = error.and_then(|error| error.downcast_ref())
                    && let Some(IfCanceled(if_canceled)) = bag.load::<IfCanceled>()
                {
                    let canceled = unreported::failed_transaction(error, *if_canceled);
                    units.unreported += f64::from(canceled);
                }
            }
            None => {}
        }
        if let Some(RoundTrip(round_trip)) = bag.load::<RoundTrip>() {
            Meter::call_ended(*round_trip, units);
        }
        Ok(())
    }
}
