//! What runs in a control group: by its path, and by the files of container runtimes. The cases are in
//! tests/workloads: paths.toml, files.toml.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use tcptrace::{
    host::{RuntimeFiles, place_of},
    model::{Container, Pod, Runtime, Workload},
};
use tempfile::TempDir;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const UID: &str = "1c9ae2f4-0d5b-4c0e-9d3a-0b1f6b1f2a77";

/// Puts in what stands for an id and a uid.
fn filled(text: &str) -> String {
    text.replace("{id}", ID)
        .replace("{uid}", UID)
        .replace("{uid_}", &UID.replace('-', "_"))
}

fn filled_in(text: &Option<String>) -> Option<String> {
    text.as_deref().map(filled)
}

fn runtime(name: &Option<String>) -> Option<Runtime> {
    let name = name.as_deref()?;
    let found = Runtime::ALL.into_iter().find(|it| it.name() == name);
    Some(found.unwrap_or_else(|| panic!("{name} is no runtime")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paths {
    path: Vec<PathCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathCase {
    what: String,
    path: String,
    container: Option<String>,
    name: Option<String>,
    runtime: Option<String>,
    pod: Option<String>,
    unit: Option<String>,
    user: Option<u32>,
}

#[test]
fn a_path_tells_the_container_the_pod_and_the_unit() {
    let cases: Paths = toml::from_str(include_str!("workloads/paths.toml")).expect("cases");
    assert!(cases.path.len() > 50);
    for case in cases.path {
        let place = place_of(&filled(&case.path));
        let expected = Workload {
            container: filled_in(&case.container).map(|id| Container {
                id,
                name: filled_in(&case.name),
                image: None,
                runtime: runtime(&case.runtime),
            }),
            pod: filled_in(&case.pod).map(|uid| Pod {
                uid: Some(uid),
                ..Pod::default()
            }),
            unit: filled_in(&case.unit),
        };
        assert_eq!(place.workload, expected, "{}", case.what);
        assert_eq!(place.user, case.user, "{}", case.what);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    case: Vec<FileCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileCase {
    what: String,
    path: String,
    file: Vec<FileText>,
    /// No file tells of it.
    #[serde(default)]
    nothing: bool,
    name: Option<String>,
    image: Option<String>,
    runtime: Option<String>,
    namespace: Option<String>,
    pod: Option<String>,
    uid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    at: String,
    text: String,
}

fn write(root: &Path, at: &str, text: &str) -> PathBuf {
    let path = root.join(filled(at).trim_start_matches('/'));
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, filled(text)).expect("a file");
    path
}

#[test]
fn files_of_runtimes_tell_names_images_and_pods() {
    let cases: Files = toml::from_str(include_str!("workloads/files.toml")).expect("cases");
    for case in cases.case {
        let root = TempDir::new().expect("a folder");
        for file in &case.file {
            write(root.path(), &file.at, &file.text);
        }
        let place = place_of(&filled(&case.path));
        let found = RuntimeFiles::below(root.path()).more(&place);
        if case.nothing {
            assert_eq!(found, None, "{}", case.what);
            continue;
        }
        let found = found.unwrap_or_else(|| panic!("nothing was found: {}", case.what));
        let container = found.container.expect("a container");
        assert_eq!(container.id, ID, "{}", case.what);
        assert_eq!(container.name, filled_in(&case.name), "{}", case.what);
        assert_eq!(container.image, filled_in(&case.image), "{}", case.what);
        assert_eq!(container.runtime, runtime(&case.runtime), "{}", case.what);
        let pod = Pod {
            namespace: filled_in(&case.namespace),
            name: filled_in(&case.pod),
            uid: filled_in(&case.uid),
        };
        let pod = Some(pod).filter(|pod| *pod != Pod::default());
        assert_eq!(found.pod, pod, "{}", case.what);
        assert_eq!(found.unit, place.workload.unit, "{}", case.what);
    }
}

const DOCKER: &str = "/var/lib/docker/containers/{id}/config.v2.json";

/// What is found of a container of Docker.
fn docker(root: &Path) -> Option<Workload> {
    RuntimeFiles::below(root).more(&place_of(&filled("/docker/{id}")))
}

#[test]
fn a_folder_of_a_runtime_may_be_elsewhere_but_its_files_may_not() {
    let root = TempDir::new().expect("a folder");
    let text = r#"{"Name":"/web"}"#;
    let real = write(root.path(), "/data/containers/{id}/config.v2.json", text);
    fs::create_dir_all(root.path().join("var/lib")).expect("a folder");
    let link = root.path().join("var/lib/docker");
    symlink(root.path().join("data"), &link).expect("a link");
    assert!(docker(root.path()).is_some());
    // In place of the file, somebody puts a link to another one.
    let outside = root.path().join("outside.json");
    fs::rename(&real, &outside).expect("a file");
    symlink(&outside, &real).expect("a link");
    assert_eq!(docker(root.path()), None);
}

#[test]
fn what_is_no_file_or_too_large_is_not_read_and_nobody_waits() {
    let root = TempDir::new().expect("a folder");
    let path = write(root.path(), DOCKER, "");
    fs::remove_file(&path).expect("a file");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert_eq!(docker(root.path()), None);
    fs::remove_file(&path).expect("a pipe");
    fs::create_dir(&path).expect("a folder");
    assert_eq!(docker(root.path()), None);
    fs::remove_dir(&path).expect("a folder");
    let text = format!(r#"{{"Name":"/web"{}}}"#, " ".repeat(16 << 20));
    fs::write(&path, text).expect("a file");
    assert_eq!(docker(root.path()), None);
    fs::write(&path, r#"{"Name":"/web"}"#).expect("a file");
    assert!(docker(root.path()).is_some());
}

#[test]
fn names_are_not_longer_than_a_line_can_bear() {
    let root = TempDir::new().expect("a folder");
    let name = "x".repeat(100_000);
    let text = format!(r#"{{"Name":"/{name}","Config":{{"Image":"{name}"}}}}"#);
    write(root.path(), DOCKER, &text);
    let container = docker(root.path()).and_then(|it| it.container);
    let container = container.expect("a container");
    let length = |it: Option<String>| it.map(|it| it.chars().count());
    assert_eq!(length(container.name), Some(254));
    assert_eq!(length(container.image), Some(513));
}
