//! Signed URLs: requests whose signature is in the query string.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use lambda_http::http;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, Result};
use crate::time::Micros;

/// What is encoded in a query string that is signed: all but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request to be signed.
pub struct Presigned<'a> {
    pub method: &'a str,
    /// The headers that must be sent like this, besides `Host`.
    pub headers: &'a [(&'a str, &'a str)],
    pub query: &'a [(&'a str, &'a str)],
    /// From now on.
    pub valid_for: Duration,
}

impl Presigned<'_> {
    /// Signs the request to this URL, which has no query. Needs no call.
    pub fn sign(
        self,
        url: &str,
        region: &str,
        credentials: Credentials,
        now: Micros,
    ) -> Result<String> {
        let query = self.query.iter();
        let query = query.map(|(name, value)| format!("{name}={}", encode(value)));
        let query: Vec<_> = query.collect();
        let url = format!("{url}?{}", query.join("&"));
        let url = url.trim_end_matches('?');
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(self.valid_for);
        // As S3 needs it: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.excluded_headers = None;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("s3")
            .time(SystemTime::UNIX_EPOCH + Duration::from_micros(now.0))
            .settings(settings);
        let params = params.build().map_err(Error::internal)?.into();
        let headers = self.headers.iter().copied();
        let body = SignableBody::UnsignedPayload;
        let request = SignableRequest::new(self.method, url, headers, body);
        let signed = sign(request.map_err(Error::internal)?, &params);
        let (instructions, _) = signed.map_err(Error::internal)?.into_parts();
        let mut request = http::Request::get(url).body(()).map_err(Error::internal)?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }
}

fn encode(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the documentation of S3.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    #[test]
    fn the_documented_example_has_the_documented_signature() {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "test",
        );
        let request = Presigned {
            method: "GET",
            headers: &[],
            query: &[],
            valid_for: Duration::from_hours(24),
        };
        // Friday, 24 May 2013 00:00:00 GMT
        let now = Micros(1_369_353_600_000_000);
        let url = "https://examplebucket.s3.amazonaws.com/test.txt";
        let signed = request.sign(url, "us-east-1", credentials, now).unwrap();
        let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(
            signed.contains(&format!("X-Amz-Signature={signature}")),
            "{signed}"
        );
    }
}
