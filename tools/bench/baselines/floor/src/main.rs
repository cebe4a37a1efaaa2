//! Lower bound: one `GetItem` per event, over TLS, without AWS SDK and Lambda runtime crate.

use std::env::var;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(var("AWS_CA_BUNDLE")?)? {
        roots.add(root?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let endpoint = var("DYNAMODB_ENDPOINT")?;
    let host = endpoint.trim_start_matches("https://").to_owned();
    let (name, _) = host
        .split_once(':')
        .ok_or("DYNAMODB_ENDPOINT has no port")?;
    let name = ServerName::try_from(name.to_owned())?;

    let api = var("AWS_LAMBDA_RUNTIME_API")?;
    let runtime = TcpStream::connect(&api)?;
    runtime.set_nodelay(true)?;
    let mut runtime = BufReader::new(runtime);
    let mut dynamodb = None;
    loop {
        let next_request =
            format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
        runtime.get_mut().write_all(next_request.as_bytes())?;
        let (headers, event) = read_response(&mut runtime)?;
        let id = headers
            .iter()
            .find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "))
            .ok_or("the event has no request id")?;
        let event: serde_json::Value = serde_json::from_slice(&event)?;
        if dynamodb.is_none() {
            let stream = TcpStream::connect(&host)?;
            stream.set_nodelay(true)?;
            let session = ClientConnection::new(config.clone(), name.clone())?;
            dynamodb = Some(BufReader::new(StreamOwned::new(session, stream)));
        }
        let dynamodb = dynamodb.as_mut().ok_or("no connection")?;
        let request = event["GetItem"].to_string();
        let request = signed_get_item(&host, &request)?;
        dynamodb.get_mut().write_all(request.as_bytes())?;
        let (_, item) = read_response(dynamodb)?;
        let response = format!(
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: {api}\r\ncontent-length: {}\r\n\r\n",
            item.len()
        );
        let response = [response.as_bytes(), &item].concat();
        runtime.get_mut().write_all(&response)?;
        read_response(&mut runtime)?;
    }
}

/// Returns the headers and the body of a response. Expects header names in lower case, as both servers send them.
fn read_response(stream: &mut impl BufRead) -> Result<(Vec<String>, Vec<u8>), Error> {
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse()?;
        }
        headers.push(line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((headers, body))
}

/// Returns a `GetItem` request with an AWS Signature Version 4.
fn signed_get_item(host: &str, body: &str) -> Result<String, Error> {
    let (key, secret) = (var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?);
    let (token, region) = (var("AWS_SESSION_TOKEN")?, var("AWS_REGION")?);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let date = format_date(seconds / 86400);
    let time = seconds % 86400;
    let timestamp = format!(
        "{date}T{:02}{:02}{:02}Z",
        time / 3600,
        time / 60 % 60,
        time % 60
    );
    let scope = format!("{date}/{region}/dynamodb/aws4_request");
    let signed_headers = "host;x-amz-date;x-amz-security-token;x-amz-target";
    let target = "DynamoDB_20120810.GetItem";
    let hash = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    let request = format!(
        "POST\n/\n\nhost:{host}\nx-amz-date:{timestamp}\nx-amz-security-token:{token}\nx-amz-target:{target}\n\n{signed_headers}\n{}",
        hash(body)
    );
    let string_to_sign = format!("AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{}", hash(&request));
    let mac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
    };
    let mut signing_key = mac(format!("AWS4{secret}").as_bytes(), &date);
    for part in [region.as_str(), "dynamodb", "aws4_request"] {
        signing_key = mac(signing_key.as_ref(), part);
    }
    let signature = hex(mac(signing_key.as_ref(), &string_to_sign).as_ref());
    Ok(format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-date: {timestamp}\r\n\
         x-amz-security-token: {token}\r\nx-amz-target: {target}\r\ncontent-length: {}\r\nauthorization: \
         AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={signed_headers}, Signature={signature}\r\n\r\n{body}",
        body.len()
    ))
}

/// Formats the date that is `days` after 1970-01-01 as YYYYMMDD.
fn format_date(days: u64) -> String {
    let (mut year, mut days) = (1970, days);
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}{month:02}{:02}", days + 1)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
