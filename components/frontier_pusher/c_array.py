"""A pushed file as a C array, which is how a program for TensorFlow Lite Micro holds its model."""

from __future__ import annotations

from components.common.reporting.markdown import plain
from schemas.push_reports import ModelDescription

_A_LINE = 16


def write_c_array(description: ModelDescription, content: bytes) -> str:
    """A C++ source with ``g_model`` and ``g_model_len``, aligned as the interpreter reads constants in place.

    Args:
      description: Of the file.
      content: The file.
    """
    lines = [
        "  " + " ".join(f"0x{byte:02x}," for byte in content[start : start + _A_LINE])
        for start in range(0, len(content), _A_LINE)
    ]
    return "\n".join(
        [
            f"// model.tflite: {plain(description.point_id)}, sha256 {description.sha256}",
            "// extern const unsigned char g_model[]; extern const unsigned int g_model_len;",
            "extern const unsigned char g_model[];",
            "extern const unsigned int g_model_len;",
            "alignas(16) const unsigned char g_model[] = {",
            *lines,
            "};",
            f"const unsigned int g_model_len = {len(content)};",
            "",
        ]
    )
