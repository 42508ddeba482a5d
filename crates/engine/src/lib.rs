//! One core's decisions: connection ids, admission, routing, applying, encoding.
