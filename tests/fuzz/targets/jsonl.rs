//! Files of calls. Reading ends, line numbers rise, and nothing depends on where a buffer ends.
#![no_main]

use std::io::BufReader;

use aftercall::intake::{Line, Lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = |buffer: usize| -> Vec<(u64, Vec<u8>, Result<serde_json::Value, String>)> {
        let lines = Lines::new(BufReader::with_capacity(buffer, bytes));
        lines.map(|Line { number, body, value }| (number, body, value)).collect()
    };
    let all = read(8192);
    assert!(all.len() <= bytes.len() + 1);
    assert!(all.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    assert_eq!(all, read(1));
});
