//! The bucket: the files of attachments, in S3. Only the functions that need it have one
//! ([`Store::with_files`]).
//!
//! Clients send files to S3 and get them from there with signed URLs (`presign`); a function never sees their bytes.
//! It asks S3 only whether a file has been uploaded, and deletes it. Those requests are signed the same way, and sent
//! over a connection pool of their own, which is opened by the first one.
//!
//! The name of an object is made of the two parts of the attachment's id: `<conversation>/<created at>`.

mod download;
mod list;
mod presign;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::Serialize;

use super::Store;
use super::dynamodb::connection::{self, Pool};
use super::dynamodb::retry::Backoff;
use crate::attachment::{NewFile, Sha256Sum};
use crate::error::{Cause, Error, Result};
use crate::id::{AttachmentId, MessageId};
use crate::log::Meter;
use crate::time::{Clock, Micros, Seconds};

use download::{content_disposition, displayed_type};
use presign::Presigned;

/// How long an upload can be begun.
const UPLOAD_VALID_FOR: Duration = Duration::from_mins(15);

/// How long a download can be begun.
const DOWNLOAD_VALID_FOR: Duration = Duration::from_mins(5);

/// How long a URL is valid that a function uses itself.
const OWN_VALID_FOR: Duration = Duration::from_mins(1);

/// How often a request is sent to S3.
const ATTEMPTS: usize = 3;

/// What requests cost in write units of DynamoDB: 5 and 0.40 USD per million, compared to 0.625.
/// <https://aws.amazon.com/s3/pricing/>
const UPLOAD_UNITS: u32 = 8;
const READ_UNITS: u32 = 1;

/// What a function does with a file, as IAM names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileAction {
    /// Uploading it.
    Put,
    /// Downloading it, or asking whether it exists.
    Get,
    /// Deleting it.
    Delete,
}

/// Called before each use of a file; an error prevents it.
pub type FileObserver = Arc<dyn Fn(FileAction) -> Result<(), Cause> + Send + Sync>;

/// Access to the bucket. Clones share their connections.
#[derive(Clone)]
pub struct Files {
    /// Of the bucket, without a slash at the end.
    url: Arc<str>,
    region: Arc<str>,
    credentials: SharedCredentialsProvider,
    pool: Arc<OnceLock<Pool>>,
    clock: Clock,
    observer: Option<FileObserver>,
}

/// How to upload a file: a request that the client sends to S3.
#[derive(Debug, Serialize)]
pub struct Upload {
    method: &'static str,
    url: String,
    headers: UploadHeaders,
    /// The upload must have begun by then.
    expires_at: Seconds,
}

/// The headers of an upload, besides `Content-Length`.
#[derive(Debug, Serialize)]
struct UploadHeaders {
    #[serde(rename = "Content-Type")]
    content_type: String,
    #[serde(rename = "If-None-Match")]
    if_none_match: &'static str,
    #[serde(
        rename = "x-amz-checksum-sha256",
        skip_serializing_if = "Option::is_none"
    )]
    checksum: Option<String>,
}

/// Where a file can be downloaded, by anyone who has the URL.
#[derive(Debug)]
pub struct Download {
    /// The URL.
    pub url: String,
    /// The download must have begun by then.
    pub expires_at: Seconds,
}

impl Files {
    /// The bucket that the environment of a function describes: `FILES_URL`, region and credentials.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing.
    pub fn from_env() -> Result<Self, Cause> {
        Ok(Self::new(
            &connection::variable("FILES_URL")?,
            &connection::variable("AWS_REGION")?,
            connection::credentials_from_env(),
        ))
    }

    /// The bucket at this URL.
    #[must_use]
    pub fn new(url: &str, region: &str, credentials: SharedCredentialsProvider) -> Self {
        Self {
            url: url.trim_end_matches('/').into(),
            region: region.into(),
            credentials,
            pool: Arc::default(),
            clock: Clock::system(),
            observer: None,
        }
    }

    /// The same bucket with an observer of what is done, for tests.
    #[must_use]
    pub fn with_observer(self, observer: FileObserver) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// The same bucket on a host with another clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Signs the upload of a file. S3 accepts exactly this size, this type and, if given, this checksum, and only
    /// while there is no file.
    pub(super) async fn upload(&self, id: AttachmentId, file: &NewFile) -> Result<Upload> {
        let now = self.clock.now();
        let headers = UploadHeaders {
            content_type: file.file_type.clone().into(),
            if_none_match: "*",
            checksum: file.sha256.as_ref().map(Sha256Sum::to_base64),
        };
        let length = file.file_size.bytes().to_string();
        let mut signed = vec![
            ("content-length", length.as_str()),
            ("content-type", &headers.content_type),
            ("if-none-match", headers.if_none_match),
        ];
        if let Some(checksum) = &headers.checksum {
            signed.push(("x-amz-checksum-sha256", checksum));
        }
        self.check(FileAction::Put)?;
        Meter::add_file_units(UPLOAD_UNITS);
        let method = "PUT";
        let request = Presigned {
            method,
            headers: &signed,
            query: &[],
            valid_for: UPLOAD_VALID_FOR,
        };
        Ok(Upload {
            method,
            url: self.presign(&self.object_url(id), request, now).await?,
            headers,
            expires_at: now.after(UPLOAD_VALID_FOR).into(),
        })
    }

