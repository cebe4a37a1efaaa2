//! Requests the consumed capacity of every call and adds it to the request's [`Meter`].

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
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use crate::log::Meter;

#[derive(Debug)]
pub struct Metering;

/// The number of sequential round trips up to and including a call.
#[derive(Debug)]
struct RoundTrip(u32);

impl Storable for RoundTrip {
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
        _: &mut ConfigBag,
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
            PutItemInput,
            UpdateItemInput,
            TransactWriteItemsInput
        );
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (mut read, mut written) = (0.0, 0.0);
        if let Some(Ok(output)) = context.output_or_error() {
            macro_rules! add_units {
                ($units:ident: $($type:ty),*) => {
                    $(if let Some(output) = output.downcast_ref::<$type>() {
                        output.consumed_capacity.each(|consumed| {
                            $units += consumed.capacity_units.unwrap_or_default();
                        });
                    })*
                };
            }
            add_units!(read: GetItemOutput, BatchGetItemOutput, QueryOutput);
            add_units!(
                written: BatchWriteItemOutput,
                PutItemOutput,
                UpdateItemOutput,
                TransactWriteItemsOutput
            );
        }
        if let Some(RoundTrip(round_trip)) = bag.load::<RoundTrip>() {
            Meter::call_ended(*round_trip, read, written);
        }
        Ok(())
    }
}
