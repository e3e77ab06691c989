//! ClickHouse, by its HTTP interface.

mod answer;
pub mod schema;

use std::{io, path::Path, time::Duration};

use ureq::Agent;

use self::{
    answer::{Answer, failure_of, failure_of_transport},
    schema::{
        DatabaseName, Dialect, RunId, Schema, ServerVersion, Servers, TABLES_QUERY, VERSION_QUERY,
        batch_query, insert_query, insert_settings, missing, other_version, shipped_query,
    },
};
use super::{
    address::ClickHouseAddress,
    batch::{BatchId, Position},
    figures::wall_now,
    state::{Flight, FlightHead},
    target::{Failure, Source, Target},
};
use crate::metrics::agent::{TlsFiles, agent, gzip};

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The same of a question, that has no rows with it.
const SOON: Duration = Duration::from_secs(15);
/// A longer answer is not read, bytes.
const LONGEST_ANSWER: u64 = 64 << 10;
/// A batch that is in doubt for longer may be older than what a server remembers of inserts: it is asked
/// for its rows before it is sent again, s.
const REMEMBERED_S: u64 = 600;
/// How much it is compressed: the fastest.
const LEVEL: i32 = 1;

/// Which tables are made where they are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// None: that they are missing is an error.
    Never,
    /// All, there.
    On(Servers),
}

/// A server.
pub struct ClickHouse {
    agent: Agent,
    at: ClickHouseAddress,
    password: String,
    creation: Creation,
    dialect: Dialect,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    /// The address that rows go to, up to what names the batch.
    insert_url: String,
}

impl ClickHouse {
    /// Makes one. `certificate`: what the server's is checked with; `None`: what the system trusts.
    ///
    /// # Errors
    /// When the certificate can't be read.
    pub fn new(
        at: ClickHouseAddress,
        password: String,
        creation: Creation,
        certificate: Option<&Path>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            agent: agent(
                TIMEOUT,
                &TlsFiles {
                    trusted: certificate.map(Path::to_owned),
                    shown: None,
                },
            )?,
            at,
            password,
            creation,
            dialect: Dialect::default(),
            compressor: None,
            insert_url: String::new(),
        })
    }

    /// The address of a request with these parameters.
    fn url<'a>(&self, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut url = format!("{}?database={}", self.at.url(), encoded(&self.at.database));
        for (name, value) in parameters {
            url.push('&');
            url.push_str(name);
            url.push('=');
            url.push_str(&encoded(value));
        }
        url
    }

    fn post(
        &self,
        url: &str,
        encoding: &str,
        body: &[u8],
        within: Duration,
    ) -> Result<Answer, ureq::Error> {
        let mut request = self
            .agent
            .post(url)
            .config()
            .timeout_global(Some(within))
            .build()
            .header("x-clickhouse-user", &self.at.user)
            .header("content-type", "text/plain; charset=utf-8");
        if !self.password.is_empty() {
            request = request.header("x-clickhouse-key", &self.password);
        }
        if !encoding.is_empty() {
            request = request.header("content-encoding", encoding);
        }
        let mut response = request.send(body)?;
        let after = crate::metrics::agent::asked_to_wait(&response);
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(LONGEST_ANSWER);
        let text = text.read_to_vec()?;
        Ok(Answer {
            status,
            after,
            text: String::from_utf8_lossy(&text).into_owned(),
        })
    }

    /// Asks something, or has something done; gives the answer.
    fn ask(&self, statement: &str) -> Result<String, Failure> {
        let answer = self.post(&self.url([]), "", statement.as_bytes(), SOON);
        let answer = answer.map_err(|error| self.not_sent(&error))?;
        match answer.is_good() {
            true => Ok(answer.text),
            false => Err(failure_of(&answer, &self.at)),
        }
    }

    /// A question was not answered: nothing changed.
    fn not_sent(&self, error: &ureq::Error) -> Failure {
        match failure_of_transport(error, &self.at) {
            Failure::Later { why, after, .. } => Failure::Later {
                why,
                in_doubt: false,
                after,
            },
            never @ Failure::Never { .. } => never,
        }
    }

    /// Makes sure that the tables are there, as they are written to.
    fn check_tables(&self) -> Result<(), Failure> {
        let mut absent = missing(&self.ask(TABLES_QUERY)?);
        if !absent.is_empty()
            && let Creation::On(servers) = &self.creation
        {
            let database: DatabaseName = self
                .at
                .database
                .parse()
                .map_err(|error: schema::NoName| Failure::never(error.to_string()))?;
            let schema = Schema {
                dialect: self.dialect,
                servers: servers.clone(),
                database,
            };
            for statement in schema.statements() {
                self.ask(&statement)?;
            }
            absent = missing(&self.ask(TABLES_QUERY)?);
        }
        if !absent.is_empty() {
            let (at, absent) = (&self.at, absent.join(" and "));
            return Err(Failure::never(format!(
                "{at} has no table {absent}: --create makes what is missing, tcptrace ship --print-schema \
                 clickhouse prints it"
            )));
        }
        match other_version(&self.ask(VERSION_QUERY)?) {
            Some(other) => Err(Failure::never(format!("{}: {other}", self.at))),
            None => Ok(()),
        }
    }

    /// How many rows of a batch are there.
    fn rows_of(&self, head: &FlightHead) -> Result<u64, Failure> {
        let BatchId {
            host,
            boot,
            run,
            segment,
            number,
        } = &head.id;
        let answer = self.ask(&batch_query(&schema::BatchId {
            host,
            boot,
            run,
            segment: *segment,
            batch: *number,
            from_ns: head.from_ns,
            to_ns: head.to_ns,
            dialect: self.dialect,
        }))?;
        let rows = answer.trim().parse();
        rows.map_err(|_| Failure::later(format!("{}: {answer:?} is no number of rows", self.at)))
    }

    /// Waits, by asking again later, until a batch is not being inserted any more.
    fn is_not_under_way(&self, head: &FlightHead) -> Result<(), Failure> {
        let id = quoted(&head.id.to_string());
        let question = format!(
            "SELECT count() FROM system.processes WHERE query_id = {id} OR initial_query_id = {id} \
             FORMAT TabSeparated"
        );
        match self.ask(&question)?.trim() {
            "0" => Ok(()),
            _ => Err(under_way(&self.at)),
        }
    }

    fn insert(&self, flight: &Flight) -> Result<(), Failure> {
        let id = encoded(&flight.head.id.to_string());
        let token = match self.dialect {
            Dialect::Today => format!("&insert_deduplication_token={id}"),
            Dialect::Plain => String::new(),
        };
        let url = format!("{}&query_id={id}{token}", self.insert_url);
        let answer = self.post(&url, &flight.head.encoding, &flight.body, TIMEOUT);
        let answer = answer.map_err(|error| failure_of_transport(&error, &self.at))?;
        match answer.is_good() {
            true => Ok(()),
            false => Err(failure_of(&answer, &self.at)),
        }
    }

    /// Brings a batch that may be there: what is there of it decides.
    fn settle(&self, flight: &Flight) -> Result<(), Failure> {
        let head = &flight.head;
        let all = u64::from(head.rows);
        let now_s = u64::try_from(wall_now() / 1_000_000_000).unwrap_or(0);
        let is_old = now_s.saturating_sub(head.since_s) > REMEMBERED_S;
        if self.dialect == Dialect::Plain || is_old {
            self.is_not_under_way(head)?;
            match self.rows_of(head)? {
                0 => {}
                rows if rows == all => return Ok(()),
                rows => return Err(self.other_rows(head, rows)),
            }
        }
        // Where it is there, its name tells: it is not taken twice, but what depends on it is completed.
        self.insert(flight)?;
        match self.rows_of(head)? {
            rows if rows > all => Err(self.other_rows(head, rows)),
            // It said that it has them. A replica may be behind the one that does, and what is too old for
            // the table goes at once.
            _ => Ok(()),
        }
    }

    fn other_rows(&self, head: &FlightHead, rows: u64) -> Failure {
        let (at, id, all) = (&self.at, &head.id, head.rows);
        let BatchId {
            host,
            boot,
            run,
            segment,
            number,
        } = id;
        Failure::never(format!(
            "{at}: of the batch {id}, {rows} rows are there, and not {all}: something else wrote or removed \
             them. To have it brought anew, delete those rows (host = '{host}', boot = '{boot}', run = '{run}', \
             segment = {segment}, batch = {number})"
        ))
    }
}

