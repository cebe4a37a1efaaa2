//! How S3 sends a file to a browser: as a download under its name, and with a type that no browser runs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in `filename*`: all but the `attr-char` of <https://www.rfc-editor.org/rfc/rfc8187#section-3.2.1>.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The value of `Content-Disposition`: the name in ASCII for old clients, and as it is.
/// <https://www.rfc-editor.org/rfc/rfc6266>
pub fn content_disposition(filename: &str) -> String {
    let is_plain = |char: char| (' '..='~').contains(&char) && !"\"\\%".contains(char);
    let plain = filename.chars();
    let plain: String = plain
        .map(|char| if is_plain(char) { char } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(filename, ENCODED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// The type that S3 sends: that of an image, audio, video, PDF or plain text. HTML, SVG and other XML could contain
/// scripts, so they are only bytes, like everything else.
pub fn displayed_type(file_type: &str) -> &str {
    let is_displayed = match file_type.split_once('/') {
        Some(("image", subtype)) => !subtype.ends_with("xml"),
        Some(("audio" | "video", _) | ("application", "pdf") | ("text", "plain")) => true,
        _ => false,
    };
    if is_displayed {
        file_type
    } else {
        "application/octet-stream"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filename_cannot_break_out_of_the_header() {
        for (filename, expected) in [
            (
                "house.jpg",
                "attachment; filename=\"house.jpg\"; filename*=UTF-8''house.jpg",
            ),
            (
                "a\"b.svg",
                "attachment; filename=\"a_b.svg\"; filename*=UTF-8''a%22b.svg",
            ),
            (
                "€ 5;.html",
                "attachment; filename=\"_ 5;.html\"; filename*=UTF-8''%E2%82%AC%205%3B.html",
            ),
            (
                ".htaccess",
                "attachment; filename=\".htaccess\"; filename*=UTF-8''.htaccess",
            ),
            (
                "100%.txt",
                "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt",
            ),
        ] {
            assert_eq!(content_disposition(filename), expected);
        }
    }

    #[test]
    fn a_type_that_can_contain_scripts_is_sent_as_bytes() {
        for (file_type, displayed) in [
            ("image/jpeg", "image/jpeg"),
            ("audio/mpeg", "audio/mpeg"),
            ("video/mp4", "video/mp4"),
            ("application/pdf", "application/pdf"),
            ("text/plain", "text/plain"),
            ("image/svg+xml", "application/octet-stream"),
            ("text/html", "application/octet-stream"),
            ("text/xml", "application/octet-stream"),
            ("application/xhtml+xml", "application/octet-stream"),
            ("text/javascript", "application/octet-stream"),
            ("application/zip", "application/octet-stream"),
        ] {
            assert_eq!(displayed_type(file_type), displayed);
        }
    }
}
