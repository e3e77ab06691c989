//! A file of rows. It is written aside, and has its name when it is whole: without its end, it can't be
//! read at all.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::parquet::{
    arrow::{ArrowSchemaConverter, ArrowWriter},
    basic::{Compression, Encoding, Type, ZstdLevel},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties},
    schema::types::SchemaDescriptor,
};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::columns::{Batch, Column, constant, constant_field, fields, finish};
use crate::output::{
    Origin,
    aside::{AsideFile, AsideWriter, named},
    row::{Fields, Row},
};

/// So many rows are turned into columns at once: what they take stays in the processor's cache.
const BATCH: usize = 1 << 13;

/// So many rows are in a group at most: a writer has one of them in memory, and so has a reader.
const GROUP: usize = 1 << 17;

/// Writes rows of one type.
pub struct ParquetFile {
    path: PathBuf,
    /// The type of its rows.
    of: &'static str,
    origin: Origin,
    schema: SchemaRef,
    columns: Vec<Column>,
    /// In `columns`.
    rows: usize,
    /// `None`: finished.
    writer: Option<(ArrowWriter<AsideWriter>, AsideFile)>,
}

impl ParquetFile {
    /// Begins a file that will be there under `path`, and replace one that is.
    ///
    /// # Errors
    /// The folder is not there, or can't be written to.
    pub fn create<R: Row>(path: &Path, origin: &Origin) -> io::Result<Self> {
        let mut columns = Vec::new();
        R::all_columns(&mut columns);
        let all = [
            constant_field("host", "Name of the machine that it happened on."),
            constant_field(
                "boot",
                "Boot id of that machine: cookies and CLOCK_MONOTONIC begin anew with each.",
            ),
        ];
        let all = all.into_iter().map(Arc::new);
        let all: Vec<_> = all.chain(fields(&columns).iter().cloned()).collect();
        let schema = SchemaRef::new(Schema::new(all));
        let told = |error| told(path, error);
        let properties = properties(&schema).map_err(told)?;
        let aside = AsideFile::create(path)?;
        let writer = ArrowWriter::try_new(aside.writer()?, schema.clone(), Some(properties));
        let mut this = Self {
            path: path.to_owned(),
            of: R::TYPE,
            origin: origin.clone(),
            schema,
            columns,
            rows: 0,
            writer: Some((writer.map_err(told)?, aside)),
        };
        this.say("tcptrace.type", R::TYPE)?;
        Ok(this)
    }

    /// Says something of the whole file.
    ///
    /// # Errors
    /// The file is finished.
    pub fn say(&mut self, what: &str, said: &str) -> io::Result<()> {
        let said = KeyValue::new(what.to_owned(), said.to_owned());
        self.writer()?.append_key_value_metadata(said);
        Ok(())
    }

    /// Appends a row, which is of the type that the file was created for.
    ///
    /// # Errors
    /// Whatever writing fails with, or the file is finished.
    #[inline]
    pub fn row<R: Row>(&mut self, row: &R) -> io::Result<()> {
        debug_assert_eq!(R::TYPE, self.of, "one type of row in a file");
        Fields::store_all(Some(row), &mut Batch::new(&mut self.columns));
        self.rows += 1;
        if self.rows < BATCH {
            return Ok(());
        }
        self.write_batch()
    }

    fn write_batch(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let batch = self.batch(rows).map_err(ParquetError::from);
        let written = batch.and_then(|batch| match &mut self.writer {
            Some((writer, _)) => writer.write(&batch),
            None => Err(finished()),
        });
        written.map_err(|error| told(&self.path, error))
    }

    fn batch(&mut self, rows: usize) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let mut all = vec![
            constant(&self.origin.host, rows)?,
            constant(&self.origin.boot, rows)?,
        ];
        all.append(&mut finish(&mut self.columns)?);
        RecordBatch::try_new(self.schema.clone(), all)
    }

    fn writer(&mut self) -> io::Result<&mut ArrowWriter<AsideWriter>> {
        match &mut self.writer {
            Some((writer, _)) => Ok(writer),
            None => Err(told(&self.path, finished())),
        }
    }

    /// Writes what is left, and gives the file its name. It is on the disk then.
    ///
    /// # Errors
    /// Whatever writing fails with, or the file is finished: then, too, there is none.
    pub fn finish(&mut self) -> io::Result<()> {
        if self.rows > 0 {
            self.write_batch()?;
        }
        let Some((writer, aside)) = self.writer.take() else {
            return Err(told(&self.path, finished()));
        };
        writer.close().map_err(|error| told(&self.path, error))?;
        aside.finish()
    }
}

/// How columns are written.
fn properties(schema: &Schema) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("tcptrace ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(GROUP));
    let columns: SchemaDescriptor = ArrowSchemaConverter::new().convert(schema)?;
    for column in columns.columns() {
        // Times, durations, cookies: hardly one is there twice, and the next is near.
        if column.physical_type() == Type::INT64 {
            properties = properties
                .set_column_dictionary_enabled(column.path().clone(), false)
                .set_column_encoding(column.path().clone(), Encoding::DELTA_BINARY_PACKED);
        }
    }
    Ok(properties.build())
}

fn finished() -> ParquetError {
    ParquetError::General("it is finished".to_owned())
}

/// What failed: a full disk stays known as one.
fn told(path: &Path, error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            // It names the file already.
            Ok(error) => *error,
            Err(error) => named(path, &io::Error::other(error)),
        },
        error => named(path, &io::Error::other(error)),
    }
}
