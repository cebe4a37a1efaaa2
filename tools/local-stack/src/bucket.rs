//! S3, with one bucket whose objects are files in a folder.
//!
//! `s3s` speaks S3's protocol and verifies signatures. What S3 refuses and `s3s` does not, and what the policy of the
//! bucket refuses, is refused before it (`refuse`).

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::error_handling::HandleError;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt, stream};
use s3s::auth::SimpleAuth;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, Object, PutObjectInput,
    PutObjectOutput, StreamingBlob,
};
use s3s::service::S3ServiceBuilder;
use s3s::{HttpError, S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use sha2::{Digest, Sha256};
use shared::id::{AttachmentId, MessageId};
use shared::time::{Clock, Micros};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower_http::cors::CorsLayer;
use uuid::Uuid;

use crate::Error;

/// The name of the bucket.
const BUCKET: &str = "files";

/// The key of the account, as that of the engine.
pub const KEY: &str = "local";

/// How old a signature may be: the policy of the bucket.
const MAX_SIGNATURE_AGE: u64 = 15 * 60;

/// How many bytes of a file are read at once.
const CHUNK: u64 = 1 << 16;

/// A running S3 with one bucket. It stops with the Tokio runtime that started it.
#[derive(Clone)]
pub struct Bucket {
    address: SocketAddr,
    folder: PathBuf,
    /// Deletes the folder in the end, if nothing is to be kept.
    _temporary: Option<Arc<TempDir>>,
}

impl Bucket {
    /// Serves the files in a folder on `listener`, or in a temporary folder. `cors` answers browsers. The folder is
    /// created with the first file.
    ///
    /// # Errors
    ///
    /// If there is no temporary folder, or the folder cannot be read.
    pub fn start(
        listener: TcpListener,
        folder: Option<&Path>,
        cors: CorsLayer,
    ) -> Result<Self, Error> {
        let (folder, temporary) = if let Some(folder) = folder {
            (folder.to_owned(), None)
        } else {
            let temporary = TempDir::new()?;
            (temporary.path().to_owned(), Some(Arc::new(temporary)))
        };
        let mut service = S3ServiceBuilder::new(Folder(folder.clone()));
        service.set_auth(SimpleAuth::from_single(KEY, KEY));
        delete_partial_uploads(&folder)?;
        let failed = async |error: HttpError| {
            eprintln!("the local S3 failed: {error:?}");
            StatusCode::INTERNAL_SERVER_ERROR
        };
        let router = Router::new()
            .fallback_service(HandleError::new(service.build(), failed))
            .layer(middleware::from_fn(refuse))
            .layer(cors);
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            folder,
            _temporary: temporary,
        })
    }

    /// Returns the URL of the bucket: on this machine, if it listens on all addresses.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/{BUCKET}", reachable(self.address))
    }

    /// Stores the file of an attachment directly.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn put(&self, id: AttachmentId, content_type: &str, content: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(id.conversation().to_string());
        fs::create_dir_all(&folder)?;
        let path = folder.join(MessageId::prefix(id.created_at()));
        fs::write(type_path(&path), content_type)?;
        fs::write(path, content)
    }

    /// Returns the keys of all objects, sorted.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn keys(&self) -> io::Result<Vec<String>> {
        keys(&self.folder)
    }
}

/// An address at which clients of this machine reach a server that listens on this one.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The keys of all objects in a folder, sorted.
fn keys(folder: &Path) -> io::Result<Vec<String>> {
    let mut keys = Vec::new();
    if !folder.exists() {
        return Ok(keys);
    }
    for prefix in fs::read_dir(folder)? {
        let prefix = prefix?;
        if !prefix.file_type()?.is_dir() {
            continue;
        }
        for object in fs::read_dir(prefix.path())? {
            let name = object?.file_name();
            if !name.to_string_lossy().ends_with(TYPE) {
                let prefix = prefix.file_name();
                let prefix = prefix.to_string_lossy();
                keys.push(format!("{prefix}/{}", name.to_string_lossy()));
            }
        }
    }
    keys.sort();
    Ok(keys)
}

