//! A file that is attached to a message: its name, type, size and checksum.

use serde::{Deserialize, Serialize, Serializer};

use crate::characters::{InvalidLine, parse_line};
use crate::id::{AttachmentId, MessageId};
use crate::origin;
use crate::time::Seconds;

/// The most attachments of a message. With an inbox entry for each of 90 participants, the message and its
/// idempotency key, they are the hundred items that a transaction can have.
pub const MAX_ATTACHMENTS: usize = 8;

/// An attachment as clients see it. Every key is always present.
#[derive(Clone, Debug, Serialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// The message that it was sent with; none until then.
    pub message_id: Option<MessageId>,
    /// The name of the file.
    pub filename: String,
    /// Where the file is.
    pub file_url: FileUrl,
    /// The media type of the file.
    pub file_type: String,
    /// The size of the file in bytes.
    pub file_size: u64,
    /// When its upload was begun.
    pub created_at: Seconds,
}

/// The URL that redirects to the file; without an origin outside of a request.
#[derive(Clone, Copy, Debug)]
pub struct FileUrl(pub AttachmentId);

impl Serialize for FileUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (origin, id) = (origin::current(), self.0);
        serializer.collect_str(&format_args!("{origin}/v1/attachments/{id}/file"))
    }
}

/// A file to be uploaded.
#[derive(Debug, Deserialize)]
pub struct NewFile {
    /// The name of the file.
    pub filename: Filename,
    /// The media type of the file.
    pub file_type: FileType,
    /// The size of the file.
    pub file_size: FileSize,
    /// The checksum of the file, if it is to be verified.
    pub sha256: Option<Sha256Sum>,
}

/// The name of a file: 1 to 255 bytes in one line, in Unicode NFC, without `/` and `\`, and not `.` or `..`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Filename(String);

impl Filename {
    /// The longest name, in bytes, as in most file systems.
    const MAX_LEN: usize = 255;
}

/// Why a text is not the name of a file.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFilename {
    /// It cannot be shown in one line.
    #[error(transparent)]
    Line(#[from] InvalidLine),
    /// It is longer than 255 bytes.
    #[error("must be at most {max} bytes of UTF-8, was {len}", max = Filename::MAX_LEN)]
    TooLong {
        /// Its length in bytes, in Unicode NFC.
        len: usize,
    },
    /// It contains a separator, or is `.` or `..`.
    #[error("must not contain / or \\, nor be . or ..: send the name without its folder")]
    Path,
}

impl TryFrom<String> for Filename {
    type Error = InvalidFilename;

    fn try_from(text: String) -> Result<Self, InvalidFilename> {
        let name = parse_line(&text, usize::MAX)?;
        if name.len() > Self::MAX_LEN {
            Err(InvalidFilename::TooLong { len: name.len() })
        } else if name.contains(['/', '\\']) || [".", ".."].contains(&name.as_str()) {
            Err(InvalidFilename::Path)
        } else {
            Ok(Self(name))
        }
    }
}

impl From<Filename> for String {
    fn from(name: Filename) -> Self {
        name.0
    }
}

/// A media type without parameters, `type/subtype`, in lower case.
/// <https://www.rfc-editor.org/rfc/rfc6838#section-4.2>
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct FileType(String);

impl FileType {
    /// The longest media type.
    const MAX_LEN: usize = 127;
}

impl Default for FileType {
    fn default() -> Self {
        Self("application/octet-stream".to_owned())
    }
}

/// The text is not a media type.
#[derive(Debug, thiserror::Error)]
#[error("must be a media type without parameters, such as image/jpeg, of at most {max} characters", max = FileType::MAX_LEN)]
pub struct InvalidFileType;

impl TryFrom<String> for FileType {
    type Error = InvalidFileType;

    fn try_from(text: String) -> Result<Self, InvalidFileType> {
        let is_name = |name: &str| {
            let first = name.bytes().next();
            first.is_some_and(|byte| byte.is_ascii_alphanumeric())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        match text.split_once('/') {
            Some((kind, subtype))
                if text.len() <= Self::MAX_LEN && is_name(kind) && is_name(subtype) =>
            {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err(InvalidFileType),
        }
    }
}

impl From<FileType> for String {
    fn from(file_type: FileType) -> Self {
        file_type.0
    }
}

/// The size of a file in bytes: at least 1, and at most what S3 takes in one upload.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u64")]
pub struct FileSize(u64);

impl FileSize {
    /// 5 GiB. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>
    pub const MAX: u64 = 5 * 1024 * 1024 * 1024;

    /// The size in bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// The number is not the size of a file.
#[derive(Debug, thiserror::Error)]
#[error("must be at least 1 byte, and at most what the deployment allows")]
pub struct InvalidFileSize;

impl TryFrom<u64> for FileSize {
    type Error = InvalidFileSize;

    fn try_from(bytes: u64) -> Result<Self, InvalidFileSize> {
        if (1..=Self::MAX).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(InvalidFileSize)
        }
    }
}

/// A SHA-256 checksum: 64 hexadecimal digits, as `sha256sum` prints them.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Sha256Sum([u8; 32]);

impl Sha256Sum {
    /// The checksum in base64, as S3 expects it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        aws_smithy_types::base64::encode(self.0)
    }
}

/// The text is not a SHA-256 checksum.
#[derive(Debug, thiserror::Error)]
#[error("must be 64 hexadecimal digits, as sha256sum prints them")]
pub struct InvalidSha256Sum;

impl TryFrom<String> for Sha256Sum {
    type Error = InvalidSha256Sum;

