//! The tokens of the management API.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error;

use crate::limits::{
    API_LABEL_CHARACTERS_MAX, API_TOKEN_CHARACTERS_MAX, API_TOKEN_CHARACTERS_MIN, API_TOKENS_MAX,
};
use crate::values::{Fault, Json, Value, Written};

/// The text that is shown in place of a token.
const SHOWN: &str = "(secret)";

/// The suffix, after a dot, of the label of a token that may change nothing.
const READ_ONLY: &str = "read-only";

/// A secret that grants access to the management API. It has no printed form.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: Box<str>,
    rights: TokenRights,
}

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRights {
    /// Everything.
    Full,
    /// Reading only.
    ReadOnly,
}

impl Token {
    /// Returns the secret. It must be compared in constant time and never shown.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns what the holder of the token may do.
    pub const fn rights(&self) -> TokenRights {
        self.rights
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({SHOWN})")
    }
}

/// Tokens with their labels, in the order of the labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(BTreeMap<Box<str>, Token>);

/// The fault of a list of tokens. No message shows a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokensError {
    #[error("the value (not shown) is not a table, expected tokens as label = token")]
    NoTable,
    #[error("the value (not shown) is not text, expected text in quotes")]
    NoText,
    #[error("expected tokens as label = token")]
    NoPair,
    #[error(
        "a label (not shown) is invalid, expected 1 to {API_LABEL_CHARACTERS_MAX} letters, digits, `_` or `-`, \
         followed by `.{READ_ONLY}` if the token may change nothing"
    )]
    Label,
    #[error(
        "the token of {label} has {characters} characters, \
         expected {API_TOKEN_CHARACTERS_MIN} to {API_TOKEN_CHARACTERS_MAX}"
    )]
    Length { label: Box<str>, characters: usize },
    #[error(
        "the token of {0} has white space, a comma, a quote or a non-ASCII or unprintable character, expected none"
    )]
    Characters(Box<str>),
    #[error("the label {0} occurs twice, expected a different label for each token")]
    LabelTwice(Box<str>),
    #[error("there are more tokens than {API_TOKENS_MAX}, the maximum")]
    TooMany,
}

impl Tokens {
    /// Returns whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns each label with its token.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Token)> {
        self.0.iter().map(|(label, token)| (&**label, token))
    }

    /// Adds a token with its label, which may be followed by `.read-only`.
    fn add(&mut self, name: &str, token: &str) -> Result<(), TokensError> {
        let (label, rights) = match name.split_once('.') {
            None => (name, TokenRights::Full),
            Some((label, READ_ONLY)) => (label, TokenRights::ReadOnly),
            Some(_) => return Err(TokensError::Label),
        };
        if !is_label(label) {
            return Err(TokensError::Label);
        }
        check_token(label, token)?;
        if self.0.len() == API_TOKENS_MAX {
            return Err(TokensError::TooMany);
        }
        match self.0.insert(label.into(), Token { secret: token.into(), rights }) {
            None => Ok(()),
            Some(_) => Err(TokensError::LabelTwice(label.into())),
        }
    }

    /// Adds a token from `text`, which has the form `label = token`.
    pub(crate) fn add_pair(&mut self, text: &str) -> Result<(), TokensError> {
        let (label, token) = text.split_once('=').ok_or(TokensError::NoPair)?;
        self.add(label.trim(), token.trim())
    }
}

fn is_label(text: &str) -> bool {
    let is_of_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=API_LABEL_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(is_of_label)
}

fn check_token(label: &str, token: &str) -> Result<(), TokensError> {
    let characters = token.chars().count();
    if !(API_TOKEN_CHARACTERS_MIN..=API_TOKEN_CHARACTERS_MAX).contains(&characters) {
        return Err(TokensError::Length { label: label.into(), characters });
    }
    // A comma would split it in a variable, and quotes were probably put around it by mistake.
    let is_of_token = |byte: u8| byte.is_ascii_graphic() && !b",\"'".contains(&byte);
    if token.bytes().all(is_of_token) { Ok(()) } else { Err(TokensError::Characters(label.into())) }
}

/// The labels, with a placeholder for each token.
impl Written for Tokens {
    fn written(&self) -> Json {
        let label = |(label, token): (&str, &Token)| match token.rights {
            TokenRights::Full => (label.to_owned(), SHOWN),
            TokenRights::ReadOnly => (format!("{label}.{READ_ONLY}"), SHOWN),
        };
        self.iter().map(label).collect()
    }
}

/// A placeholder for the token, if there is one.
impl Written for Option<Token> {
    fn written(&self) -> Json {
        self.as_ref().map_or("", |_| SHOWN).into()
    }
}

/// Reads a single token, or none from an empty text. A value that is refused is not shown.
pub(crate) fn token(value: &Value<'_>) -> Result<Option<Token>, Fault> {
    let secret = text(value).map_err(Fault::custom)?;
    if secret.is_empty() {
        return Ok(None);
    }
    check_token("this key", secret).map_err(Fault::custom)?;
    Ok(Some(Token { secret: secret.into(), rights: TokenRights::ReadOnly }))
}

