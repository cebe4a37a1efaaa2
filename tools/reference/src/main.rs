//! `cargo reference`: writes `docs/endpoints.md` from `docs/openapi.yaml`.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let contract = fs::read_to_string(docs.join("openapi.yaml"))?;
    fs::write(
        docs.join("endpoints.md"),
        reference::endpoints_md(&contract)?,
    )?;
    Ok(())
}
