//! The operations on attachments.

mod attach;
mod create;
mod delete;
mod get;
mod list;
mod remove_file;

pub use create::CreatedAttachment;
pub use get::AttachmentWithDownload;