impl Target for ClickHouse {
    fn open(&mut self) -> Result<(), Failure> {
        let answer = self.ask("SELECT version() FORMAT TabSeparated")?;
        let version: ServerVersion = answer
            .parse()
            .map_err(|error: schema::NoVersion| Failure::never(format!("{}: {error}", self.at)))?;
        self.dialect = Dialect::of(version);
        self.compressor = match self.dialect {
            Dialect::Today => zstd::bulk::Compressor::new(LEVEL).ok(),
            Dialect::Plain => None,
        };
        let query = insert_query();
        let mut parameters = vec![("query", query.trim_end())];
        // All of it is one block, which is there or not.
        parameters.push(("max_insert_block_size", "1048576"));
        if self.dialect == Dialect::Today {
            parameters.push(("input_format_parallel_parsing", "0"));
        }
        parameters.extend_from_slice(insert_settings(self.dialect));
        self.insert_url = self.url(parameters);
        self.check_tables()
    }

    fn position(&mut self, source: &Source) -> Result<Option<Position>, Failure> {
        let answer = self.ask(&shipped_query(&RunId {
            host: &source.host,
            boot: &source.boot,
            run: &source.run,
            // Clocks are set.
            from_ns: source.began_wall_ns().saturating_sub(86_400_000_000_000),
            dialect: self.dialect,
        }))?;
        let line = answer.trim();
        if line.is_empty() {
            return Ok(None);
        }
        let mut numbers = line.split('\t');
        let mut next = || numbers.next()?.parse::<u64>().ok();
        match (next(), next(), next()) {
            (Some(segment), Some(batch), Some(rows)) => {
                let batch = u32::try_from(batch).unwrap_or(u32::MAX);
                Ok(Some(source.position(segment, batch, rows)))
            }
            _ => Err(Failure::never(format!(
                "{}: {line:?} does not tell how far the recording is there",
                self.at
            ))),
        }
    }

    fn encoding(&self) -> &'static str {
        match self.compressor {
            Some(_) => "zstd",
            None => "gzip",
        }
    }

    fn compress(&mut self, lines: &[u8]) -> io::Result<Vec<u8>> {
        match &mut self.compressor {
            Some(compressor) => compressor.compress(lines),
            None => gzip(lines),
        }
    }

    fn send(&mut self, flight: &Flight) -> Result<u32, Failure> {
        match flight.in_doubt {
            true => self.settle(flight)?,
            false => self.insert(flight)?,
        }
        // All or nothing.
        Ok(0)
    }
}

fn under_way(at: &ClickHouseAddress) -> Failure {
    Failure::Later {
        why: format!("{at}: the batch that was sent is still being inserted"),
        in_doubt: true,
        after: None,
    }
}

/// A string of SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A value as an address has it: percent-encoded.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string does not fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}
