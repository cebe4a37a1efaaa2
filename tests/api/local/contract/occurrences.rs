//! What the contract declares, and what of it has occurred.

use std::collections::BTreeSet;

use serde_json::Value;

use super::types::{types_of_schema, types_of_value};
use crate::harness::contract::{Contract, Exchange, Operation};

/// What takes thousands of messages or tokens, and occurs in the tests `local::leaving` and `local::tokens`.
const PRODUCED_ELSEWHERE: [&str; 6] = [
    "leaveConversation: 202",
    "removeParticipant: 202",
    "revokeContactTokens: 202",
    "revokeToken: 202",
    "revokeTokens: 202",
    "updateContact: 202",
];

/// Everything that a document declares: `getMessage: 404 message_not_found`, `getMessage: 200`, `Message.read_at: null`.
pub fn declared(contract: &Contract, document: &Value) -> BTreeSet<String> {
    let mut declared = BTreeSet::new();
    for Operation {
        id,
        responses,
        rules,
        ..
    } in contract.operations()
    {
        for (status, response) in responses {
            match response["x-codes"].as_array() {
                Some(codes) => declared.extend(
                    codes
                        .iter()
                        .map(|code| format!("{id}: {status} {}", code.as_str().unwrap())),
                ),
                None if status == "default" => {}
                None => drop(declared.insert(format!("{id}: {status}"))),
            }
        }
        for rule in rules.iter().filter(|rule| rule.param.is_some()) {
            declared.insert(format!("{id}: rule {} {:?}", rule.code, rule.param));
        }
    }
    let bodies = contract
        .operations()
        .iter()
        .flat_map(|operation| &operation.bodies);
    for (_, schema) in bodies {
        types_of_schema(contract, "", schema, &mut declared);
    }
    let mut schemas = vec!["Error"];
    for (status, response) in contract
        .operations()
        .iter()
        .flat_map(|operation| &operation.responses)
    {
        let schema = response["content"]["application/json"]["schema"]["$ref"].as_str();
        schemas.extend(
            schema
                .filter(|_| status.starts_with('2'))
                .and_then(|reference| reference.rsplit('/').next()),
        );
    }
    for name in schemas {
        types_of_schema(
            contract,
            name,
            &document["components"]["schemas"][name],
            &mut declared,
        );
    }
    for produced in PRODUCED_ELSEWHERE {
        assert!(declared.remove(produced), "{produced} is not declared");
    }
    declared
}

/// What has occurred of that.
pub fn occurred(contract: &Contract, exchanges: &[Exchange]) -> BTreeSet<String> {
    let mut occurred = BTreeSet::new();
    for exchange in exchanges
        .iter()
        .filter(|exchange| !exchange.is_from_gateway())
    {
        let Some(operation) = contract.operation_of(exchange) else {
            continue;
        };
        let (id, status, body) = (&operation.id, exchange.status, exchange.json());
        match body["code"].as_str() {
            Some(code) => occurred.insert(format!("{id}: {status} {code}")),
            None => occurred.insert(format!("{id}: {status}")),
        };
        if exchange.status == 400 {
            for rule in operation.rules.iter().filter(|rule| rule.is_for(exchange)) {
                occurred.insert(format!("{id}: rule {} {:?}", rule.code, rule.param));
            }
        }
        if status < 300
            && let Ok((schema, fields)) = contract.body(operation, exchange)
        {
            types_of_value(contract, "", schema, &fields, &mut occurred);
        }
        let declared = operation.response(&status.to_string());
        if let Some(schema) =
            declared.and_then(|response| response["content"].get("application/json"))
        {
            types_of_value(contract, "", &schema["schema"], &body, &mut occurred);
        }
    }
    occurred
}