    fn try_from(text: String) -> Result<Self, InvalidSha256Sum> {
        let mut digest = [0; 32];
        match base16ct::mixed::decode(text, &mut digest) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(digest)),
            _ => Err(InvalidSha256Sum),
        }
    }
}

/// The attachments of a message to be sent, in the order in which it shows them: up to
/// [`MAX_ATTACHMENTS`], each once.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Vec<AttachmentId>")]
pub struct AttachmentIds(Vec<AttachmentId>);

impl AttachmentIds {
    /// The ids.
    #[must_use]
    pub fn as_slice(&self) -> &[AttachmentId] {
        &self.0
    }
}

/// Why a list is not one of attachments.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAttachmentIds {
    /// It is too long.
    #[error("must be at most {MAX_ATTACHMENTS} ids of attachments, were {count}")]
    Count {
        /// The number of ids.
        count: usize,
    },
    /// An attachment is in it twice.
    #[error("must not contain an attachment twice: {0}")]
    Repeated(AttachmentId),
}

impl TryFrom<Vec<AttachmentId>> for AttachmentIds {
    type Error = InvalidAttachmentIds;

    fn try_from(ids: Vec<AttachmentId>) -> Result<Self, InvalidAttachmentIds> {
        if ids.len() > MAX_ATTACHMENTS {
            return Err(InvalidAttachmentIds::Count { count: ids.len() });
        }
        let repeated = |index: &usize| ids[..*index].contains(&ids[*index]);
        match (0..ids.len()).find(repeated) {
            Some(index) => Err(InvalidAttachmentIds::Repeated(ids[index])),
            None => Ok(Self(ids)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filename_has_1_to_255_bytes_in_one_line_and_no_separators() {
        for (text, is_filename) in [
            ("house.jpg", true),
            (".htaccess", true),
            ("..a", true),
            ("a\"b;c=d%.svg", true),
            ("€ \u{1F600}.html", true),
            (&"a".repeat(255), true),
            (&"e\u{301}".repeat(127), true),
            ("", false),
            (" ", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a\\b", false),
            ("a\nb", false),
            ("a\0", false),
            ("photo\u{202E}gpj.exe", false),
            (&"a".repeat(256), false),
            (&"é".repeat(128), false),
        ] {
            let parsed = Filename::try_from(text.to_owned());
            assert_eq!(parsed.is_ok(), is_filename, "{text:?}");
        }
    }

    #[test]
    fn a_file_type_is_a_media_type_in_lower_case() {
        for (text, file_type) in [
            ("image/jpeg", Some("image/jpeg")),
            ("Image/SVG+XML", Some("image/svg+xml")),
            ("application/vnd.ms-excel", Some("application/vnd.ms-excel")),
            (
                &format!("a/{}", "b".repeat(125)),
                Some(&*format!("a/{}", "b".repeat(125))),
            ),
            ("", None),
            ("image", None),
            ("image/", None),
            ("/jpeg", None),
            ("image/jpeg/x", None),
            ("text/plain; charset=utf-8", None),
            ("*/*", None),
            ("image/jpeg\r\nx-amz-acl: public-read", None),
            (&format!("a/{}", "b".repeat(126)), None),
        ] {
            let parsed = FileType::try_from(text.to_owned()).ok().map(String::from);
            assert_eq!(parsed.as_deref(), file_type, "{text:?}");
        }
    }

    #[test]
    fn a_checksum_is_64_hexadecimal_digits_in_any_case() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for text in [empty, &empty.to_ascii_uppercase()] {
            let parsed = Sha256Sum::try_from(text.to_owned()).unwrap();
            assert_eq!(parsed.to_base64(), base64);
        }
        for text in [
            "",
            base64,
            &empty[1..],
            &format!("{empty}00"),
            &empty.replace('e', "g"),
        ] {
            assert!(Sha256Sum::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
