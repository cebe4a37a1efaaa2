//! API Gateway events for each function: requests from Kevin, and the status that each function responds with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_stack::template::Template;
use local_stack::{Error, demo, lambda};
use serde_json::{Value, json};

use crate::fixture::{Fixture, attachment_form};

/// Returns the next event of a function, and first creates the resources that the request needs.
#[expect(clippy::too_many_lines, reason = "an arm for each function")]
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
        "block-contact" | "unblock-contact" => {
            let method = if function == "block-contact" {
                "PUT"
            } else {
                "DELETE"
            };
            let id = "hSIhXBhNe8X1d8Et";
            event(method, &format!("/v1/blocks/{id}"), &[("id", id)])
        }
        "create-attachment" => {
            let event = event("POST", "/v1/attachments", &[]);
            with_form(event, &attachment_form())
        }
        "get-attachment" | "download-attachment" => {
            let id = fixture.create_attachment().await?;
            let mut path = format!("/v1/attachments/{id}");
            if function == "download-attachment" {
                path += "/file";
            }
            event("GET", &path, &[("id", &id)])
        }
        "delete-attachment" => {
            let id = fixture.create_attachment().await?;
            event("DELETE", &format!("/v1/attachments/{id}"), &[("id", &id)])
        }
        "list-attachments" => {
            let mut event = event("GET", "/v1/attachments", &[]);
            event["rawQueryString"] = json!(format!("conversation_id={family}"));
            event
        }
        "create-contact" => {
            let form = format!("username=bench{}", fixture.next_number());
            with_form(server_event("POST", "/v1/contacts", &[]), &form)
        }
        "update-contact" => {
            let id = demo::CONTACTS[0].id;
            let event = server_event("PUT", &format!("/v1/contacts/{id}"), &[("id", id)]);
            with_form(event, "phone_number=1")
        }
        "report-message" => {
            let id = fixture.create_message().await?;
            let path = format!("/v1/messages/{id}/report");
            with_form(event("POST", &path, &[("id", &id)]), "reason=bench")
        }
        "list-audit-entries" => server_event("GET", "/v1/audit", &[]),
        "list-reports" => server_event("GET", "/v1/reports", &[]),
        "resolve-report" => {
            let id = fixture.create_report().await?;
            let path = format!("/v1/reports/{id}");
            with_form(
                server_event("PUT", &path, &[("id", &id)]),
                "resolution=bench",
            )
        }
        // One that has written nothing: the first request erases it, the others read the tables again.
        "erase-contact" => {
            let id = "0000000000000000";
            server_event("DELETE", &format!("/v1/contacts/{id}"), &[("id", id)])
        }
        "create-contact-token" => {
            let id = demo::CONTACTS[1].id;
            let path = format!("/v1/contacts/{id}/tokens");
            with_form(server_event("POST", &path, &[("id", id)]), "label=bench")
        }
        "revoke-contact-tokens" => {
            let id = demo::CONTACTS[2].id;
            let path = format!("/v1/contacts/{id}/tokens");
            server_event("DELETE", &path, &[("id", id)])
        }
        "create-conversation" => {
            let form = "name=bench&participants[]=hSIhXBhNe8X1d8Et";
            with_form(event("POST", "/v1/conversations", &[]), form)
        }
        "create-message" => {
            let form = format!("conversation_id={family}&message=What do you say to this");
            with_form(event("POST", "/v1/messages", &[]), &form)
        }
        "create-token" => {
            fixture.revoke_tokens().await?;
            with_form(event("POST", "/v1/tokens", &[]), "label=bench")
        }
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
        "list-edits" => event(
            "GET",
            &format!("/v1/messages/{message}/edits"),
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
        "revoke-tokens" => {
            fixture.create_token().await?;
            event("DELETE", "/v1/tokens", &[])
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
        "create-webhook" => {
            fixture.delete_webhooks().await?;
            let event = event("POST", "/v1/webhooks", &[]);
            with_form(event, "url=https://hooks.example.com")
        }
        "get-webhook"
        | "update-webhook"
        | "delete-webhook"
        | "rotate-webhook-secret"
        | "test-webhook"
        | "list-deliveries"
        | "replay-deliveries" => {
            let id = fixture.create_webhook().await?;
            let path = format!("/v1/webhooks/{id}");
            let event = |method, of: &str| event(method, &format!("{path}{of}"), &[("id", &id)]);
            match function {
                "get-webhook" => event("GET", ""),
                "delete-webhook" => event("DELETE", ""),
                "rotate-webhook-secret" => event("POST", "/secret"),
                "test-webhook" => event("POST", "/test"),
                "list-deliveries" => event("GET", "/deliveries"),
                "replay-deliveries" => {
                    let delivery = fixture.test_webhook(&id).await?;
                    with_form(event("POST", "/replay"), &format!("ids[]={delivery}"))
                }
                _ => with_form(event("PUT", ""), "is_enabled=true"),
            }
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
        "create-message"
        | "create-attachment"
        | "create-contact"
        | "create-contact-token"
        | "create-conversation"
        | "create-token"
        | "create-webhook"
        | "report-message" => 201,
        "block-contact"
        | "unblock-contact"
        | "delete-attachment"
        | "delete-message"
        | "delete-webhook"
        | "leave-conversation"
        | "remove-participant"
        | "revoke-contact-tokens"
        | "revoke-token"
        | "revoke-tokens" => 204,
        "test-webhook" | "replay-deliveries" => 202,
        "download-attachment" => 302,
        "unknown-route" => 404,
        _ => 200,
    }
}

/// A request of Kevin.
fn event(method: &str, path: &str, parameters: &[(&str, &str)]) -> Value {
    event_of(demo::CONTACTS[0].token, method, path, parameters)
}

/// A request of the operator's server.
fn server_event(method: &str, path: &str, parameters: &[(&str, &str)]) -> Value {
    event_of(demo::SERVER_KEY, method, path, parameters)
}

fn event_of(token: &str, method: &str, path: &str, parameters: &[(&str, &str)]) -> Value {
    let mut event = lambda::event("$default", path, token);
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
