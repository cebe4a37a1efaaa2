//! Runs the `curl` commands of the documentation, and checks what is generated in it, and its links.
//!
//! Does not need curl: parses the lines that begin with `curl`, and sends the requests with reqwest. The parser is strict:
//! a line with an unknown option fails. Scripts in which the output of a command is used (```` ```bash ````) are not run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use local_stack::demo;
use local_stack::stack::{Stack, listen};
use local_stack::template;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;

/// How the documents write the base URL of the API; the transcript in README.md spells it out.
const BASES: [&str; 2] = ["$API", "http://127.0.0.1:3000"];

#[tokio::test(flavor = "multi_thread")]
async fn the_curl_commands_of_the_readme_succeed_twice_in_a_row() {
    let samples = samples("README.md");
    assert!(samples.len() >= 8, "README.md has {}", samples.len());
    let api = start().await;
    for pass in ["first", "second"] {
        check_all(&samples, &api, pass).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_curl_commands_of_the_endpoints_respond_as_documented() {
    let mut samples = samples("docs/endpoints.md");
    // Deletions run last: other examples use what they delete.
    samples.sort_by_key(Sample::is_deletion);
    let api = start().await;
    check_all(&samples, &api, "only").await;
    for (section, method, path) in endpoints() {
        let is_for = |sample: &Sample| {
            sample.section == section && sample.is_for(&method, &path) && sample.status.is_some()
        };
        assert!(
            samples.iter().any(is_for),
            "docs/endpoints.md has no example of {method} {path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_curl_commands_of_the_api_respond_as_documented() {
    let samples = samples("docs/api.md");
    assert!(!samples.is_empty());
    let api = start().await;
    check_all(&samples, &api, "only").await;
}

#[test]
fn the_endpoints_are_those_of_the_contract() {
    let generated = reference::endpoints_md(&document("docs/openapi.yaml")).unwrap();
    assert!(
        document("docs/endpoints.md") == generated,
        "docs/endpoints.md is not what docs/openapi.yaml says: run `cargo reference`"
    );
}

#[test]
fn the_links_between_documents_lead_to_sections() {
    let documents: BTreeMap<_, _> = documents()
        .map(|name| (name.clone(), document(&name)))
        .collect();
    let mut broken = Vec::new();
    for (name, text) in &documents {
        let folder = Path::new(name).parent().unwrap();
        for target in links(text) {
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => name.clone(),
                file => normalized(&folder.join(file)),
            };
            let is_section = match documents.get(&file) {
                Some(text) => section.is_empty() || sections(text).contains(section),
                None => root().join(&file).exists(),
            };
            if !is_section {
                broken.push(format!("{name}: {target}"));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_curl_commands_of_the_guide_respond_as_documented() {
    let samples = samples("docs/guide.md");
    assert!(samples.len() >= 15, "docs/guide.md has {}", samples.len());
    let api = start().await;
    check_all(&samples, &api, "only").await;
}

#[test]
fn curl_commands_are_parsed_like_a_shell_and_curl_parse_them() {
    let sample = Sample::parse(
        r#"curl -G $API/v1/messages -H "Authorization: Bearer t" -d a=1 --data-urlencode 'b=x y&z'"#,
    );
    let request = sample.request.unwrap();
    assert_eq!(request.method, Method::GET);
    assert_eq!(request.target, "/v1/messages?a=1&b=x%20y%26z");
    assert_eq!(
        request.headers,
        [("Authorization".into(), "Bearer t".into())]
    );
    assert_eq!(request.body, None);

    let sample = Sample::parse(r#"curl $API/v1/messages -d c=1 -d message="“’" -d "e[]=+1""#);
    let request = sample.request.unwrap();
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.body.as_deref(), Some("c=1&message=“’&e[]=+1"));
    let form = ("Content-Type".into(), FORM.into());
    assert_eq!(request.headers, [form]);

    for line in [
        "curl $API/v1/me -o file",
        "curl $API/v1/me > file",
        "curl $API/v1/me | jq",
        "curl $API/v1/me -H 'Accept",
        "curl $API/v1/messages/$ID",
        "curl $(echo $API)/v1/me",
        "curl $API/v1/me $API/v1/me",
        "curl https://example.com/v1/me",
        "curl -X PUT",
        "curl $API/v1/me -H Accept",
    ] {
        assert!(Sample::parse(line).request.is_err(), "{line}");
    }
}

/// Starts a stack with the demo data; returns its base URL.
async fn start() -> String {
    let stack = Stack::start(None).await.unwrap();
    demo::load(&stack.store, &stack.bucket).await.unwrap();
    let listener = listen("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = stack.api(&stack.store).unwrap();
    tokio::spawn(async move {
        let _running = stack;
        axum::serve(listener, api).await
    });
    format!("http://{address}")
}

/// Sends the requests of samples, one after the other. Ids that the document shows for what was created are replaced by
/// those that it has.
async fn check_all(samples: &[Sample], api: &str, pass: &str) {
    let mut ids = HashMap::new();
    for sample in samples {
        let response = sample.check(api, pass, &ids).await;
        let id = response["id"].as_str().map(str::to_owned);
        ids.extend(sample.created.clone().zip(id));
    }
}

/// A documented command, the title above it, and the status that the document shows after it, if any.
struct Sample {
    section: String,
    line: String,
    request: Result<Request, String>,
    status: Option<StatusCode>,
    /// The names of the headers, and of the keys in the body, that the document shows.
    headers: Vec<String>,
    keys: Vec<String>,
    /// The id of what the request has created, as the document shows it.
    created: Option<String>,
}

impl Sample {
    fn parse(line: &str) -> Self {
        Self {
            section: String::new(),
            line: line.to_owned(),
            request: words(line).and_then(Request::from_curl),
            status: None,
            headers: Vec::new(),
            keys: Vec::new(),
            created: None,
        }
    }

    fn is_deletion(&self) -> bool {
        let request = self.request.as_ref();
        request.is_ok_and(|request| request.method == Method::DELETE)
    }

    /// Reads a line of the response that the document shows.
    fn shows(&mut self, line: &str) {
        let is_name = |text: &str| {
            let is_letter = |c: u8| c.is_ascii_alphabetic() || b"-_".contains(&c);
            !text.is_empty() && text.bytes().all(is_letter)
        };
        match line.split_once(": ") {
            Some((name, _)) if is_name(name) => self.headers.push(name.to_owned()),
            _ => {
                let quoted = line.split('"').zip(line.split('"').skip(1));
                let keys = quoted.filter(|(name, rest)| rest.starts_with(':') && is_name(name));
                self.keys.extend(keys.map(|(name, _)| name.to_owned()));
                let is_creation = self.status.is_some_and(|status| {
                    [StatusCode::CREATED, StatusCode::ACCEPTED].contains(&status)
                });
                let id = line.strip_prefix(r#"{"id": ""#);
                let id = id.and_then(|rest| rest.split_once('"'));
                if let Some((id, _)) = id.filter(|_| is_creation) {
                    self.created = Some(id.to_owned());
                }
            }
        }
    }

    /// Sends the request, with ids of what was created in place of those that the document shows; fails unless the
    /// response has the documented status, or any 2xx if none is documented, with the documented headers and keys. Returns
    /// its body, or null if it is not JSON.
    async fn check(&self, api: &str, pass: &str, ids: &HashMap<String, String>) -> Value {
        let request = match &self.request {
            Ok(request) => request.with_ids(ids),
            Err(error) => panic!("{error}: {}", self.line),
        };
        let response = request.send(api).await;
        let status = response.status();
        let is_expected = self
            .status
            .map_or(status.is_success(), |expected| status == expected);
        let missing: Vec<_> = self
            .headers
            .iter()
            .filter(|&name| !response.headers().contains_key(name))
            .cloned()
            .collect();
        let body = response.text().await.unwrap();
        let is_missing = |key: &&String| !body.contains(&format!("\"{key}\":"));
        let missing_keys: Vec<_> = self.keys.iter().filter(is_missing).collect();
        assert!(
            is_expected && missing.is_empty() && missing_keys.is_empty(),
            "{status} in the {pass} pass, without {missing:?} and {missing_keys:?}: {}\n{body}",
            self.line
        );
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    /// Whether it is a request to this endpoint, whose path has parameters like `:id`.
    fn is_for(&self, method: &str, path: &str) -> bool {
        self.request.as_ref().is_ok_and(|request| {
            let given = request.target.split('?').next().unwrap_or_default();
            let (expected, given) = (path.split('/'), given.split('/'));
            request.method.as_str() == method
                && expected.clone().count() == given.clone().count()
                && expected
                    .zip(given)
                    .all(|(expected, given)| expected.starts_with(':') || expected == given)
        })
    }
}

/// The request that a `curl` command sends.
struct Request {
    method: Method,
    /// Path and query.
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Request {
    /// Parses the arguments of `curl`. Supports only the options that the documents use.
    fn from_curl(words: Vec<String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        if words.next().as_deref() != Some("curl") {
            return Err("not a curl line".into());
        }
        let (mut method, mut target) = (None, None);
        let (mut headers, mut data) = (Vec::new(), Vec::new());
        let mut in_query = false;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} without a value"));
            match word.as_str() {
                "-G" => in_query = true,
                "-i" => {}
                "-X" => method = Some(value()?.parse().map_err(|_| "no such method")?),
                "-H" => {
                    let header = value()?;
                    let (name, value) =
                        header.split_once(": ").ok_or("a header without a value")?;
                    headers.push((name.to_owned(), value.to_owned()));
                }
                "-d" => data.push(value()?),
                "--data-urlencode" => {
                    let pair = value()?;
                    let (name, value) = pair.split_once('=').ok_or("data without a name")?;
                    data.push(format!("{name}={}", encoded(value)));
                }
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}"));
                }
                _ if target.is_some() => return Err("more than one URL".into()),
                url => {
                    let path = BASES.iter().find_map(|base| url.strip_prefix(base));
                    let path = path.filter(|path| path.starts_with('/'));
                    target = Some(path.ok_or("not a URL of the API")?.to_owned());
                }
            }
        }
        let mut target = target.ok_or("no URL")?;
        let data = (!data.is_empty()).then(|| data.join("&"));
        let body = if in_query { None } else { data.clone() };
        if let Some(query) = data.filter(|_| in_query) {
            target = format!("{target}?{query}");
        }
        let has_type = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !has_type {
            headers.push(("Content-Type".to_owned(), FORM.to_owned()));
        }
        let default = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        Ok(Self {
            method: method.unwrap_or(default),
            target,
            headers,
            body,
        })
    }

    /// The request with the values of the map in place of its keys.
    fn with_ids(&self, ids: &HashMap<String, String>) -> Self {
        let replaced = |text: &String| {
            let ids = ids.iter();
            ids.fold(text.clone(), |text, (shown, id)| text.replace(shown, id))
        };
        Self {
            method: self.method.clone(),
            target: replaced(&self.target),
            headers: self.headers.clone(),
            body: self.body.as_ref().map(replaced),
        }
    }

    async fn send(&self, api: &str) -> Response {
        let url = format!("{api}{}", self.target);
        let client = Client::builder().redirect(Policy::none()).build();
        let mut request = client.unwrap().request(self.method.clone(), url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        request.send().await.unwrap()
    }
}

/// Splits a line into words, with quotes like a shell. Refuses variables other than those of [`BASES`], pipes,
/// redirections and substitutions.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            ' ' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next().ok_or("an unterminated quote")? {
                        end if end == character => break,
                        '$' | '`' | '\\' if character == '"' => {
                            return Err("a substitution or escape in quotes".into());
                        }
                        quoted => word.push(quoted),
                    }
                }
            }
            '|' | '>' | '<' | ';' | '&' | '`' | '\\' | '(' | ')' => {
                return Err(format!("{character} outside of quotes"));
            }
            '$' if word.is_some() || !rest.as_str().starts_with("API/") => {
                return Err("a variable other than $API".into());
            }
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The characters that `--data-urlencode` encodes: all but the unreserved ones.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads a document of this repository.
fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The names of the Markdown documents in the root, `docs/`, and folders of these.
fn documents() -> impl Iterator<Item = String> {
    let folders = ["", "docs/", "docs/decisions/"].into_iter();
    let files = folders.flat_map(|folder| {
        let files = std::fs::read_dir(root().join(folder)).unwrap();
        files.map(move |file| format!("{folder}{}", file.unwrap().file_name().display()))
    });
    files.filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "md"))
}

/// The targets of the links in a document that are not URLs.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target);
    targets.filter(|target| !target.contains("://") && !target.contains(char::is_whitespace))
}

/// The anchors of the titles in a document, as GitHub makes them.
fn sections(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let anchors = titles.map(|title| {
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let title = title.replace(' ', "-");
        title.replace(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'), "")
    });
    anchors.collect()
}

/// Resolves `..` in a path.
fn normalized(path: &Path) -> String {
    let mut parts = Vec::new();
    for part in path.iter().map(|part| part.to_str().unwrap()) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// Returns the `curl` commands in the code blocks of a document, each with the status that follows it, as in
/// `HTTP/1.1 404`.
fn samples(name: &str) -> Vec<Sample> {
    let text = document(name);
    let (mut samples, mut is_fenced): (Vec<Sample>, bool) = (Vec::new(), false);
    let (mut section, mut is_response) = ("", false);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            is_response = false;
            continue;
        }
        let code = match line.strip_prefix("    ") {
            Some(code) => code,
            None if is_fenced => line,
            None => {
                section = line.strip_prefix("### ").unwrap_or(section);
                continue;
            }
        };
        let mut code = code.strip_prefix("$ ").unwrap_or(code).to_owned();
        if code.starts_with("curl ") {
            while let Some(start) = code.strip_suffix('\\') {
                let next = lines.next().expect("a line follows a backslash");
                code = format!("{start}{}", next.trim_start());
            }
            samples.push(Sample {
                section: section.to_owned(),
                ..Sample::parse(&code)
            });
        } else if let Some(status) = code.strip_prefix("HTTP/1.1 ") {
            let status = status.split(' ').next().and_then(|code| code.parse().ok());
            let sample = samples.last_mut().expect("a response follows a request");
            sample.status = Some(status.expect("a status is a number"));
            is_response = true;
        } else if let Some(sample) = samples.last_mut().filter(|_| is_response) {
            sample.shows(&code);
        }
    }
    samples
}

/// Returns the section, method and path of each operation in the contract, with parameters like `:id`.
fn endpoints() -> Vec<(String, String, String)> {
    let contract = template::document(&document("docs/openapi.yaml")).unwrap();
    let mut endpoints = Vec::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Some(summary) = operation["summary"].as_str() {
                let path = path.replace('{', ":").replace('}', "");
                endpoints.push((summary.to_owned(), method.to_uppercase(), path));
            }
        }
    }
    assert!(endpoints.len() >= 28, "{}", endpoints.len());
    endpoints
}
