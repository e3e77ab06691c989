//! nginx before a server, so that it is reached by TLS alone.

use std::{fs, path::Path, process::Command};

use crate::{
    namespace::Namespace,
    program::Program,
    server::{Server, folder},
};

const NGINX: Program = Program {
    name: "nginx",
    package: "nginx",
};
const OPENSSL: Program = Program {
    name: "openssl",
    package: "openssl",
};
/// Where nginx listens.
pub const PORT: u16 = 14443;

/// Certificates, in files of the folder: `ca.pem`, and `server.pem` with its key, for `names`.
pub fn certificates(folder: &Path, names: &str) {
    let make = |arguments: &[&str]| {
        let made = Command::new(OPENSSL.path())
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{made:?}");
    };
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let request = |more: &[&str]| make(&[&["req"], &key[..], more].concat());
    request(&[
        "-x509",
        "-days",
        "2",
        "-subj",
        "/CN=a CA of a test",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    ]);
    request(&[
        "-subj",
        "/CN=collector",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ]);
    fs::write(folder.join("names"), format!("subjectAltName={names}\n")).expect("a file");
    make(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "server.pem",
    ]);
}

/// Whether the server wants to know who comes.
#[derive(Clone, Copy, PartialEq)]
pub enum Clients {
    Any,
    /// Those that show a certificate which `ca.pem` signed.
    Known,
}

/// nginx, which hands on to that port what comes by TLS, with those certificates.
pub fn nginx(_: &Namespace, certificates: &Path, clients: Clients, to: u16) -> Server {
    let folder = folder();
    let verify = match clients {
        Clients::Any => String::new(),
        Clients::Known => format!(
            "ssl_verify_client on; ssl_client_certificate {}/ca.pem;",
            certificates.display()
        ),
    };
    let path = folder.path().to_str().expect("UTF-8").to_owned();
    let from = certificates.display();
    let text = format!(
        "daemon off;
         pid {path}/pid;
         error_log stderr;
         user root;
         worker_processes 1;
         events {{ worker_connections 64; }}
         http {{
             access_log off;
             client_body_temp_path {path}/body;
             proxy_temp_path {path}/proxy;
             fastcgi_temp_path {path}/fastcgi;
             uwsgi_temp_path {path}/uwsgi;
             scgi_temp_path {path}/scgi;
             server {{
                 listen 127.0.0.1:{PORT} ssl;
                 ssl_certificate {from}/server.pem;
                 ssl_certificate_key {from}/server.key;
                 {verify}
                 location / {{ proxy_pass http://127.0.0.1:{to}; client_max_body_size 16m; }}
             }}
         }}\n"
    );
    let config = folder.path().join("nginx.conf");
    fs::write(&config, text).expect("its settings");
    let config = config.to_str().expect("UTF-8").to_owned();
    Server::start(NGINX, folder, ["-e", "stderr", "-c", &config], PORT)
}
