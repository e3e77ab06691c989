//! Asks a server over HTTP, as ClickHouse is asked.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use crate::patience::patient;

/// How long an answer is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// Asks who listens at a port of loopback; an error is what it said, or that it said nothing.
pub fn ask(port: u16, parameters: &[(&str, &str)], body: &[u8]) -> Result<String, String> {
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    ask_at(port, &format!("/?{}", parameters.join("&")), body)
}

/// The same at a path. By HTTP/1.0 an answer ends with its connection.
pub fn ask_at(port: u16, path: &str, body: &[u8]) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(told)?;
    stream
        .set_read_timeout(Some(patient(LIMIT)))
        .map_err(told)?;
    let head = format!(
        "POST {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).map_err(told)?;
    stream.write_all(body).map_err(told)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(told)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(format!("{head}\n{body}")),
    }
}

fn encoded(value: &str) -> String {
    let each = value.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    each.collect()
}
