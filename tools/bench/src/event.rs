//! API Gateway events for each function: requests from Kevin, and the status that each function responds with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_stack::template::Template;
use local_stack::{Error, demo, lambda};
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// Returns the next event of a function, and first creates the resources that the request needs.
pub async fn next(function: &str, fixture: &Fixture) -> Result<Value, Error> {
    let family = demo::CONVERSATION_ID;
    let message = &fixture.message_id;
    // Makes each update different from the previous one, which would otherwise not change anything.
    let number = fixture.next_number();
    Ok(match function {
        "add-participants" => {
            let id = fixture.create_conversation(false).await?;
            let path = format!("/v1/conversations/{id}/participants");
            with_form(
                event("POST", &path, &[("id", &id)]),
                "participants[]=inEIRvzjC6YLMX3o",
            )
        }
        "create-conversation" => {
            let form = "name=bench&participants[]=hSIhXBhNe8X1d8Et";
            with_form(event("POST", "/v1/conversations", &[]), form)
        }
        "create-message" => {
            let form = format!("conversation_id={family}&message=What do you say to this");
            with_form(event("POST", "/v1/messages", &[]), &form)
        }
        "create-token" => with_form(event("POST", "/v1/tokens", &[]), "label=bench"),
        "delete-message" => {
            let id = fixture.create_message().await?;
            event("DELETE", &format!("/v1/messages/{id}"), &[("id", &id)])
        }
        "get-contact" => {
            let id = "hSIhXBhNe8X1d8Et";
            event("GET", &format!("/v1/contacts/{id}"), &[("id", id)])
        }
        "get-conversation" => event(
            "GET",
            &format!("/v1/conversations/{family}"),
            &[("id", family)],
        ),
        "get-message" => event(
            "GET",
            &format!("/v1/messages/{message}"),
            &[("id", message)],
        ),
        "leave-conversation" => {
            let id = fixture.create_conversation(false).await?;
            event("DELETE", &format!("/v1/conversations/{id}"), &[("id", &id)])
        }
        "list-messages" => {
            let mut event = event("GET", "/v1/messages", &[]);
            event["rawQueryString"] = json!(format!("conversation_id={family}&limit=10"));
            event
        }
        "remove-participant" => {
            let (id, kate) = (fixture.create_conversation(true).await?, "hSIhXBhNe8X1d8Et");
            let path = format!("/v1/conversations/{id}/participants/{kate}");
            event("DELETE", &path, &[("id", &id), ("contact_id", kate)])
        }
        "revoke-token" => {
            let id = fixture.create_token().await?;
            event("DELETE", &format!("/v1/tokens/{id}"), &[("id", &id)])
        }
        "unknown-route" => event("GET", "/nowhere", &[]),
        "update-conversation" => {
            let event = event(
                "PUT",
                &format!("/v1/conversations/{family}"),
                &[("id", family)],
            );
            with_form(event, &format!("is_pinned={}", number.is_multiple_of(2)))
        }
        "update-me" => {
            let form = format!("phone_number={number}");
            with_form(event("PUT", "/v1/me", &[]), &form)
        }
        "update-message" => {
            let event = event(
                "PUT",
                &format!("/v1/messages/{message}"),
                &[("id", message)],
            );
            with_form(event, &format!("message=edited {number}"))
        }
        // All others are called as template.yaml says, without parameters.
        _ => match route(function)?.split_once(' ') {
            Some((method, path)) if !path.contains('{') => event(method, path, &[]),
            _ => {
                return Err(format!("tools/bench/src/event.rs has no event for {function}").into());
            }
        },
    })
}

/// The route of a function in template.yaml: `GET /v1/messages/{id}`, or `$default`.
fn route(function: &str) -> Result<String, Error> {
    let mut functions = Template::embedded()?.functions.into_iter();
    let function = functions.find(|found| found.binary == function);
    let route = function.and_then(|found| found.routes.into_iter().next());
    Ok(route.ok_or("template.yaml has no route to this function")?)
}

/// The status that a function answers these events with.
pub fn expected_status(function: &str) -> u64 {
    match function {
        "create-message" | "create-conversation" | "create-token" => 201,
        "delete-message" | "leave-conversation" | "remove-participant" | "revoke-token" => 204,
        "unknown-route" => 404,
        _ => 200,
    }
}

fn event(method: &str, path: &str, parameters: &[(&str, &str)]) -> Value {
    let mut event = lambda::event("$default", path, demo::CONTACTS[0].token);
    event["requestContext"]["http"]["method"] = json!(method);
    for (name, value) in parameters {
        event["pathParameters"][name] = json!(value);
    }
    event
}

fn with_form(event: Value, form: &str) -> Value {
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(form_urlencoded::parse(form.as_bytes()));
    lambda::with_form(event, &STANDARD.encode(encoded.finish()))
}

#[cfg(test)]
mod tests {
    use local_stack::functions;

    use super::*;

    #[tokio::test]
    async fn there_is_an_event_for_each_function() {
        let fixture = Fixture::new(std::time::Duration::ZERO).await.unwrap();
        for function in functions::all().into_keys() {
            let event = next(function, &fixture).await.unwrap();
            assert_eq!(event["version"], "2.0", "{function}");
            let (method, mut path) = match route(function).unwrap().split_once(' ') {
                Some((method, path)) => (method.to_owned(), path.to_owned()),
                None => continue, // unknown-route answers whatever has no route
            };
            for (name, id) in event["pathParameters"].as_object().into_iter().flatten() {
                path = path.replace(&format!("{{{name}}}"), id.as_str().unwrap());
            }
            let http = &event["requestContext"]["http"];
            assert_eq!(
                (&event["rawPath"], &http["method"]),
                (&json!(path), &json!(method)),
                "{function}: the route of template.yaml"
            );
        }
    }
}
