//! Real requests over real connections: nginx serves, curl asks.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{Running, SHORT};
use crate::{Namespace, SCRATCH_DIR, run};

/// What the server answers.
const PAGE: &str = "probe's testbed\n";
/// The length of the server's large page: more than one frame holds, merged or not.
pub const LARGE_PAGE: usize = 1 << 20;

/// nginx on every address of a namespace. Its files live in the namespace's private
/// tmpfs; it is one process, so that killing it leaves no worker.
#[derive(Debug)]
pub struct HttpServer {
    /// The process, for those who want to watch or signal it.
    pub process: Running,
}

impl HttpServer {
    /// Starts the server and waits until it listens on IPv4 and IPv6.
    pub fn start(namespace: &Namespace, port: u16) -> Result<Self> {
        let home = format!("{SCRATCH_DIR}/nginx");
        let config = format!("{home}/nginx.conf");
        namespace.enter(|| {
            fs::create_dir_all(&home).with_context(|| format!("making {home}"))?;
            fs::write(format!("{home}/index.html"), PAGE)?;
            fs::write(format!("{home}/large"), vec![b'x'; LARGE_PAGE])?;
            fs::write(&config, configuration(&home, port))?;
            Ok(())
        })?;
        let mut command = namespace.command("nginx");
        command.args(["-c", &config, "-p", &home, "-e", "stderr"]);
        let mut process = Running::spawn(command)?;
        for address in ["127.0.0.1", "::1"] {
            let address = SocketAddr::new(address.parse()?, port);
            wait_until_listening(namespace, address, &mut process)?;
        }
        Ok(Self { process })
    }
}

fn configuration(home: &str, port: u16) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {home}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\nuser root;\npid {home}/pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n{temporary}  access_log off;\n  server {{\n    listen {port} backlog=1024;\n    \
         listen [::]:{port} ipv6only=on backlog=1024;\n    root {home};\n  }}\n}}\n"
    )
}

fn wait_until_listening(
    namespace: &Namespace,
    address: SocketAddr,
    process: &mut Running,
) -> Result<()> {
    let deadline = Instant::now() + SHORT;
    loop {
        match namespace.enter(|| Ok(TcpStream::connect_timeout(&address, SHORT)?)) {
            Ok(_) => return Ok(()),
            Err(error) => {
                let alive = process.is_running()? && Instant::now() < deadline;
                ensure!(alive, "nginx does not answer ({error}): {}", process.stderr());
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Makes `count` GET requests, each over a connection of its own, and fails unless each
/// one was answered in full. Returns how many were: `count`.
pub fn http_get(
    namespace: &Namespace,
    server: IpAddr,
    port: u16,
    count: u64,
    limit: Duration,
) -> Result<u64> {
    get(namespace, SocketAddr::new(server, port), ("index.html", PAGE.len()), count, limit)
}

/// As [`http_get`], of a page of [`LARGE_PAGE`] bytes.
pub fn http_get_large(
    namespace: &Namespace,
    server: IpAddr,
    port: u16,
    count: u64,
    limit: Duration,
) -> Result<u64> {
    get(namespace, SocketAddr::new(server, port), ("large", LARGE_PAGE), count, limit)
}

fn get(
    namespace: &Namespace,
    host: SocketAddr,
    (page, length): (&str, usize),
    count: u64,
    limit: Duration,
) -> Result<u64> {
    if count == 0 {
        return Ok(0);
    }
    let mut curl = namespace.command("curl");
    // The server closes after each answer, so that curl cannot use a connection again.
    curl.args(["--silent", "--show-error", "--header", "Connection: close"]);
    curl.args(["--max-time", &limit.as_secs().max(1).to_string(), "--noproxy", "*"]);
    curl.args(["--output", "/dev/null", "--write-out", "%{http_code} %{size_download}\n"]);
    curl.arg(format!("http://{host}/{page}?[1-{count}]"));
    let output = run(curl, limit)?.text();
    let answered = format!("200 {length}");
    let good = output.lines().filter(|line| *line == answered).count() as u64;
    ensure!(good == count, "{good} of {count} requests to {host} were answered");
    Ok(good)
}
