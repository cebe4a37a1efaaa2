//! Pieces of Markdown.

/// A table whose last column has no title; nothing without rows.
pub fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = row(titles.iter().copied());
    table.push_str(&row(titles.iter().map(|_| "---")));
    for cells in rows {
        table.push_str(&row(cells.iter().map(String::as_str)));
    }
    table.push('\n');
    table
}

fn row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<_> = cells.map(cell).collect();
    format!("| {} |\n", cells.join(" | ")).replace("|  |", "| |")
}

fn cell(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

/// `` `a`, `b` ``
pub fn codes<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// A link to the section of an object: `[new attachment](#new-attachment)`.
pub fn link(schema: &str) -> String {
    let title = title(schema).to_lowercase();
    format!("[{title}](#{})", anchor(&title))
}

/// The title of the section of an object: `New attachment` for `NewAttachment`.
pub fn title(schema: &str) -> String {
    let mut title = String::new();
    for character in schema.chars() {
        if character.is_uppercase() && !title.is_empty() {
            title.push(' ');
            title.extend(character.to_lowercase());
        } else {
            title.push(character);
        }
    }
    title
}

/// The anchor of a section, as GitHub makes it.
pub fn anchor(title: &str) -> String {
    let title = title.to_lowercase().replace(' ', "-");
    title.replace(
        |character: char| !(character.is_alphanumeric() || "-_".contains(character)),
        "",
    )
}

/// The first sentence of a text, without the full stop.
pub fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let paragraph = paragraph.replace('\n', " ");
    let sentence = paragraph.split(". ").next().unwrap_or_default();
    sentence.trim_end_matches('.').to_owned()
}
