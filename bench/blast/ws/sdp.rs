use std::fmt::Write;
use std::iter::repeat_with;

/// Number of descriptions. Those of one announce differ, as it has fewer offers.
pub(crate) const DESCRIPTIONS: u8 = 64;

/// Descriptions of sessions as browsers write them for a data channel (JSEP), as JSON objects of 1 to 2 KB. The same
/// seed makes the same ones.
#[derive(Debug)]
pub(crate) struct Descriptions {
    pub(crate) offers: Vec<String>,
    pub(crate) answers: Vec<String>,
}

impl Descriptions {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut all = |kind: &str, setup: &str| {
            let one = || {
                let sdp = sdp(setup, &mut rng).replace('\n', r"\r\n");
                format!(r#"{{"type":"{kind}","sdp":"{sdp}"}}"#)
            };
            repeat_with(one).take(DESCRIPTIONS.into()).collect()
        };
        Self { offers: all("offer", "actpass"), answers: all("answer", "active") }
    }
}

/// Returns a description with as many candidates as its random length has room for.
fn sdp(setup: &str, rng: &mut fastrand::Rng) -> String {
    let letters = |count, rng: &mut fastrand::Rng| -> String {
        repeat_with(|| rng.alphanumeric()).take(count).collect()
    };
    let bytes: Vec<String> = repeat_with(|| format!("{:02X}", rng.u8(..))).take(32).collect();
    let end = format!(
        "a=ice-ufrag:{}\na=ice-pwd:{}\na=ice-options:trickle\na=fingerprint:sha-256 {}\na=setup:{setup}\na=mid:0\n\
         a=sctp-port:5000\na=max-message-size:262144\n",
        letters(4, rng),
        letters(24, rng),
        bytes.join(":"),
    );
    let mut text = format!(
        "v=0\no=- {} 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0\na=extmap-allow-mixed\na=msid-semantic: WMS\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\n",
        rng.u64(1 << 62..1 << 63),
    );
    let bytes_wanted = rng.usize(1000..1750);
    while text.len() + end.len() < bytes_wanted {
        let [a, b, c, d] = rng.u32(..).to_be_bytes();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "a=candidate:{} 1 udp {} {a}.{b}.{c}.{d} {} typ host generation 0 network-id 1 network-cost 50",
            rng.u32(..),
            rng.u32(..),
            rng.u16(1024..),
        );
    }
    text.push_str(&end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_json_of_1_to_2_kb() {
        let Descriptions { offers, answers } = Descriptions::new(1);
        for (kind, text) in
            offers.iter().map(|text| ("offer", text)).chain(answers.iter().map(|text| ("answer", text)))
        {
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(value["type"], kind);
            assert!(value["sdp"].as_str().is_some_and(|sdp| sdp.ends_with("\r\n")), "{text}");
            assert!((1024..=2048).contains(&text.len()), "{}", text.len());
        }
    }
}
