//! What the commands work on: a data file, a deployed stack, or the tables that the environment names.

use std::path::Path;

use local_stack::Error;
use local_stack::stack::Stack;
use shared::store::Admin;

/// A place with data, and how to name it to the operator.
pub struct Target {
    pub admin: Admin,
    /// What it is, for example "the stack citypay-messages (account 123456789012, region eu-west-1)".
    pub description: String,
    /// Whether it is on AWS, where backups exist.
    pub is_deployed: bool,
    /// Whether the bucket has the files of these tables alone. Tables that the environment names may have been restored,
    /// and then those that are in use have files there, too.
    pub owns_files: bool,
    /// Where it is, by name: the account, the region and the variables that the functions find their tables with.
    pub settings: Vec<(String, String)>,
    /// The URL of the API, as far as it is known.
    pub url: Option<String>,
}

impl Target {
    /// Opens a data file of `cargo dev`.
    pub async fn data_file(path: &Path) -> Result<Self, Error> {
        let stack = Stack::start(Some(path)).await?;
        Ok(Self {
            admin: Admin::new(stack.store),
            description: format!("the data file {}", path.display()),
            is_deployed: false,
            owns_files: true,
            settings: vec![("data".to_owned(), path.display().to_string())],
            url: Some("http://127.0.0.1:3000".to_owned()),
        })
    }
}
