//! Which characters texts, and the names and labels that lists show, may consist of.
//! [UAX #44](https://www.unicode.org/reports/tr44/) defines the properties.

use unicode_normalization::char::{
    canonical_combining_class, compose, decompose_canonical, is_public_assigned,
};

/// Why a text is not a name or a label.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidLine {
    /// Nobody would see it.
    #[error("must not be empty, or only white space or invisible characters")]
    Invisible,
    /// It is too long.
    #[error("must be at most {max} characters, was {len}")]
    TooLong {
        /// The most characters.
        max: usize,
        /// Its length in characters, in Unicode NFC.
        len: usize,
    },
    /// It contains a character that is not allowed.
    #[error(
        "must not contain U+{code:04X}: control characters, line breaks, bidirectional overrides and isolates, private-use and unassigned characters are not allowed",
        code = u32::from(*.0)
    )]
    Character(char),
}

/// Returns the text in Unicode NFC if it can be shown in one line without affecting what is next to it.
pub fn parse_line(text: &str, max: usize) -> Result<String, InvalidLine> {
    let line = to_nfc(text);
    let len = line.chars().count();
    if len > max {
        Err(InvalidLine::TooLong { max, len })
    } else if let Some(char) = line.chars().find(|&char| !is_allowed_in_line(char)) {
        Err(InvalidLine::Character(char))
    } else if is_invisible(&line) {
        Err(InvalidLine::Invisible)
    } else {
        Ok(line)
    }
}

/// Normalization Form C: decomposes, sorts combining characters, and composes.
/// [UAX #15](https://www.unicode.org/reports/tr15/)
///
/// The crate's own iterator would add the tables of the other forms: 30 KB to the package of a function.
fn to_nfc(text: &str) -> String {
    let mut decomposed = Vec::with_capacity(text.len());
    for char in text.chars() {
        decompose_canonical(char, |char| {
            decomposed.push((canonical_combining_class(char), char));
        });
    }
    for run in decomposed.chunk_by_mut(|_, (class, _)| *class != 0) {
        run.sort_by_key(|(class, _)| *class);
    }
    let mut composed: Vec<char> = Vec::with_capacity(decomposed.len());
    let mut starter = None;
    let mut previous_class = None;
    for (class, char) in decomposed {
        let is_blocked = previous_class.is_some_and(|previous| previous >= class);
        if let Some(index) = starter.filter(|_| !is_blocked)
            && let Some(composite) = compose(composed[index], char)
        {
            composed[index] = composite;
            continue;
        }
        if class == 0 {
            starter = Some(composed.len());
            previous_class = None;
        } else {
            previous_class = Some(class);
        }
        composed.push(char);
    }
    composed.into_iter().collect()
}

/// Whether nothing of a text is visible.
pub fn is_invisible(text: &str) -> bool {
    text.chars()
        .all(|char| char.is_whitespace() || char.is_control() || is_ignorable(char))
}

/// What is unassigned depends on the Unicode version of the crate.
fn is_allowed_in_line(char: char) -> bool {
    let is_separator = matches!(char, '\u{2028}' | '\u{2029}');
    let is_bidi_control = matches!(char, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    is_public_assigned(char) && !char.is_control() && !is_separator && !is_bidi_control
}

/// The property `Default_Ignorable_Code_Point`, and the other characters without a glyph: interlinear
/// annotations and the blank Braille pattern.
fn is_ignorable(char: char) -> bool {
    matches!(
        char,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::{UnicodeNormalization, is_nfc};

    use super::*;

    #[test]
    fn lines_of_many_languages_are_kept() {
        for line in [
            "Family",
            " ü ",
            "家族",
            "משפחה",
            "می\u{200C}خواهم",
            "👩\u{200D}👩\u{200D}👧 ❤\u{FE0F}",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            "\u{200E}abc",
        ] {
            assert_eq!(parse_line(line, 100).as_deref(), Ok(line));
        }
    }

    #[test]
    fn a_character_that_affects_its_surroundings_or_has_no_meaning_is_not_allowed() {
        for char in [
            '\0',
            '\n',
            '\t',
            '\u{7F}',
            '\u{85}',
            '\u{2028}',
            '\u{2029}',
            '\u{202A}',
            '\u{202E}',
            '\u{2066}',
            '\u{2069}',
            '\u{E000}',
            '\u{378}',
            '\u{FFFE}',
            '\u{10FFFF}',
        ] {
            let line = format!("a{char}b");
            assert_eq!(parse_line(&line, 100), Err(InvalidLine::Character(char)));
        }
    }

    #[test]
    fn an_invisible_text_has_no_visible_character() {
        for text in [
            "",
            " ",
            "\u{3000}\n",
            "\0",
            "\u{200B}",
            "\u{2060}\u{FEFF} \u{AD}",
            "\u{3164}",
            "\u{2800}",
            "\u{FE0F}",
            "\u{202E}",
            "\u{E0041}",
        ] {
            assert!(is_invisible(text), "{text:?}");
            assert!(!is_invisible(&format!("{text}a")), "{text:?}");
        }
    }

    #[test]
    fn a_line_is_counted_in_nfc() {
        assert_eq!(parse_line(&"e\u{301}".repeat(3), 3).as_deref(), Ok("ééé"));
        let too_long = InvalidLine::TooLong { max: 3, len: 4 };
        assert_eq!(parse_line("aaaa", 3), Err(too_long));
    }

    #[test]
    fn hangul_and_blocked_combining_characters_are_composed_as_the_standard_says() {
        for text in [
            "\u{1112}\u{1161}\u{11AB}",
            "a\u{323}\u{307}",
            "a\u{307}\u{323}",
            "a\u{315}\u{300}\u{5AE}\u{300}b",
            "\u{301}e",
            "\u{1100}\u{300}\u{1161}",
            "\u{9C7}\u{9BE}",
            "\u{958}\u{212B}\u{1D15E}\u{FB1D}",
        ] {
            assert_eq!(to_nfc(text), text.nfc().collect::<String>(), "{text:?}");
        }
    }

    /// Letters and combining characters that compose, in any order, besides other characters.
    fn composing() -> impl Strategy<Value = String> {
        let char = prop_oneof![
            prop::sample::select(
                "aeo\u{300}\u{301}\u{323}\u{327}\u{345}ᄀ가\u{1161}\u{11A8}é\u{1E69}"
                    .chars()
                    .collect::<Vec<_>>()
            ),
            any::<char>(),
        ];
        prop::collection::vec(char, 0..12).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn composing_is_what_the_crate_does(text in composing()) {
            prop_assert_eq!(to_nfc(&text), text.nfc().collect::<String>());
        }

        #[test]
        fn a_line_is_in_nfc_and_parsed_to_itself(text in composing()) {
            if let Ok(line) = parse_line(&text, 100) {
                prop_assert!(is_nfc(&line));
                prop_assert_eq!(parse_line(&line, 100), Ok(line));
            }
        }

        #[test]
        fn canonically_equivalent_texts_are_the_same_line(text in composing()) {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(parse_line(&decomposed, 100), parse_line(&text, 100));
        }
    }
}
