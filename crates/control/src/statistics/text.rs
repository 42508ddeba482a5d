//! Numbers and texts as the page shows them.

use std::fmt::{self, Display, Formatter};

/// A number with commas between groups of three digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thousands(pub(crate) u64);

/// A rate: with one digit after the point if it is small, otherwise rounded, with commas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate(pub(super) f64);

/// Seconds in the two largest units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uptime(pub(super) u64);

/// A text in which no character has a meaning in HTML.
#[derive(Debug, Clone, Copy)]
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Thousands {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.bytes().enumerate() {
            let comma = if index > 0 && (digits.len() - index).is_multiple_of(3) { "," } else { "" };
            write!(formatter, "{comma}{}", char::from(digit))?;
        }
        Ok(())
    }
}

impl Display for Rate {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < 99.95 {
            return write!(formatter, "{:.1}", self.0);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at least 99.95")]
        Thousands(self.0.round() as u64).fmt(formatter)
    }
}

impl Display for Uptime {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (minutes, hours, days) = (self.0 / 60, self.0 / 3600, self.0 / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(formatter, "{} s", self.0),
            (0, 0, _) => write!(formatter, "{minutes} min"),
            (0, _, _) => write!(formatter, "{hours} h {} min", minutes % 60),
            _ => write!(formatter, "{} d {} h", Thousands(days), hours % 24),
        }
    }
}

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                _ if character.is_control() => formatter.write_str("\u{fffd}")?,
                _ => write!(formatter, "{character}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        let thousands = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ];
        for (number, text) in thousands {
            assert_eq!(Thousands(number).to_string(), text);
        }
        for (rate, text) in
            [(0.0, "0.0"), (12.34, "12.3"), (99.94, "99.9"), (99.96, "100"), (12_345.6, "12,346")]
        {
            assert_eq!(Rate(rate).to_string(), text);
        }
        for (seconds, text) in [(59, "59 s"), (60, "1 min"), (3660, "1 h 1 min"), (90_000, "1 d 1 h")] {
            assert_eq!(Uptime(seconds).to_string(), text);
        }
    }

    #[test]
    fn nothing_in_a_text_has_a_meaning_in_html() {
        let escaped = Escaped("<b a=\"1\" c='2'>&\n\u{e4}").to_string();
        assert_eq!(escaped, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\u{fffd}\u{e4}");
    }
}
