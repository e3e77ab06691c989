//! A pod of Kubernetes, by containerd's CRI: k8s.io/cri-api, pkg/apis/runtime/v1/api.proto.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use crate::{
    engine::{Engine, Room},
    image::{self, succeed},
    program::Program,
    protobuf::{Message, first_text},
    trace::Trace,
    visit,
};

const CONTAINERD: Program = Program {
    name: "containerd",
    package: "containerd",
};
const CTR: Program = Program {
    name: "ctr",
    package: "containerd",
};
const RUNC: Program = Program {
    name: "runc",
    package: "runc",
};
const CURL: Program = Program {
    name: "curl",
    package: "curl",
};
const UID: &str = "1c9ae2f4-0d5b-4c0e-9d3a-0b1f6b1f2a77";
/// NamespaceMode NODE: the network is containerd's own.
const NODE: u64 = 2;

/// containerd, and its socket.
struct Containerd {
    _engine: Engine,
    folder: PathBuf,
    socket: PathBuf,
}

impl Containerd {
    fn start(room: &Room) -> Self {
        RUNC.path();
        let socket = room.path("containerd.sock");
        let config = room.path("config.toml");
        let text = format!(
            r#"
version = 2
root = "{root}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{image}"
disable_apparmor = true
restrict_oom_score_adj = true
disable_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
"#,
            root = room.path("root").display(),
            socket = socket.display(),
            image = image::NAME,
        );
        fs::write(&config, text).expect("a file");
        let config = config.display().to_string();
        let path = socket.display().to_string();
        let engine = Engine::start(room, &CONTAINERD.path(), &["--config", &config], || {
            let version = Command::new(CTR.path())
                .args(["-a", &path, "version"])
                .output();
            version.is_ok_and(|it| it.status.success())
        });
        let image = image::make(room.folder.path());
        succeed(
            Command::new(CTR.path())
                .args([
                    "-a",
                    &path,
                    "-n",
                    "k8s.io",
                    "images",
                    "import",
                    "--snapshotter",
                    "native",
                ])
                .arg(image),
        );
        Self {
            _engine: engine,
            folder: room.folder.path().to_owned(),
            socket,
        }
    }

    /// Calls a method; its answer.
    fn call(&self, method: &str, request: Message) -> Vec<u8> {
        // gRPC: whether it is compressed, the length, and the message.
        let request = request.into_bytes();
        let mut framed = vec![0];
        framed.extend_from_slice(&(request.len() as u32).to_be_bytes());
        framed.extend_from_slice(&request);
        let file = |name: &str| self.folder.join(name);
        fs::write(file("request"), framed).expect("a file");
        let data = format!("@{}", file("request").display());
        succeed(
            Command::new(CURL.path())
                .args([
                    "--silent",
                    "--show-error",
                    "--http2-prior-knowledge",
                    "--unix-socket",
                ])
                .arg(&self.socket)
                .args(["-H", "content-type: application/grpc", "-H", "te: trailers"])
                .args(["--data-binary", &data, "--dump-header"])
                .arg(file("headers"))
                .arg("--output")
                .arg(file("answer"))
                .arg(format!(
                    "http://localhost/runtime.v1.RuntimeService/{method}"
                )),
        );
        let headers = fs::read_to_string(file("headers")).expect("headers");
        assert!(headers.contains("grpc-status: 0"), "{method}: {headers}");
        let answer = fs::read(file("answer")).expect("an answer");
        answer[5..].to_vec()
    }
}

fn pod(cgroup: &str) -> Message {
    let metadata = Message::new()
        .text(1, "cart-0")
        .text(2, UID)
        .text(3, "shop");
    let namespaces = Message::new().number(1, NODE);
    let security = Message::new().message(1, namespaces);
    let linux = Message::new().text(1, cgroup).message(2, security);
    Message::new().message(1, metadata).message(8, linux)
}

fn container(command: &[String]) -> Message {
    let name = Message::new().text(1, "app");
    let image = Message::new().text(1, image::NAME);
    let container = Message::new().message(1, name).message(2, image);
    command.iter().fold(container, |it, word| it.text(3, word))
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit())
}

#[test]
fn a_pod_and_its_container_are_named_from_the_first_syn_until_after_they_are_gone() {
    let room = Room::new("cri");
    let containerd = Containerd::start(&room);
    let listener = visit::listener();
    let cgroup = format!("/{}/kubepods/besteffort/pod{UID}", room.cgroup);
    let trace = || Trace::of(&room.net);
    // They are asked for before they are there.
    let mut all = trace().start();
    let mut by_name = trace().with(["--container", "app"]).start();
    let mut by_pod = trace().with(["--pod", "shop/cart-0"]).start();
    let mut other = trace().with(["--pod", "bank/cart-0"]).start();

    let run = Message::new().message(1, pod(&cgroup));
    let sandbox = first_text(&containerd.call("RunPodSandbox", run));
    let create = Message::new()
        .text(1, &sandbox)
        .message(2, container(&visit::command(&listener)))
        .message(3, pod(&cgroup));
    let id = first_text(&containerd.call("CreateContainer", create));
    containerd.call("StartContainer", Message::new().text(1, &id));
    let end = visit::receive(&listener);
    containerd.call("RemoveContainer", Message::new().text(1, &id));
    containerd.call("StopPodSandbox", Message::new().text(1, &sandbox));
    containerd.call("RemovePodSandbox", Message::new().text(1, &sandbox));
    drop(containerd);
    assert!(
        !Path::new("/run/containerd/io.containerd.runtime.v2.task/k8s.io")
            .join(&id)
            .exists()
    );
    visit::take_its_place(&listener, end);

    assert!(is_id(&id) && is_id(&sandbox), "{id} {sandbox}");
    for trace in [&mut all, &mut by_name, &mut by_pod] {
        for it in visit::of_container(trace, end) {
            let container = json!({
                "id": id,
                "name": "app",
                "image": image::NAME,
                "runtime": "containerd",
            });
            assert_eq!(it.container, Some(container), "{it:?}");
            let pod = json!({ "namespace": "shop", "name": "cart-0", "uid": UID });
            assert_eq!(it.pod, Some(pod), "{it:?}");
        }
    }
    visit::is_not_shown(&mut other, end);
    for trace in [all, by_name, by_pod, other] {
        trace.stop();
    }
}
