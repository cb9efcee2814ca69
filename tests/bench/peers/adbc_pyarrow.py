"""The ADBC driver reads record batches, and pyarrow writes them."""

from typing import Optional

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from peer import Job, postgres_uri, run

BATCH_BYTES = 8 << 20


def export(job: Job) -> None:
    """Copy the day into one file. The driver gives numerics as text: cast them."""
    types = {name: pa.decimal128(*size) for name, size in job["decimals"].items()}
    writer: Optional[pq.ParquetWriter] = None
    with adbc.connect(postgres_uri(job)) as connection, connection.cursor() as cursor:
        hint = {"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)}
        cursor.adbc_statement.set_options(**hint)
        cursor.execute(job["query"])
        for batch in cursor.fetch_record_batch():
            columns = [
                cast(values, types[name]) if name in types else values
                for name, values in zip(batch.schema.names, batch.columns)
            ]
            out = pa.record_batch(columns, names=batch.schema.names)
            if writer is None:
                writer = pq.ParquetWriter(
                    job["file"], out.schema, compression="zstd", compression_level=1
                )
            writer.write_batch(out)
    if writer is not None:
        writer.close()


def cast(values: pa.Array, decimal: pa.DataType) -> pa.Array:
    """Make decimals of an array of texts, or of the driver's type for numerics."""
    texts = values.storage if isinstance(values, pa.ExtensionArray) else values
    return pc.cast(texts, decimal)


run(export)