/// Deletes what uploads left that were in progress when the process was killed.
fn delete_partial_uploads(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == PART) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Refuses what S3, or the policy of the bucket, refuses and `s3s` does not.
async fn refuse(request: Request, next: Next) -> Result<Response, Infallible> {
    let query = request.uri().query().unwrap_or_default();
    let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let parameter = |name: &str| {
        let found = query.iter().find(|(of, _)| of == name);
        found.map(|(_, value)| value.as_ref())
    };
    let headers = request.headers();
    let signed = parameter("X-Amz-SignedHeaders").unwrap_or_default();
    let is_signed = |name: &str| signed.split(';').any(|signed| signed == name);
    let mut amazons = headers.keys().map(header::HeaderName::as_str);
    let refused =
        if parameter("X-Amz-Signature").is_some() && headers.contains_key(header::AUTHORIZATION) {
            Some((StatusCode::BAD_REQUEST, "InvalidArgument"))
        } else if amazons.any(|name| name.starts_with("x-amz-") && !is_signed(name))
            || (request.method() == Method::PUT && !overwrites_nothing(headers))
            || parameter("X-Amz-Date").is_none_or(|date| age(date) > Some(MAX_SIGNATURE_AGE))
        {
            Some((StatusCode::FORBIDDEN, "AccessDenied"))
        } else {
            None
        };
    Ok(match refused {
        Some((status, code)) => {
            let body = format!("<Error><Code>{code}</Code></Error>");
            (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
        }
        None => next.run(request).await,
    })
}

fn overwrites_nothing(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_NONE_MATCH)
}

/// How many seconds ago a moment like `20130524T000000Z` was.
fn age(date: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hours, minutes, seconds) = (number(9..11)?, number(11..13)?, number(13..15)?);
    // Days since March of the year 0, which puts the leap day at the end of a year.
    let (years, months) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day;
    let days_since_1970 = days.checked_sub(719_469)?;
    let moment = ((days_since_1970 * 24 + hours) * 60 + minutes) * 60 + seconds;
    let Micros(now) = Clock::system().now();
    Some((now / 1_000_000).saturating_sub(moment))
}

/// The most keys in a page of a list.
const MAX_KEYS: i32 = 1000;

/// The ending of the names of files that have the headers of an object: its type, and in a second line its encoding.
const TYPE: &str = ".type";

/// The extension of the files of uploads in progress.
const PART: &str = "part";

/// The objects: files named by their keys, each with its headers in another file beside it.
struct Folder(PathBuf);

/// An object, with what S3 keeps of the headers of its upload.
struct StoredObject {
    file: File,
    size: u64,
    content_type: String,
    content_encoding: Option<String>,
}

impl Folder {
    /// The path of an object.
    fn path(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        let is_name =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if bucket != BUCKET {
            return Err(s3_error!(NoSuchBucket));
        }
        match key.split_once('/') {
            Some((prefix, name)) if is_name(prefix) && is_name(name) => {
                Ok(self.0.join(prefix).join(name))
            }
            _ => Err(s3_error!(NoSuchKey)),
        }
    }

    /// Opens an object.
    fn open(&self, bucket: &str, key: &str) -> S3Result<StoredObject> {
        let path = self.path(bucket, key)?;
        let file = File::open(&path).map_err(missing)?;
        let size = file.metadata().map_err(failed)?.len();
        let headers = fs::read_to_string(type_path(&path)).unwrap_or_default();
        let mut headers = headers.lines().map(str::to_owned);
        Ok(StoredObject {
            file,
            size,
            content_type: headers.next().unwrap_or_default(),
            content_encoding: headers.next(),
        })
    }
}

/// Where the headers of an object are.
fn type_path(path: &Path) -> PathBuf {
    path.with_extension(TYPE.trim_start_matches('.'))
}

/// S3 tells only those who may list the bucket that an object does not exist.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
fn missing(error: io::Error) -> S3Error {
    if error.kind() == ErrorKind::NotFound {
        s3_error!(AccessDenied)
    } else {
        failed(error)
    }
}

fn failed(error: io::Error) -> S3Error {
    S3Error::with_source(s3s::S3ErrorCode::InternalError, error.into())
}

/// Reads part of a file.
fn body(mut file: File, range: std::ops::Range<u64>) -> S3Result<StreamingBlob> {
    file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
    let mut part = file.take(range.end - range.start);
    let chunks = std::iter::from_fn(move || {
        let mut chunk = Vec::new();
        match part.by_ref().take(CHUNK).read_to_end(&mut chunk) {
            Ok(0) => None,
            Ok(_) => Some(Ok(Bytes::from(chunk))),
            Err(error) => Some(Err(error)),
        }
    });
    Ok(StreamingBlob::wrap(stream::iter(chunks)))
}

