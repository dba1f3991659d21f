//! The reference registry server (CNCF distribution), on a free port. Needs the program `docker-registry`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sesame::model::digest::Digest;

use super::artifact::Artifact;
use super::registry::get;

/// The user of a private server.
pub const USER: &str = "wanda";
/// Its password.
pub const PASSWORD: &str = "correct-horse-9";
/// The same as such servers keep it: bcrypt.
const HTPASSWD: &str = "wanda:$2y$05$abcdefghijklmnopqrstuuKtyOyM4aePTOrLl9yFCJHErGKuR5yk2\n";

/// A running server; it ends with the value.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub host: String,
}

impl Server {
    /// Starts a server on a free port, which keeps its things below `folder`.
    pub fn start(folder: &Path) -> Self {
        Self::serve(folder, "", "")
    }

    /// The same over TLS, for the one user [`USER`] with the password [`PASSWORD`].
    pub fn start_private(folder: &Path, (certificate, key): &(String, String)) -> Self {
        for (name, text) in [("server.crt", certificate.as_str()), ("server.key", key), ("htpasswd", HTPASSWD)] {
            fs::write(folder.join(name), text).unwrap();
        }
        let folder_name = folder.display();
        let tls = format!(", tls: {{certificate: {folder_name}/server.crt, key: {folder_name}/server.key}}");
        let auth = format!("auth: {{htpasswd: {{realm: test, path: {folder_name}/htpasswd}}}}\n");
        Self::serve(folder, &tls, &auth)
    }

    fn serve(folder: &Path, tls: &str, auth: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let storage = folder.join("registry");
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {host}{tls}}}\n{auth}",
            storage.display()
        );
        let path = folder.join("registry.yml");
        fs::write(&path, config).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        let server = Self { child, host };
        for _ in 0..3000 {
            if get(&server.host, "/v2/").is_ok() {
                return server;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("docker-registry does not answer");
    }

    /// Pushes as the distribution specification says: blobs in one PUT each, then the manifest.
    pub fn push(&self, repository: &str, tag: &str, artifact: &Artifact) {
        for blob in &artifact.blobs {
            let answer = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[]);
            let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap().trim().to_owned();
            let path = &location[location.find("/v2/").unwrap()..];
            let put = format!("{path}&digest={}", Digest::of(blob));
            assert!(self.send("PUT", &put, "application/octet-stream", blob).contains(" 201 "));
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.send("PUT", &path, artifact.media_type, &artifact.manifest);
        assert!(answer.contains(" 201 "), "{answer}");
    }

    fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let host = &self.host;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
