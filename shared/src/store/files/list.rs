//! Listing the files of the bucket, which only operators may do.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

use std::time::Duration;

use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

use super::{Files, object_name, unexpected};
use crate::error::{Error, Result};
use crate::id::AttachmentId;

/// One page of the list.
#[derive(Default)]
struct Page {
    names: Vec<String>,
    /// Where the next page starts.
    next: Option<String>,
}

impl Files {
    /// The attachments of all files; files with other names are left out. A round trip per thousand.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if S3 is.
    pub(in crate::store) async fn list(&self, timeout: Duration) -> Result<Vec<AttachmentId>> {
        let mut ids = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut query = vec![("list-type", "2")];
            if let Some(token) = &next {
                query.insert(0, ("continuation-token", token));
            }
            let page = self.page(&query, timeout).await?;
            ids.extend(page.names.iter().filter_map(|name| attachment_of(name)));
            next = page.next;
            if next.is_none() {
                return Ok(ids);
            }
        }
    }

    /// Whether a file exists, also one that may not be read. One round trip.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if S3 is.
    pub(in crate::store) async fn is_listed(
        &self,
        id: AttachmentId,
        timeout: Duration,
    ) -> Result<bool> {
        let name = object_name(id);
        let query = [("list-type", "2"), ("max-keys", "1"), ("prefix", &name)];
        Ok(self.page(&query, timeout).await?.names.contains(&name))
    }

    async fn page(&self, query: &[(&str, &str)], timeout: Duration) -> Result<Page> {
        let url = format!("{}/", self.url);
        let response = self.send("GET", &url, query, timeout).await?;
        if response.status().as_u16() != 200 {
            return Err(unexpected("listing", response.status().as_u16()));
        }
        let body = ByteStream::new(response.into_body()).collect().await;
        let body = body.map_err(Error::internal)?.into_bytes();
        let body = str::from_utf8(&body).map_err(Error::internal)?;
        Page::parse(body).map_err(Error::internal)
    }
}

impl Page {
    fn parse(xml: &str) -> Result<Self, XmlDecodeError> {
        let mut document = Document::new(xml);
        let mut root = document.root_element()?;
        let mut page = Self::default();
        while let Some(mut element) = root.next_tag() {
            if element.start_el().matches("Contents") {
                page.names.extend(key_of(&mut element)?);
            } else if element.start_el().matches("NextContinuationToken") {
                page.next = Some(try_data(&mut element)?.into_owned());
            }
        }
        Ok(page)
    }
}

fn key_of(object: &mut ScopedDecoder<'_, '_>) -> Result<Option<String>, XmlDecodeError> {
    while let Some(mut element) = object.next_tag() {
        if element.start_el().matches("Key") {
            return Ok(Some(try_data(&mut element)?.into_owned()));
        }
    }
    Ok(None)
}

/// The attachment whose file has this name.
fn attachment_of(name: &str) -> Option<AttachmentId> {
    let (conversation, created_at) = name.split_once('/')?;
    format!("{created_at}{conversation}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_names_of_files_and_where_the_next_one_starts() {
        // As in S3's documentation.
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Name>bucket</Name><Prefix/><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>
              <IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcx/a=</NextContinuationToken>
              <Contents><ETag>&quot;70ee&quot;</ETag><Key>xgQQXg3hrtjh7AvZ/3AZ9WjjTF</Key><Size>5</Size></Contents>
              <Contents><Key>a &amp; b</Key><Size>5</Size></Contents>
            </ListBucketResult>"#;
        let page = Page::parse(xml).unwrap();
        assert_eq!(page.names, ["xgQQXg3hrtjh7AvZ/3AZ9WjjTF", "a & b"]);
        assert_eq!(page.next.as_deref(), Some("1ueGcx/a="));
        let ids: Vec<_> = page
            .names
            .iter()
            .filter_map(|name| attachment_of(name))
            .collect();
        assert_eq!(ids, ["3AZ9WjjTFxgQQXg3hrtjh7AvZ".parse().unwrap()]);
    }
}
