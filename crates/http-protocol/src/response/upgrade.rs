use super::OutOfRoom;
use crate::bencode::Writer;
use core::ops::Range;

const BEFORE_ACCEPT: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";

/// Writes the response that opens a WebSocket (RFC 6455, 4.2.2) and returns its range in `out`.
pub fn write_upgrade(out: &mut [u8], accept: &[u8]) -> Result<Range<usize>, OutOfRoom> {
    let mut writer = Writer::new(out);
    writer.literal(BEFORE_ACCEPT);
    writer.put(accept);
    writer.literal("\r\n\r\n");
    Ok(0..writer.written().ok_or(OutOfRoom)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_names_the_protocol_and_proves_that_the_key_was_read() {
        let mut out = [0; 256];
        let written = write_upgrade(&mut out, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").unwrap();
        let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert_eq!(str::from_utf8(&out[written]), Ok(expected));
        assert_eq!(write_upgrade(&mut out[..100], b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), Err(OutOfRoom));
    }
}
