//! An image with nothing but busybox in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::program::Program;

/// Its name.
pub const NAME: &str = "tcptrace.test/busybox:1";

const BUSYBOX: Program = Program {
    name: "busybox",
    package: "busybox-static",
};

/// Makes it in a folder, as `docker save` writes images. It sleeps if nothing else is asked of it.
pub fn make(folder: &Path) -> PathBuf {
    let files = folder.join("files");
    fs::create_dir_all(files.join("bin")).expect("a folder");
    fs::create_dir_all(files.join("tmp")).expect("a folder");
    fs::create_dir_all(files.join("etc")).expect("a folder");
    fs::copy(BUSYBOX.path(), files.join("bin/busybox")).expect("busybox");
    let layer = folder.join("layer.tar");
    succeed(
        Command::new("tar")
            .arg("-C")
            .arg(&files)
            .arg("-cf")
            .arg(&layer)
            .arg("."),
    );
    let sum = Command::new("sha256sum")
        .arg(&layer)
        .output()
        .expect("sha256sum");
    let sum = String::from_utf8(sum.stdout).expect("UTF-8");
    let sum = sum.split(' ').next().expect("a checksum").to_owned();
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    };
    let config = serde_json::json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Cmd": ["/bin/busybox", "sleep", "600"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{sum}")] },
    });
    let manifest = serde_json::json!([
        { "Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"] }
    ]);
    fs::write(folder.join("config.json"), config.to_string()).expect("a file");
    fs::write(folder.join("manifest.json"), manifest.to_string()).expect("a file");
    let image = folder.join("image.tar");
    let parts = ["manifest.json", "config.json", "layer.tar"];
    succeed(
        Command::new("tar")
            .arg("-C")
            .arg(folder)
            .arg("-cf")
            .arg(&image)
            .args(parts),
    );
    image
}

/// Runs a command that must not fail.
pub fn succeed(command: &mut Command) -> String {
    let ran = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {}: {said}", ran.status);
    String::from_utf8_lossy(&ran.stdout).into_owned()
}
