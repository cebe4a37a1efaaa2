//! What cannot be done with the URL of an upload or a download: S3 refuses it, and nothing is stored.

use reqwest::Method;
use serde_json::Value;
use shared::time::{Clock, Micros};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::World;
use crate::harness::s3::{downloads_from_s3, headers_of, requests_s3, uploads_to_s3};

const SUM_OF_BYTES: &str = "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9";

/// Begins the upload of five bytes, `bytes`.
async fn begins(world: &World) -> Value {
    let form = format!("filename=a&file_size=5&file_type=image/jpeg&sha256={SUM_OF_BYTES}");
    let created = world.kevin.tries_to_create_attachment(&form).await;
    created.is(201).json()
}

fn url(upload: &Value) -> String {
    upload["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_upload_differs_in_nothing_from_what_was_asked_for() {
    let world = World::new().await;
    let sum = "x-amz-checksum-sha256";
    let sum_of_others = Some("LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=");
    for (header, value, content, status) in [
        ("content-type", Some("image/jpeg"), &b"longer"[..], 403),
        ("content-type", Some("image/jpeg"), b"less", 403),
        ("content-type", Some("image/jpeg"), b"other", 400),
        ("content-type", Some("text/html"), b"bytes", 403),
        ("content-type", None, b"bytes", 403),
        ("if-none-match", Some("\"x\""), b"bytes", 403),
        ("if-none-match", None, b"bytes", 403),
        (sum, sum_of_others, b"bytes", 403),
        (sum, None, b"bytes", 403),
        ("x-amz-acl", Some("public-read"), b"bytes", 403),
        ("x-amz-tagging", Some("a=b"), b"bytes", 403),
        ("x-amz-meta-a", Some("b"), b"bytes", 403),
        ("x-amz-copy-source", Some("/files/a/b"), b"bytes", 403),
        ("authorization", Some("Bearer x"), b"bytes", 400),
    ] {
        let case = format!("{header}: {value:?}, {} bytes", content.len());
        let upload = &begins(&world).await["upload"];
        let mut headers = headers_of(upload);
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(header));
        headers.extend(value.map(|value| (header.to_owned(), value.to_owned())));
        let response = requests_s3(Method::PUT, &url(upload), &headers, content).await;
        assert_eq!(response.status.as_u16(), status, "{case}: {response:?}");
        assert!(world.files().is_empty(), "{case}");
        assert_eq!(uploads_to_s3(upload, b"bytes").await, 200, "{case}");
        let key = world.files().remove(0);
        world.settles().await;
        assert_eq!(world.files(), [key], "{case}");
        world.removes_all_files().await;
    }
}

#[tokio::test]
async fn a_url_of_an_upload_is_good_for_nothing_else() {
    let world = World::new().await;
    let created = begins(&world).await;
    let (upload, id) = (&created["upload"], created["id"].as_str().unwrap());
    let (right, headers) = (url(upload), headers_of(upload));
    let moment = &id[..9];
    let other_key = right.replace(&format!("/{moment}?"), "/000000001?");
    assert_ne!(other_key, right);
    let other_bucket = right.replace("/files/", "/others/");
    let signature = right.rfind("X-Amz-Signature=").unwrap() + "X-Amz-Signature=".len();
    let truncated = right[..right.len() - 1].to_owned();
    let changed = format!("{}{}", &right[..signature], "0".repeat(64));
    let longer = right.replace("X-Amz-Expires=900", "X-Amz-Expires=9000");
    for (case, url) in [
        ("another object", &other_key),
        ("another bucket", &other_bucket),
        ("a truncated signature", &truncated),
        ("another signature", &changed),
        ("a longer validity", &longer),
        (
            "no signature",
            &right[..right.find('?').unwrap()].to_owned(),
        ),
    ] {
        let response = requests_s3(Method::PUT, url, &headers, b"bytes").await;
        assert!(response.status.is_client_error(), "{case}: {response:?}");
        assert!(world.files().is_empty(), "{case}");
    }
    assert_eq!(uploads_to_s3(upload, b"bytes").await, 200);
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::POST] {
        let response = requests_s3(method.clone(), &right, &headers, &[]).await;
        assert!(response.status.is_client_error(), "{method}: {response:?}");
    }
    assert_eq!(world.files().len(), 1);
    let found = world.kevin.gets_file(id).await.is(302);
    let download = found.header("location");
    for method in [Method::PUT, Method::HEAD, Method::DELETE] {
        let response = requests_s3(method.clone(), download, &headers, b"bytes").await;
        assert!(response.status.is_client_error(), "{method}: {response:?}");
    }
    let other_type = download.replace("image%2Fjpeg", "text%2Fhtml");
    assert_ne!(other_type, download);
    assert_eq!(downloads_from_s3(&other_type).await.status, 403);
    assert_eq!(downloads_from_s3(download).await.content, b"bytes");
}

