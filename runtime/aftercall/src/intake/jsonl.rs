//! Calls from a file or from standard input: one JSON object per line, whatever the size of the whole.
//!
//! Memory is one line. A line that cannot be read is given as such, with its number and the reason, and the next one follows.
//! Files that people have instead are read as well: a JSON list of objects, and objects written over several lines.

use std::io::{self, BufRead};

use serde_json::Value;
use serde_json::error::Category;

/// Longest line, or object of a list, that is taken.
pub const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// One line of the input, or one object of a list.
#[derive(Debug)]
pub struct Line {
    /// The line on which it begins, from 1.
    pub number: u64,
    /// Its bytes, without the line break; empty when the line was too long.
    pub body: Vec<u8>,
    /// The object. Errors: why there is none, as a sentence that quotes nothing of it.
    pub value: Result<Value, String>,
}

/// Reads objects one after the other.
///
/// Blank lines, a byte order mark and line breaks of either kind are passed over. After an error of the input itself, which
/// is given as the last line, nothing follows.
pub struct Lines<R> {
    input: R,
    /// The line that is being read.
    number: u64,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Nothing was read yet.
    Unknown,
    /// One object per line.
    Lines,
    /// `[`, objects with commas between, `]`.
    List,
    /// Objects over several lines, one after the other.
    Spread,
    /// Nothing more comes.
    Over,
}

