//! Tells cargo to compile the shop again when there is another migration.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