    /// Signs the download of a file. Browsers save it under its name, and never run what is in it. They do not unpack
    /// it, either, whatever headers the upload had that are not signed.
    pub(super) async fn download(
        &self,
        id: AttachmentId,
        filename: &str,
        file_type: &str,
    ) -> Result<Download> {
        let now = self.clock.now();
        self.check(FileAction::Get)?;
        Meter::add_file_units(READ_UNITS);
        let disposition = content_disposition(filename);
        let request = Presigned {
            method: "GET",
            headers: &[],
            query: &[
                (
                    "response-cache-control",
                    "private, max-age=31536000, immutable",
                ),
                ("response-content-disposition", &disposition),
                ("response-content-encoding", "identity"),
                ("response-content-type", displayed_type(file_type)),
            ],
            valid_for: DOWNLOAD_VALID_FOR,
        };
        Ok(Download {
            url: self.presign(&self.object_url(id), request, now).await?,
            expires_at: now.after(DOWNLOAD_VALID_FOR).into(),
        })
    }

    /// Whether a file has been uploaded, and may be read. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if S3 is.
    pub(super) async fn exists(&self, id: AttachmentId, timeout: Duration) -> Result<bool> {
        self.check(FileAction::Get)?;
        Meter::add_file_units(READ_UNITS);
        let response = self
            .send("HEAD", &self.object_url(id), &[], timeout)
            .await?;
        match response.status().as_u16() {
            200 => Ok(true),
            // S3 returns 403 for a missing object unless the function may list the bucket.
            403 | 404 => Ok(false),
            status => Err(unexpected("HEAD", status)),
        }
    }

    /// Deletes a file, whether it exists or not. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if S3 is.
    pub(super) async fn delete(&self, id: AttachmentId, timeout: Duration) -> Result<()> {
        self.check(FileAction::Delete)?;
        let response = self
            .send("DELETE", &self.object_url(id), &[], timeout)
            .await?;
        match response.status().as_u16() {
            200 | 204 | 404 => Ok(()),
            status => Err(unexpected("DELETE", status)),
        }
    }

    /// The content of a file; none if there is no file, or if it may not be read. One round trip until it begins.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if S3 is.
    pub(super) async fn content(
        &self,
        id: AttachmentId,
        timeout: Duration,
    ) -> Result<Option<ByteStream>> {
        let response = self.send("GET", &self.object_url(id), &[], timeout).await?;
        match response.status().as_u16() {
            200 => Ok(Some(ByteStream::new(response.into_body()))),
            403 | 404 => Ok(None),
            status => Err(unexpected("GET", status)),
        }
    }

    fn check(&self, action: FileAction) -> Result<()> {
        let observer = self.observer.as_ref();
        observer.map_or(Ok(()), |observe| observe(action).map_err(Error::internal))
    }

    fn object_url(&self, id: AttachmentId) -> String {
        format!("{}/{}", self.url, object_name(id))
    }

    async fn presign(&self, url: &str, request: Presigned<'_>, now: Micros) -> Result<String> {
        let credentials = self.credentials.provide_credentials().await;
        let credentials = credentials.map_err(Error::internal)?;
        request.sign(url, &self.region, credentials, now)
    }

    /// Sends a request without a body, up to three times.
    async fn send(
        &self,
        method: &'static str,
        url: &str,
        query: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<HttpResponse> {
        let request = Presigned {
            method,
            headers: &[],
            query,
            valid_for: OWN_VALID_FOR,
        };
        let url = self.presign(url, request, self.clock.now()).await?;
        let pool = self.pool()?;
        let round_trip = Meter::file_call_started();
        let mut backoff = Backoff::default();
        let mut attempt = 1;
        let outcome = loop {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_method(method).map_err(Error::internal)?;
            request.set_uri(url.as_str()).map_err(Error::internal)?;
            let failure: Cause = match tokio::time::timeout(timeout, pool.call(request)).await {
                Ok(Ok(response)) if !is_temporary(response.status().as_u16()) => {
                    break Ok(response);
                }
                Ok(Ok(response)) => format!("S3 responded with {}", response.status()).into(),
                Ok(Err(error)) => error.into(),
                Err(timeout) => timeout.into(),
            };
            if attempt == ATTEMPTS {
                break Err(Error::Unavailable(failure));
            }
            attempt += 1;
            backoff.wait(failure).await?;
        };
        Meter::file_call_ended(round_trip);
        outcome
    }

    /// The connections, of which there are none before the first request.
    fn pool(&self) -> Result<&Pool> {
        if self.pool.get().is_none() {
            let pool = Pool::new(&self.url).map_err(Error::internal)?;
            return Ok(self.pool.get_or_init(|| pool));
        }
        self.pool.get().ok_or_else(|| Error::internal("no pool"))
    }
}

/// Without credentials.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The name of an attachment's object, without the bucket.
fn object_name(id: AttachmentId) -> String {
    format!(
        "{}/{}",
        id.conversation(),
        MessageId::prefix(id.created_at())
    )
}

/// Whether S3 may respond otherwise when the request is repeated.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn is_temporary(status: u16) -> bool {
    matches!(status, 409 | 429 | 500..)
}

fn unexpected(method: &str, status: u16) -> Error {
    Error::internal(format!("S3 responded to {method} with {status}"))
}

impl Store {
    /// The same store with a bucket, or without.
    #[must_use]
    pub fn with_files(self, files: impl Into<Option<Files>>) -> Self {
        Self {
            files: files.into(),
            ..self
        }
    }

    /// The bucket, if the store has one.
    #[must_use]
    pub fn files(&self) -> Option<&Files> {
        self.files.as_ref()
    }

    /// The bucket, which the function that calls this needs.
    pub(super) fn bucket(&self) -> Result<&Files> {
        let files = self.files.as_ref();
        files.ok_or_else(|| Error::internal("this function has no bucket"))
    }
}
