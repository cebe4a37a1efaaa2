//! `cargo ops smoke`: whether a deployed API works for a client, and what only AWS can show.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use clap::Args;
use hyper::{Method, StatusCode};
use local_stack::Error;
use local_stack::client::{Client, Reply};
use serde_json::Value;
use shared::error::chain;

use crate::print_line;

const TEXT: &str = "Grüße – 你好 👋";
const FILE: &[u8] = b"smoke test\n";
/// How long to wait for a response: API Gateway itself does not wait longer.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long `GuardDuty` may take to scan a file.
const SCANNED_WITHIN: Duration = Duration::from_mins(5);
const RENAMED: &str = "x-amzn-remapped-www-authenticate";

#[derive(Args)]
pub struct Smoke {
    /// Base URL of the API: the output `Url` of a stack
    #[arg(long, value_name = "URL")]
    url: String,
    /// Bearer token of a contact. Everything that the test creates is deleted again.
    #[arg(long, value_name = "TOKEN")]
    token: String,
}

/// The API, as a contact uses it.
struct Api {
    client: Client,
    url: String,
    token: String,
}

/// What failed, in a few words.
type Check<T = ()> = Result<T, Error>;

impl Smoke {
    pub async fn run(self) -> Result<(), Error> {
        let api = Api {
            client: Client::new(1)?,
            url: self.url.trim_end_matches('/').to_owned(),
            token: self.token,
        };
        if !api.url.starts_with("https://") {
            print_line("note  the URL is not https");
        }
        let mut report = Report::default();
        let Some(username) = report.check("a token is accepted", api.me().await) else {
            return Err("no other check is possible".into());
        };
        report.check("a warm request", api.is_warm().await);
        report.check("no token is 401", api.no_token_is_401().await);
        report.check("a wrong token is 401", api.wrong_token_is_401().await);
        report.check("an unknown path is 404", api.unknown_path_is_404().await);
        report.check("another method is 405", api.other_method_is_405().await);
        report.check("a large body is 413", api.large_body_is_413().await);
        let created = api.creates_conversation(&username).await;
        if let Some(conversation) = report.check("a conversation is created", created) {
            api.uses(&conversation, &mut report).await;
            let left = api.leaves(&conversation).await;
            report.check("the conversation is deleted again", left);
        }
        match report.failed {
            0 => Ok(()),
            failed => Err(format!("{failed} checks failed").into()),
        }
    }
}

#[derive(Default)]
struct Report {
    failed: u32,
}

impl Report {
    /// Prints the outcome of a check. Returns its value if it succeeded.
    fn check<T>(&mut self, name: &str, outcome: Check<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                print_line(&format!("ok    {name}"));
                Some(value)
            }
            Err(error) => {
                self.failed += 1;
                print_line(&format!("FAIL  {name}: {}", chain(&*error)));
                None
            }
        }
    }
}

fn note(text: &str) {
    print_line(&format!("note  {text}"));
}

/// Fails unless the response has this status and, if there is one, this code.
fn expect(reply: &Reply, status: u16, code: &str) -> Check<Value> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let found = body["code"].as_str().unwrap_or_default();
    if reply.status.as_u16() == status && (found == code || code.is_empty()) {
        return Ok(body);
    }
    let id = reply.header("x-request-id");
    Err(format!("{} {found}, request {id:?}", reply.status).into())
}

fn text(value: &Value) -> Check<String> {
    let text = value.as_str().ok_or("a field is missing in the response")?;
    Ok(text.to_owned())
}

fn same<T: PartialEq + Debug + ?Sized>(found: &T, expected: &T) -> Check {
    if found == expected {
        return Ok(());
    }
    Err(format!("{found:?} instead of {expected:?}").into())
}

impl Api {
    /// Sends a request with the token, and with parameters in a form.
    async fn call(&self, route: &str, form: &str) -> Check<Reply> {
        self.call_with(route, form, &[]).await
    }

