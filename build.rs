//! Compiles proto/ into Rust, in pure Rust (protox), and writes the descriptor set that the
//! reflection service serves. Without the `net` feature there is nothing to do.

// A build that cannot go on has nobody to hand an error to.
#![allow(clippy::expect_used)]

fn main() {
    #[cfg(feature = "net")]
    compile_proto();
}

#[cfg(feature = "net")]
fn compile_proto() {
    use std::{env, fs, path::PathBuf};

    let files = ["replibank/v1/bank.proto", "replibank/v1/replication.proto", "replibank/v1/types.proto"];
    for file in files {
        println!("cargo:rerun-if-changed=proto/{file}");
    }
    let descriptors = protox::compile(files, ["proto"]).expect("proto/ compiles");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let bytes = protox::prost::Message::encode_to_vec(&descriptors);
    fs::write(out.join("descriptors.bin"), bytes).expect("OUT_DIR is writable");
    tonic_prost_build::configure().compile_fds(descriptors).expect("tonic compiles the descriptors");
}
