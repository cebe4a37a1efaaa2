//! That everything that docs/openapi.yaml declares occurs: each status, each code, each rule, each type. The opposite,
//! that nothing else occurs, is checked in every test, by [`crate::harness::contract::verify`].

mod changes;
mod common_errors;
mod examples;
mod occurrences;
mod requests;
mod rules;
mod types;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::contract::{optional_keys, wrong_codes, wrong_limits, wrong_operations};
use crate::harness::World;
use crate::harness::contract::{Contract, Exchange, document, record};
use changes::CHANGES;
use occurrences::{declared, occurred};

#[tokio::test]
async fn everything_that_the_contract_declares_occurs_and_each_change_of_it_is_noticed() {
    let exchanges = exchanges().await;
    let problems = |document: &Value| {
        let contract = Contract::new(document.clone());
        let violations = exchanges
            .iter()
            .flat_map(|exchange| contract.violations(exchange));
        let mut problems: BTreeSet<_> = violations.collect();
        let occurred = occurred(&contract, &exchanges);
        let declared = declared(&contract, document);
        problems.extend(
            declared
                .difference(&occurred)
                .map(|missing| format!("never occurs: {missing}")),
        );
        for check in [wrong_operations, wrong_codes, wrong_limits, optional_keys] {
            problems.extend(check(document));
        }
        problems
    };
    assert_eq!(problems(&document()), BTreeSet::new());
    for change in CHANGES {
        let problems = problems(&change.of(document()));
        let expected = change.problem;
        assert!(
            problems.contains(expected),
            "{expected} is not among {problems:#?}"
        );
    }
}

/// Requests that together get every response that the document declares.
async fn exchanges() -> Vec<Exchange> {
    // Boxed, because the futures of the requests are large.
    record(async {
        let contract = Contract::new(document());
        Box::pin(examples::run_examples(&contract)).await;
        let world = World::new().await;
        let mut crowd = Vec::new();
        for _ in 0..101 {
            crowd.push(world.new_person("one").await);
        }
        for operation in contract.operations() {
            Box::pin(common_errors::send_invalid_requests(&world, operation)).await;
        }
        Box::pin(rules::break_rules(&world, &crowd)).await;
        Box::pin(common_errors::exceed_budget(&world, &contract)).await;
        Box::pin(common_errors::inject_faults(&world, &contract)).await;
        Box::pin(requests::send_each_type(&world)).await;
        Box::pin(requests::get_own_contact(&world)).await;
        Box::pin(requests::reply_and_clear_metadata(&world)).await;
        Box::pin(requests::use_messages(&world)).await;
        Box::pin(requests::fail_to_use_messages(&world)).await;
        Box::pin(requests::use_attachments(&world)).await;
        Box::pin(requests::fail_to_use_attachments(&world)).await;
        Box::pin(requests::use_conversations(&world)).await;
        Box::pin(requests::fail_to_manage_conversations(&world)).await;
        Box::pin(requests::use_contacts(&world, &crowd)).await;
        Box::pin(requests::use_tokens(&world)).await;
        Box::pin(common_errors::send_as_server(&world, &contract)).await;
        Box::pin(requests::manage_contacts(&world)).await;
        Box::pin(requests::moderate(&world)).await;
        Box::pin(requests::record_edits(&world)).await;
        Box::pin(requests::follow_events(&world)).await;
        Box::pin(requests::use_webhooks(&world)).await;
        Box::pin(requests::use_webhooks_of_the_operator(&world)).await;
        Box::pin(requests::read_the_audit_trail(&world)).await;
        Box::pin(requests::exceed_quotas(&world)).await;
        Box::pin(common_errors::send_to_unknown_routes(&world)).await;
    })
    .await
}