#[async_trait::async_trait]
impl S3 for Folder {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let path = self.path(&input.bucket, &input.key)?;
        let parent = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(parent).map_err(failed)?;
        let upload = PartialUpload(self.0.join(format!("{}.{PART}", Uuid::new_v4())));
        let mut file = File::create(&upload.0).map_err(failed)?;
        let mut hash = Sha256::new();
        if let Some(mut body) = input.body {
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|_| s3_error!(IncompleteBody))?;
                hash.update(&chunk);
                file.write_all(&chunk).map_err(failed)?;
            }
        }
        let sum = BASE64_STANDARD.encode(hash.finalize());
        if input
            .checksum_sha256
            .is_some_and(|expected| expected != sum)
        {
            return Err(s3_error!(BadDigest));
        }
        let headers = [input.content_type.unwrap_or_default()];
        let headers: Vec<_> = headers.into_iter().chain(input.content_encoding).collect();
        fs::write(type_path(&path), headers.join("\n")).map_err(failed)?;
        match fs::hard_link(&upload.0, &path) {
            Ok(()) => Ok(S3Response::new(PutObjectOutput::default())),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(s3_error!(PreconditionFailed))
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.open(&input.bucket, &input.key)?;
        let size = object.size;
        let range = input.range.map(|range| range.check(size)).transpose();
        let range = range.map_err(|_| s3_error!(InvalidRange))?;
        let content_range = range
            .as_ref()
            .map(|range| format!("bytes {}-{}/{size}", range.start, range.end - 1));
        let range = range.unwrap_or(0..size);
        let length = range.end - range.start;
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(body(object.file, range)?),
            cache_control: input.response_cache_control,
            content_disposition: input.response_content_disposition,
            content_encoding: input.response_content_encoding.or(object.content_encoding),
            content_length: Some(i64::try_from(length).unwrap_or(i64::MAX)),
            content_range,
            content_type: input.response_content_type.or(Some(object.content_type)),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let object = self.open(&input.bucket, &input.key)?;
        let metadata = object.file.metadata();
        let modified = metadata.and_then(|metadata| metadata.modified());
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(i64::try_from(object.size).unwrap_or(i64::MAX)),
            content_type: Some(object.content_type),
            content_encoding: object.content_encoding,
            last_modified: Some(modified.unwrap_or_else(|_| SystemTime::now()).into()),
            ..HeadObjectOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let prefix = input.prefix.unwrap_or_default();
        let mut keys = keys(&self.0).map_err(failed)?;
        keys.retain(|key| key.starts_with(&prefix));
        let after = input.continuation_token.unwrap_or_default();
        let rest = keys.partition_point(|key| *key <= after);
        let limit = usize::try_from(input.max_keys.unwrap_or(MAX_KEYS)).unwrap_or_default();
        let page = &keys[rest..keys.len().min(rest + limit)];
        let is_truncated = rest + page.len() < keys.len();
        let contents = page.iter().map(|key| Object {
            key: Some(key.clone()),
            ..Object::default()
        });
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents.collect()),
            is_truncated: Some(is_truncated),
            next_continuation_token: page.last().filter(|_| is_truncated).cloned(),
            ..ListObjectsV2Output::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        let path = self.path(&input.bucket, &input.key)?;
        for path in [type_path(&path), path] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
                _ => (),
            }
        }
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }
}

/// The file of an upload in progress, which is deleted in the end: an object is another link to it.
struct PartialUpload(PathBuf);

impl Drop for PartialUpload {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_bucket_that_listens_on_all_addresses_names_this_machine() {
        for (address, reached) in [
            ("0.0.0.0:3001", "127.0.0.1:3001"),
            ("[::]:3001", "[::1]:3001"),
            ("127.0.0.1:3001", "127.0.0.1:3001"),
            ("192.0.2.1:3001", "192.0.2.1:3001"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(reachable(address).to_string(), reached);
        }
    }

    #[test]
    fn the_age_of_a_signature_is_that_of_its_date() {
        let Micros(now) = Clock::system().now();
        // Friday, 24 May 2013 00:00:00 GMT; 29 February 2000 23:59:59 GMT
        for (date, moment) in [
            ("20130524T000000Z", 1_369_353_600),
            ("20000229T235959Z", 951_868_799),
        ] {
            let expected = now / 1_000_000 - moment;
            assert!(
                (expected..expected + 2).contains(&age(date).unwrap()),
                "{date}"
            );
        }
        for malformed in ["", "x", "20130524", "2013052\u{e4}T000000Z"] {
            assert_eq!(age(malformed), None, "{malformed}");
        }
    }
}
