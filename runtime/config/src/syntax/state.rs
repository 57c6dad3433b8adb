//! What is open at a place of a file: brackets and texts. A light reading that goes on where the parser gives up.

/// What is open at a byte: brackets of values, outermost first, and a text.
pub(super) struct State {
    pub(super) brackets: Vec<usize>,
    pub(super) string: Option<usize>,
}

impl State {
    pub(super) fn at(text: &str, end: usize) -> Self {
        let bytes = text.as_bytes();
        let mut state = Self { brackets: Vec::new(), string: None };
        let mut quote: (u8, usize) = (0, 0);
        let mut line_start = true;
        let mut at = 0;
        while at < end {
            let byte = bytes[at];
            let fresh = line_start;
            line_start = byte == b'\n' || (fresh && byte.is_ascii_whitespace());
            if state.string.is_some() {
                let closes = bytes[at..].starts_with(&[quote.0; 3][..quote.1]);
                if byte == b'\\' && quote.0 == b'"' {
                    at += 2;
                    continue;
                }
                if closes {
                    state.string = None;
                    at += quote.1;
                    continue;
                }
                if byte == b'\n' && quote.1 == 1 {
                    state.string = None;
                }
                at += 1;
                continue;
            }
            match byte {
                b'#' => {
                    at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at);
                    continue;
                }
                b'"' | b'\'' => {
                    quote = (byte, if bytes[at..].starts_with(&[byte; 3]) { 3 } else { 1 });
                    state.string = Some(at);
                    at += quote.1;
                    continue;
                }
                // A header ends with its line, whether it is closed or not.
                b'[' if fresh && state.brackets.is_empty() => {
                    at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at);
                    continue;
                }
                b'[' | b'{' => state.brackets.push(at),
                b']' | b'}' => {
                    state.brackets.pop();
                }
                _ => {}
            }
            at += 1;
        }
        state
    }
}