impl<R: BufRead> Lines<R> {
    /// Reads from anything.
    pub fn new(input: R) -> Self {
        Self { input, number: 1, shape: Shape::Unknown }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn bump(&mut self, byte: u8) {
        self.input.consume(1);
        self.number += u64::from(byte == b'\n');
    }

    /// The next byte that is no space, still to be read.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(byte) if byte.is_ascii_whitespace() => self.bump(byte),
                other => return Ok(other),
            }
        }
    }

    /// Looks at the beginning. Gives what was read of the first line in doing so.
    fn recognise(&mut self) -> io::Result<Result<Vec<u8>, &'static str>> {
        match self.peek()? {
            Some(0xef) => {
                for expected in [0xef, 0xbb, 0xbf] {
                    if self.peek()? != Some(expected) {
                        return Ok(Err("this is no UTF-8 text"));
                    }
                    self.bump(expected);
                }
            }
            Some(0x1f) => return Ok(Err("this is a compressed file; unpack it first, as with `gzip -dc FILE | aftercall ... -`")),
            Some(0xfe | 0xff) => return Ok(Err("this is UTF-16; write it as UTF-8")),
            _ => {}
        }
        let mut read = Vec::new();
        self.shape = match self.skip_space()? {
            None => Shape::Over,
            Some(b'[') => {
                self.bump(b'[');
                Shape::List
            }
            Some(b'{') => {
                self.bump(b'{');
                read.push(b'{');
                loop {
                    match self.peek()? {
                        // Nothing but a brace: an object that is written over several lines.
                        Some(b'\n') | None => break Shape::Spread,
                        Some(byte @ (b' ' | b'\t' | b'\r')) if read.len() < 1024 => {
                            self.bump(byte);
                            read.push(byte);
                        }
                        Some(_) => break Shape::Lines,
                    }
                }
            }
            Some(_) => Shape::Lines,
        };
        Ok(Ok(read))
    }

    /// The rest of a line after `line`; `None` at the end of the input.
    fn line(&mut self, mut line: Vec<u8>) -> io::Result<Option<Line>> {
        loop {
            let number = self.number;
            let mut any = !line.is_empty();
            let mut length = line.len();
            loop {
                let buffer = match self.input.fill_buf() {
                    Ok(buffer) => buffer,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                any |= !buffer.is_empty();
                let end = buffer.iter().position(|b| *b == b'\n');
                let part = &buffer[..end.unwrap_or(buffer.len())];
                length += part.len();
                if length <= LONGEST_LINE {
                    line.extend_from_slice(part);
                } else {
                    line = Vec::new();
                }
                let read = part.len() + usize::from(end.is_some());
                self.input.consume(read);
                if end.is_some() || read == 0 {
                    self.number += u64::from(end.is_some());
                    break;
                }
            }
            if !any {
                return Ok(None);
            }
            if length > LONGEST_LINE {
                return Ok(Some(Line { number, body: Vec::new(), value: Err(too_long()) }));
            }
            if !line.trim_ascii().is_empty() {
                let body = line.trim_ascii().to_vec();
                let value = object(&body, true);
                return Ok(Some(Line { number, body, value }));
            }
            line.clear();
        }
    }

    /// The next object of a list or of several lines, after `body`; `None` at the end.
    fn object(&mut self, mut body: Vec<u8>) -> io::Result<Option<Line>> {
        let list = self.shape == Shape::List;
        if body.is_empty() {
            loop {
                match self.skip_space()? {
                    Some(b',') if list => self.bump(b','),
                    Some(b']') if list => {
                        self.bump(b']');
                        self.shape = Shape::Over;
                        let more = self.skip_space()?.is_some();
                        return Ok(more.then(|| self.complaint("something follows the list; what follows was not read")));
                    }
                    None if list => {
                        self.shape = Shape::Over;
                        return Ok(Some(self.complaint("the list is not closed with `]`: is the file cut off?")));
                    }
                    None => return Ok(None),
                    Some(_) => break,
                }
            }
        }
        let number = self.number;
        let (mut depth, mut quoted, mut escaped) = (body.iter().filter(|b| **b == b'{').count(), false, false);
        let mut length = body.len();
        loop {
            let Some(byte) = self.peek()? else {
                if depth == 0 && !quoted {
                    break;
                }
                self.shape = Shape::Over;
                let value = Err("this object is not closed: the input ends inside it".to_owned());
                return Ok(Some(Line { number, body, value }));
            };
            if depth == 0 && !quoted && length > 0 && (byte.is_ascii_whitespace() || byte == b',' || byte == b']') {
                break;
            }
            self.bump(byte);
            length += 1;
            if length <= LONGEST_LINE {
                body.push(byte);
            } else {
                body = Vec::new();
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => depth += 1,
                b'}' | b']' if !quoted => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        let value = if length > LONGEST_LINE { Err(too_long()) } else { object(&body, false) };
        Ok(Some(Line { number, body, value }))
    }

    fn complaint(&self, sentence: &str) -> Line {
        Line { number: self.number, body: Vec::new(), value: Err(sentence.to_owned()) }
    }

    fn step(&mut self) -> io::Result<Option<Line>> {
        let mut read = Vec::new();
        if self.shape == Shape::Unknown {
            match self.recognise()? {
                Ok(first) => read = first,
                Err(sentence) => {
                    self.shape = Shape::Over;
                    return Ok(Some(self.complaint(sentence)));
                }
            }
        }
        match self.shape {
            Shape::Unknown | Shape::Over => Ok(None),
            Shape::Lines => self.line(read),
            Shape::List | Shape::Spread => self.object(read),
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        match self.step() {
            Ok(line) => line,
            Err(error) => {
                self.shape = Shape::Over;
                Some(self.complaint(&format!("the input cannot be read any further: {error}")))
            }
        }
    }
}

fn too_long() -> String {
    format!("this is longer than {} MiB", LONGEST_LINE / 1024 / 1024)
}

/// Parses one object, and says what is wrong in terms of the line.
fn object(body: &[u8], on_one_line: bool) -> Result<Value, String> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(other) => Err(format!("this is {}, and not an object", word(&other))),
        Err(_) if on_one_line && body.ends_with(b"},") => {
            Err("a comma follows the object; one object per line stands by itself".to_owned())
        }
        Err(error) if on_one_line && error.classify() == Category::Eof => {
            Err("the line ends inside an object; one object per line is meant, as `jq -c . FILE` writes it".to_owned())
        }
        Err(error) => {
            // "expected value at line 1 column 5" without its end: what it says of place is relative to the object.
            let text = error.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            let place = if on_one_line {
                format!("column {}", error.column())
            } else {
                format!("line {} of it, column {}", error.line(), error.column())
            };
            Err(format!("this is no JSON: {what} ({place})"))
        }
    }
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
        Value::Null => "null",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Line numbers with what stands there: the value of `n`, or the complaint.
    fn read(input: &[u8]) -> Vec<(u64, String)> {
        // A small buffer, so that everything falls on a boundary once.
        let lines = Lines::new(BufReader::with_capacity(3, input));
        lines.map(|line| (line.number, line.value.map_or_else(|e| e, |v| v["n"].to_string()))).collect()
    }

    #[track_caller]
    fn check(input: &str, expected: &[(u64, &str)]) {
        let expected: Vec<(u64, String)> = expected.iter().map(|(number, text)| (*number, (*text).to_owned())).collect();
        assert_eq!(read(input.as_bytes()), expected);
    }

    #[test]
    fn lines() {
        check("", &[]);
        check(" \n\n", &[]);
        check("{\"n\":1}", &[(1, "1")]);
        check("\u{feff}{\"n\":1}\r\n\r\n  { \"n\" : 2 }\n", &[(1, "1"), (3, "2")]);
        check("\n{\"n\":\"a\\\"}\"}\n{}\n", &[(2, "\"a\\\"}\""), (3, "null")]);
    }

    #[test]
    fn a_bad_line_does_not_stop_the_others() {
        check(
            "{\"n\":1}\nnonsense\n{\"n\":2},\n[1]\n{\"n\":\n{\"n\":3}",
            &[
                (1, "1"),
                (2, "this is no JSON: expected ident (column 2)"),
                (3, "a comma follows the object; one object per line stands by itself"),
                (4, "this is a list, and not an object"),
                (5, "the line ends inside an object; one object per line is meant, as `jq -c . FILE` writes it"),
                (6, "3"),
            ],
        );
    }

    #[test]
    fn lists_and_objects_over_several_lines() {
        check("[{\"n\":1},{\"n\":[2,{}]}]", &[(1, "1"), (1, "[2,{}]")]);
        check(
            "[\n  {\n    \"n\": \"]}\"\n  },\n  5,\n  {\"n\": 2}\n]\n",
            &[(2, "\"]}\""), (5, "this is a number, and not an object"), (6, "2")],
        );
        check("{\n \"n\": 1\n}\n{\n \"n\": 2\n}\n", &[(1, "1"), (4, "2")]);
        check("[]", &[]);
        check("[{\"n\":1}", &[(1, "1"), (1, "the list is not closed with `]`: is the file cut off?")]);
        check("[{\"n\":1},\n{\"n\":", &[(1, "1"), (2, "this object is not closed: the input ends inside it")]);
        check("[{\"n\":1}]\n{}", &[(1, "1"), (2, "something follows the list; what follows was not read")]);
        check("[{\"n\" 1},{\"n\":2}]", &[(1, "this is no JSON: expected `:` (line 1 of it, column 6)"), (1, "2")]);
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        assert_eq!(read(b"\x1f\x8b\x08")[0].1.split(';').next(), Some("this is a compressed file"));
        assert_eq!(read(b"\xff\xfe{\x00").len(), 1);
        assert_eq!(read(b"{\"n\":\"\xff\"}\n{\"n\":2}").len(), 2);
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let long = io::repeat(b'x').take(LONGEST_LINE as u64 + 1);
        let input = BufReader::new((&b"{\"n\":1}\n{\"n\":\""[..]).chain(long).chain(&b"\"}\n{\"n\":3}\n"[..]));
        let found: Vec<(u64, bool)> = Lines::new(input).map(|line| (line.number, line.value.is_ok())).collect();
        assert_eq!(found, [(1, true), (2, false), (3, true)]);
    }

    #[test]
    fn an_input_that_breaks_is_the_end() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let input = BufReader::new((&b"{\"n\":1}\n"[..]).chain(Broken));
        let found: Vec<Result<Value, String>> = Lines::new(input).map(|line| line.value).collect();
        assert_eq!(found, [Ok(json!({"n": 1})), Err("the input cannot be read any further: the disk is gone".to_owned())]);
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(input in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'['), Just(b'"'), Just(b'\n'), Just(b','), Just(b'}'), Just(b']'), any::<u8>()], 0..200)) {
            let lines = read(&input).len();
            prop_assert!(lines <= input.len() + 1);
        }

        #[test]
        fn objects_come_out_as_they_went_in(numbers in proptest::collection::vec(any::<u32>(), 1..20), pretty in any::<bool>()) {
            let values: Vec<Value> = numbers.iter().map(|n| json!({"n": n, "s": "a\n\"}"})).collect();
            let list = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) }.expect("JSON");
            let lines = values.iter().map(|v| if pretty { format!("{v:#}\n") } else { format!("{v}\n") }).collect::<String>();
            for text in [list, lines] {
                let found: Vec<Value> = Lines::new(text.as_bytes()).map(|line| line.value.expect("an object")).collect();
                prop_assert_eq!(&found, &values);
            }
        }
    }
}
