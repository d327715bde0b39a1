//! Links the kernel at its place in the higher half.
use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=linker.ld");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
        println!("cargo:rustc-link-arg=-T{}", folder.join("linker.ld").display());
        println!("cargo:rustc-link-arg=--no-pie");
        println!("cargo:rustc-link-arg=-znognustack");
    }
}