/// Reads a table of tokens, or the pairs of a variable. A value of another type is not shown, since it may be a token.
pub(crate) fn tokens(value: &Value<'_>) -> Result<Tokens, Fault> {
    read(value).map_err(Fault::custom)
}

fn read(value: &Value<'_>) -> Result<Tokens, TokensError> {
    let mut tokens = Tokens::default();
    match value {
        Value::Table(table) => {
            for (label, value) in table {
                for (name, token) in named(label.get_ref(), value.get_ref())? {
                    tokens.add(&name, token)?;
                }
            }
        }
        Value::Array(pairs) => {
            for pair in pairs {
                tokens.add_pair(text(pair.get_ref())?)?;
            }
        }
        Value::String(pair) => tokens.add_pair(pair)?,
        _ => return Err(TokensError::NoTable),
    }
    Ok(tokens)
}

/// Returns the tokens of a label with their names: the label itself, or the label with a suffix.
fn named<'a>(label: &str, value: &'a Value<'_>) -> Result<Vec<(String, &'a str)>, TokensError> {
    match value {
        Value::Table(by_rights) => {
            let name = |rights: &str| format!("{label}.{rights}");
            by_rights
                .iter()
                .map(|(rights, token)| Ok((name(rights.get_ref()), text(token.get_ref())?)))
                .collect()
        }
        token => Ok(vec![(label.to_owned(), text(token)?)]),
    }
}

