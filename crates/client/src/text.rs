/// Returns whether logs and terminals show a character as it is: those that change the direction, hide or break a line are not
/// plain.
#[must_use]
pub fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || character.is_ascii_graphic() || character == ' '
}

/// Returns a text from the network in characters that logs and terminals show as they are.
#[must_use]
pub fn readable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let characters = text.chars().map(|character| if is_plain(character) { character } else { ' ' });
    characters.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_no_control_or_format_characters() {
        for (text, shown) in [
            (&b" a\r\nb\x1b[31m\xff\n"[..], "a  b [31m"),
            ("\u{e4}\u{202e}\u{65e5}\u{2028}!\u{200b}_".as_bytes(), "\u{e4} \u{65e5} ! _"),
        ] {
            assert_eq!(readable(text), shown);
        }
    }
}