#[tokio::test]
async fn a_file_is_written_once() {
    let world = World::new().await;
    let upload = &begins(&world).await["upload"];
    let puts = (0..8).map(|_| uploads_to_s3(upload, b"bytes"));
    let mut statuses = futures_util::future::join_all(puts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    assert_eq!(uploads_to_s3(upload, b"bytes").await, 412);
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing_and_can_be_repeated() {
    let world = World::new().await;
    let upload = &begins(&world).await["upload"];
    let right = url(upload);
    let (host, path) = right
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let headers = headers_of(upload).into_iter();
    let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers: String = headers.collect();
    let request = format!("PUT /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}");
    let sends = async |rest: &str, then_waits: bool| {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream
            .write_all(format!("{request}{rest}").as_bytes())
            .await
            .unwrap();
        let mut response = String::new();
        if then_waits {
            stream.read_to_string(&mut response).await.unwrap();
        }
        response
    };
    sends("Content-Length: 5\r\n\r\nbyt", false).await;
    let chunked = "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nbytes\r\n0\r\n\r\n";
    let response = sends(chunked, true).await;
    assert!(response.starts_with("HTTP/1.1 403"), "{response}");
    assert!(world.files().is_empty());
    assert_eq!(uploads_to_s3(upload, b"bytes").await, 200);
    assert_eq!(world.files().len(), 1);
}

#[tokio::test]
async fn a_url_expires() {
    let world = World::new().await;
    let now = Clock::system().now().0;
    for (minutes, status) in [(14, 200), (16, 403)] {
        let earlier = Micros(now - minutes * 60_000_000);
        let host = world.host().clock(move || earlier).start().await;
        let kevin = world.kevin.at(&host);
        let created = kevin.creates_attachment("a", 5).await;
        assert_eq!(uploads_to_s3(&created["upload"], b"bytes").await, status);
    }
    let id = world.kevin.uploads("a", b"bytes").await;
    for (minutes, status) in [(4, 200), (6, 403)] {
        let earlier = Micros(now - minutes * 60_000_000);
        let host = world.host().clock(move || earlier).start().await;
        let found = world.kevin.at(&host).gets_file(&id).await.is(302);
        let downloaded = downloads_from_s3(found.header("location")).await;
        assert_eq!(downloaded.status, status, "{minutes} minutes");
    }
}

#[tokio::test]
async fn pages_of_other_origins_upload_and_download() {
    let world = World::new().await;
    let created = begins(&world).await;
    let upload = &created["upload"];
    let name = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let preflight = |origin: &str, method: &str| {
        [
            name("origin", origin),
            name("access-control-request-method", method),
            name(
                "access-control-request-headers",
                "content-type,if-none-match,x-amz-checksum-sha256",
            ),
        ]
    };
    let ask = async |origin: &str, method: &str| {
        let headers = preflight(origin, method);
        let response = requests_s3(Method::OPTIONS, &url(upload), &headers, &[]).await;
        response.header("access-control-allow-origin").to_owned()
    };
    assert_eq!(
        ask("http://localhost:5173", "PUT").await,
        "http://localhost:5173"
    );
    assert_eq!(ask("https://example.com", "PUT").await, "");
    assert_eq!(ask("null", "GET").await, "null");
    let mut headers = headers_of(upload);
    headers.push(name("origin", "http://localhost:5173"));
    let response = requests_s3(Method::PUT, &url(upload), &headers, b"bytes").await;
    assert_eq!(response.status, 200);
    let allowed = response.header("access-control-allow-origin");
    assert_eq!(allowed, "http://localhost:5173");
    let found = world.kevin.gets_file(created["id"].as_str().unwrap()).await;
    let origin = [name("origin", "null")];
    let url = found.is(302).header("location").to_owned();
    let response = requests_s3(Method::GET, &url, &origin, &[]).await;
    assert_eq!(response.header("access-control-allow-origin"), "null");
}
