//! What ships is inside the binary: rebuild when it changes.

fn main() {
    println!("cargo:rerun-if-changed=../../mappings");
    println!("cargo:rerun-if-changed=../../examples");
    println!("cargo:rerun-if-changed=../../schema/codes");
}
