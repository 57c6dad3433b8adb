//! Being let in, against a local token endpoint.
