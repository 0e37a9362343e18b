"""What StatisticsGen is to compute over records that carry sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.record_validator.curated_schema import RecordKind, schema_text

if TYPE_CHECKING:
    import tensorflow_data_validation as tfdv


def statistics_options(kind: RecordKind) -> tfdv.StatsOptions:
    """Options for the stock StatisticsGen at a sensible cost.

    Without a schema TFDV takes sound for text: it looks for valid UTF-8 in it and counts its most frequent
    values. With ours it knows from the image domain that the bytes are opaque and keeps their sizes
    only. Most frequent values and numbers of distinct values of the rest come from sketches, which, unlike
    the exact counts, do not shuffle every value.
    """
    import tfx  # noqa: F401  (stands in for a module that TFDV 1.16 misses in tfx_bsl 1.21)

    # isort: split
    import tensorflow_data_validation as tfdv
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = text_format.Parse(schema_text(kind), schema_pb2.Schema())
    return tfdv.StatsOptions(schema=schema, use_sketch_based_topk_uniques=True)