fn text<'a>(value: &'a Value<'_>) -> Result<&'a str, TokensError> {
    value.as_str().ok_or(TokensError::NoText)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{load_environment, load_text};

    const SECRET: &str = "hunter2hunter2+/=";

    fn load(tokens: &str) -> Vec<(String, String)> {
        pairs(&load_text(&format!("[api]\ntokens = {tokens}\n")).unwrap().api.tokens)
    }

    fn pairs(tokens: &Tokens) -> Vec<(String, String)> {
        tokens.iter().map(|(label, token)| (label.to_owned(), token.secret().to_owned())).collect()
    }

    fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(label, token)| (label.to_owned(), token.to_owned())).collect()
    }

    #[test]
    fn a_table_of_tokens_is_read_as_a_value_and_as_a_section() {
        let text = format!("{{ ops = \"{SECRET}\", \"Web-UI_2\" = \"{}\" }}", "x".repeat(16));
        let both = expected(&[("Web-UI_2", &"x".repeat(16)), ("ops", SECRET)]);
        assert_eq!(load(&text), both);
        let section = load_text(&format!("[api.tokens]\nops = \"{SECRET}\"\n")).unwrap();
        assert_eq!(pairs(&section.api.tokens), expected(&[("ops", SECRET)]));
        assert!(load("{}").is_empty());
    }

    #[test]
    fn a_variable_has_tokens_with_commas_between_them_or_as_in_a_file() {
        let other = "y".repeat(16);
        let table = format!("{{ ops = \"{SECRET}\", web = \"{other}\" }}");
        for value in [format!("ops={SECRET},web={other}"), format!(" ops = {SECRET} , web = {other} "), table]
        {
            let loaded = load_environment(&[("RINGTRACK_API_TOKENS", &value)]).unwrap();
            assert_eq!(pairs(&loaded.api.tokens), expected(&[("ops", SECRET), ("web", &other)]), "{value}");
        }
        let one = load_environment(&[("RINGTRACK_API_TOKENS", &format!("ops={SECRET}"))]).unwrap();
        assert_eq!(pairs(&one.api.tokens), expected(&[("ops", SECRET)]));
    }

    #[test]
    fn a_read_only_token_is_written_the_same_way_everywhere() {
        let other = "y".repeat(16);
        let section = format!("[api.tokens]\nops = \"{SECRET}\"\ngrafana.read-only = \"{other}\"\n");
        let table = format!("[api]\ntokens = {{ ops = \"{SECRET}\", grafana.read-only = \"{other}\" }}\n");
        let variable = format!("ops={SECRET}, grafana.read-only = {other}");
        for loaded in
            [load_text(&section), load_text(&table), load_environment(&[("RINGTRACK_API_TOKENS", &variable)])]
        {
            let configuration = loaded.unwrap();
            let tokens = &configuration.api.tokens;
            let rights: Vec<_> = tokens.iter().map(|(label, token)| (label, token.rights())).collect();
            assert_eq!(rights, [("grafana", TokenRights::ReadOnly), ("ops", TokenRights::Full)]);
            assert_eq!(pairs(tokens), expected(&[("grafana", &other), ("ops", SECRET)]));
            let shown = configuration.redacted()["api"]["tokens"].to_string();
            assert_eq!(shown, r#"{"grafana.read-only":"(secret)","ops":"(secret)"}"#);
        }
        let twice = format!("[\"ops={SECRET}\", \"ops.read-only={other}\"]");
        assert_refused_without_secret(&twice, &["the label ops occurs twice"], SECRET);
        for wrong in ["ops.readonly", "ops.read-only.x", ".read-only", "\"ops.\""] {
            let table = format!("{{ {wrong} = \"{SECRET}\" }}");
            assert_refused_without_secret(&table, &[], SECRET);
            let pair = format!("[\"{}={SECRET}\"]", wrong.trim_matches('"'));
            assert_refused_without_secret(&pair, &["1 to 64 letters", "followed by `.read-only`"], SECRET);
        }
    }

    #[test]
    fn a_token_has_16_to_256_characters_and_a_label_1_to_64() {
        for (label, token) in [(1, 16), (64, 256)] {
            let text = format!("{{ {} = \"{}\" }}", "a".repeat(label), "t".repeat(token));
            assert_eq!(load(&text).len(), 1);
        }
        for (token, characters) in [("t".repeat(15), 15), ("t".repeat(257), 257), (String::new(), 0)] {
            let parts = ["the token of ops has", &format!("{characters} characters, expected 16 to 256")];
            assert_refused_without_secret(&format!("{{ ops = \"{token}\" }}"), &parts, "ttt");
        }
        for label in ["\"\"", &"a".repeat(65), "\"a b\"", "\"\u{e4}\""] {
            let text = format!("{{ {label} = \"{SECRET}\" }}");
            assert_refused_without_secret(&text, &["1 to 64 letters"], SECRET);
        }
    }

    #[test]
    fn at_most_64_tokens_are_accepted() {
        let many = |count: usize| {
            let tokens: Vec<String> = (0..count).map(|n| format!("a{n} = \"{SECRET}\"")).collect();
            format!("{{ {} }}", tokens.join(", "))
        };
        assert_eq!(load(&many(64)).len(), 64);
        assert_refused_without_secret(&many(65), &["more tokens than 64"], SECRET);
    }

    #[track_caller]
    fn assert_refused_without_secret(tokens: &str, parts: &[&str], secret: &str) {
        let message = load_text(&format!("[api]\ntokens = {tokens}\n")).unwrap_err().to_string();
        assert!(message.contains(":2: "), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
        assert!(!message.contains(secret), "{message}");
    }

    #[test]
    fn a_value_that_is_not_a_table_of_tokens_is_refused_and_not_shown() {
        let twice = format!("[\"ops={SECRET}\", \"ops={SECRET}\"]");
        assert_refused_without_secret(&twice, &["the label ops occurs twice"], SECRET);
        assert_refused_without_secret(
            &format!("\"{SECRET}\"").replace('=', ""),
            &["label = token"],
            "hunter2",
        );
        for value in ["7351735173517351", "73517351735173517351", "7351735173517351.0", "true"] {
            assert_refused_without_secret(value, &["api.tokens", "label = token"], "7351");
            let table = format!("{{ ops = {value} }}");
            assert_refused_without_secret(&table, &["api.tokens", "text in quotes"], "7351");
        }
        for sign in [" ", ",", "'", "\u{e4}", "\\t"] {
            let table = format!("{{ ops = \"{SECRET}{sign}x\" }}");
            assert_refused_without_secret(&table, &["the token of ops has white space"], "hunter2");
        }
        for not_toml in [SECRET, &format!("{{ ops = {SECRET} }}"), &format!("{{ ops = \"{SECRET} }}")] {
            assert_refused_without_secret(not_toml, &["not valid TOML"], "hunter2");
        }
    }

    #[test]
    fn a_single_token_has_the_form_of_the_others_and_is_not_shown() {
        let load = |token: &str| load_text(&format!("[metrics]\ntoken = {token}\n"));
        let configuration = load(&format!("\"{SECRET}\"")).unwrap();
        assert_eq!(configuration.metrics.token.as_ref().unwrap().secret(), SECRET);
        assert_eq!(configuration.redacted()["metrics"]["token"], "(secret)");
        assert_eq!(load("\"\"").unwrap().metrics.token, None);
        for (wrong, part) in [
            ("\"hunter2\"", "metrics.token: the token of this key has 7 characters, expected 16 to 256"),
            ("\"hunter2 hunter2 hunter2\"", "has white space"),
            ("7351735173517351", "text in quotes"),
        ] {
            let message = load(wrong).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
            assert!(!message.contains("hunter2") && !message.contains("7351"), "{message}");
        }
    }

    #[test]
    fn a_refused_variable_is_not_shown() {
        for value in ["hunter2hunter2hunter2", "ops=hunter2", "ops=hunter2hunter2hunter2,hunter2", "7351"] {
            let error = load_environment(&[("RINGTRACK_API_TOKENS", value)]).unwrap_err().to_string();
            assert!(error.contains("RINGTRACK_API_TOKENS") && error.contains("api.tokens"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("7351"), "{error}");
        }
    }
}