    async fn call_with(&self, route: &str, form: &str, more: &[(&str, &str)]) -> Check<Reply> {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if !form.is_empty() {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        headers.extend(more);
        self.send(route, form, &headers).await
    }

    async fn send(&self, route: &str, form: &str, headers: &[(&str, &str)]) -> Check<Reply> {
        let (method, path) = route.split_once(' ').ok_or("a route without a method")?;
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<_> = headers.iter().map(owned).collect();
        let url = format!("{}{path}", self.url);
        let body = form.as_bytes().to_vec();
        self.request(method.parse()?, &url, &headers, body).await
    }

    /// Sends a request to the API or to S3.
    async fn request(
        &self,
        method: Method,
        url: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Check<Reply> {
        let reply = self.client.send(method, url, headers, body);
        let reply = tokio::time::timeout(TIMEOUT, reply).await;
        reply.map_err(|_| format!("no response within {} s", TIMEOUT.as_secs()))?
    }

    async fn me(&self) -> Check<String> {
        let started = Instant::now();
        let reply = self.call("GET /v1/me", "").await?;
        let me = expect(&reply, 200, "")?;
        let first = started.elapsed().as_millis();
        note(&format!(
            "the first request took {first} ms, connection and cold start included; its id is {}",
            reply.header("x-request-id")
        ));
        text(&me["username"])
    }

    async fn is_warm(&self) -> Check {
        let started = Instant::now();
        expect(&self.call("GET /v1/me", "").await?, 200, "")?;
        note(&format!(
            "the same again took {} ms",
            started.elapsed().as_millis()
        ));
        Ok(())
    }

    async fn no_token_is_401(&self) -> Check {
        let reply = self.send("GET /v1/me", "", &[]).await?;
        expect(&reply, 401, "token_missing")?;
        let [standard, renamed] =
            ["www-authenticate", RENAMED].map(|name| reply.header(name) == "Bearer");
        match (standard, renamed) {
            (true, _) => note("WWW-Authenticate arrives under its own name"),
            (false, true) => note(&format!("WWW-Authenticate arrives as {RENAMED}")),
            (false, false) => return Err("there is no WWW-Authenticate, under no name".into()),
        }
        Ok(())
    }

    async fn wrong_token_is_401(&self) -> Check {
        let headers = [("authorization", "Bearer wrong")];
        let reply = self.send("GET /v1/me", "", &headers).await?;
        expect(&reply, 401, "token_invalid").map(drop)
    }

    async fn unknown_path_is_404(&self) -> Check {
        let reply = self.call("GET /v1/nothing", "").await?;
        expect(&reply, 404, "route_not_found").map(drop)
    }

    async fn other_method_is_405(&self) -> Check {
        let reply = self.call("DELETE /v1/me", "").await?;
        expect(&reply, 405, "method_not_allowed")?;
        same(reply.header("allow"), "GET, PUT")
    }

    async fn large_body_is_413(&self) -> Check {
        let form = format!("message={}", "x".repeat(300 * 1024));
        let reply = self.call("POST /v1/messages", &form).await?;
        expect(&reply, 413, "body_too_large").map(drop)
    }

    /// Creates a conversation in which the contact is alone.
    async fn creates_conversation(&self, username: &str) -> Check<String> {
        let form = format!("participants[]={username}&name=smoke%20test");
        let reply = self.call("POST /v1/conversations", &form).await?;
        text(&expect(&reply, 201, "")?["id"])
    }

    /// Does in a conversation what clients do.
    async fn uses(&self, conversation: &str, report: &mut Report) {
        let sent = self.sends_once(conversation).await;
        let sent = report.check("a message that is sent twice is stored once", sent);
        if let Some(message) = sent {
            report.check("its text arrives", self.text_arrives(conversation).await);
            report.check("it is not modified", self.is_not_modified(&message).await);
            let edited = self.edit_needs_the_version(&message).await;
            report.check("an edit needs the current version", edited);
            let read = format!("read_up_to={message}");
            let read = self
                .call(&format!("PUT /v1/conversations/{conversation}"), &read)
                .await
                .and_then(|reply| expect(&reply, 200, ""));
            report.check("the conversation is marked as read", read);
        }
        let shared = self.shares_file(conversation).await;
        report.check("a file is uploaded, sent and downloaded", shared);
    }

    async fn sends_once(&self, conversation: &str) -> Check<String> {
        let form = format!("conversation_id={conversation}&message={TEXT}");
        let key = [("idempotency-key", conversation)];
        let first = self.call_with("POST /v1/messages", &form, &key).await?;
        let again = self.call_with("POST /v1/messages", &form, &key).await?;
        let id = text(&expect(&first, 201, "")?["id"])?;
        same(&text(&expect(&again, 201, "")?["id"])?, &id)?;
        same(again.header("idempotent-replayed"), "true")?;
        Ok(id)
    }

    async fn text_arrives(&self, conversation: &str) -> Check {
        let route = format!("GET /v1/messages?conversation_id={conversation}");
        let page = expect(&self.call(&route, "").await?, 200, "")?;
        same(&*text(&page["data"][0]["message"])?, TEXT)
    }

    async fn is_not_modified(&self, message: &str) -> Check {
        let route = format!("GET /v1/messages/{message}");
        let reply = self.call(&route, "").await?;
        expect(&reply, 200, "")?;
        let known = [("if-none-match", reply.header("etag"))];
        let again = self.call_with(&route, "", &known).await?;
        same(&again.status, &StatusCode::NOT_MODIFIED)
    }

    async fn edit_needs_the_version(&self, message: &str) -> Check {
        let route = format!("/v1/messages/{message}");
        let reply = self.call(&format!("GET {route}"), "").await?;
        expect(&reply, 200, "")?;
        let version = [("if-match", reply.header("etag"))];
        let put = format!("PUT {route}");
        let edited = self.call_with(&put, "message=edited", &version).await?;
        expect(&edited, 200, "")?;
        let late = self.call_with(&put, "message=late", &version).await?;
        expect(&late, 412, "precondition_failed").map(drop)
    }

    /// Uploads a file, sends and downloads it, and checks that it cannot be replaced.
    async fn shares_file(&self, conversation: &str) -> Check {
        let form = format!(
            "conversation_id={conversation}&filename=smoke.txt&file_size={}",
            FILE.len()
        );
        let created = expect(&self.call("POST /v1/attachments", &form).await?, 201, "")?;
        let (id, upload) = (text(&created["id"])?, &created["upload"]);
        let headers = upload["headers"].as_object().ok_or("no upload headers")?;
        let headers = headers
            .iter()
            .map(|(name, value)| Ok((name.clone(), text(value)?)))
            .collect::<Check<Vec<_>>>()?;
        let (method, url): (Method, _) = (text(&upload["method"])?.parse()?, text(&upload["url"])?);
        let put = async |headers: &[(String, String)], content: &[u8]| {
            let content = content.to_vec();
            let reply = self.request(method.clone(), &url, headers, content);
            Ok::<_, Error>(reply.await?.status)
        };
        let mut other_type = headers.clone();
        other_type.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        other_type.push(("Content-Type".to_owned(), "text/html".to_owned()));
        if put(&other_type, FILE).await?.is_success() {
            return Err("S3 takes a file of another type than was announced".into());
        }
        if put(&headers, &FILE.repeat(2)).await?.is_success() {
            return Err("S3 takes a file of another size than was announced".into());
        }
        same(&put(&headers, FILE).await?, &StatusCode::OK)?;
        if put(&headers, FILE).await?.is_success() {
            return Err("a file can be replaced with the same URL".into());
        }
        self.sends_file(conversation, &id).await?;
        let route = format!("GET /v1/attachments/{id}/file");
        let found = self.call(&route, "").await?;
        same(&found.status, &StatusCode::FOUND)?;
        let location = found.header("location");
        let file = self.request(Method::GET, location, &[], Vec::new());
        same(&file.await?.body[..], FILE)
    }

    /// Sends a file that has been uploaded, as soon as it has been scanned, if the stack scans files.
    async fn sends_file(&self, conversation: &str, id: &str) -> Check {
        let form = format!("conversation_id={conversation}&attachments[]={id}");
        let started = Instant::now();
        loop {
            let sent = self.call("POST /v1/messages", &form).await?;
            let wait = sent.header("retry-after").parse();
            match wait {
                Ok(wait)
                    if sent.status == StatusCode::CONFLICT
                        && started.elapsed() < SCANNED_WITHIN =>
                {
                    tokio::time::sleep(Duration::from_secs(wait)).await;
                }
                _ => return expect(&sent, 201, "").map(drop),
            }
        }
    }

    /// Leaves the conversation, which deletes it.
    async fn leaves(&self, conversation: &str) -> Check {
        let route = format!("DELETE /v1/conversations/{conversation}");
        // A conversation of a few messages: the first request deletes it.
        expect(&self.call(&route, "").await?, 204, "")?;
        let route = format!("GET /v1/conversations/{conversation}");
        let gone = self.call(&route, "").await?;
        expect(&gone, 404, "conversation_not_found").map(drop)
    }
}
