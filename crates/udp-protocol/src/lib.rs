//! BEP 15 datagrams: bytes to requests and responses to bytes.
