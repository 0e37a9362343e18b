"""LiteRT's C interface, as far as the card uses it: the Python wheel has its library but not its headers."""

from __future__ import annotations

from pathlib import Path

HEADERS = ("common", "compiled_model", "environment", "model", "options", "tensor_buffer")

DECLARATIONS = """\
#pragma once
#include <stddef.h>
#include <stdint.h>

extern "C" {
#define HANDLE(name) typedef struct name##T* name
HANDLE(LiteRtEnvironment);
HANDLE(LiteRtModel);
HANDLE(LiteRtOptions);
HANDLE(LiteRtCompiledModel);
HANDLE(LiteRtSignature);
HANDLE(LiteRtTensor);
HANDLE(LiteRtTensorBuffer);
HANDLE(LiteRtTensorBufferRequirements);

typedef enum { kLiteRtStatusOk = 0 } LiteRtStatus;
typedef enum { kLiteRtHwAcceleratorCpu = 1 } LiteRtHwAccelerators;
typedef enum {
  kLiteRtTensorBufferLockModeRead = 0,
  kLiteRtTensorBufferLockModeWrite = 1
} LiteRtTensorBufferLockMode;

typedef struct {
  unsigned int rank : 7;
  bool has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
} LiteRtLayout;
typedef struct {
  int element_type;
  LiteRtLayout layout;
} LiteRtRankedTensorType;
struct LiteRtEnvOption;

LiteRtStatus LiteRtCreateEnvironment(int, const LiteRtEnvOption*, LiteRtEnvironment*);
void LiteRtDestroyEnvironment(LiteRtEnvironment);
LiteRtStatus LiteRtCreateModelFromFile(LiteRtEnvironment, const char*, LiteRtModel*);
void LiteRtDestroyModel(LiteRtModel);
LiteRtStatus LiteRtGetModelSignature(LiteRtModel, size_t, LiteRtSignature*);
LiteRtStatus LiteRtGetSignatureInputTensor(LiteRtSignature, const char*, LiteRtTensor*);
LiteRtStatus LiteRtGetSignatureOutputTensor(LiteRtSignature, const char*, LiteRtTensor*);
LiteRtStatus LiteRtGetRankedTensorType(LiteRtTensor, LiteRtRankedTensorType*);
LiteRtStatus LiteRtCreateOptions(LiteRtOptions*);
void LiteRtDestroyOptions(LiteRtOptions);
LiteRtStatus LiteRtSetOptionsHardwareAccelerators(LiteRtOptions, int);
LiteRtStatus LiteRtCreateCompiledModel(
    LiteRtEnvironment, LiteRtModel, LiteRtOptions, LiteRtCompiledModel*);
void LiteRtDestroyCompiledModel(LiteRtCompiledModel);
LiteRtStatus LiteRtGetCompiledModelInputBufferRequirements(
    LiteRtCompiledModel, size_t, size_t, LiteRtTensorBufferRequirements*);
LiteRtStatus LiteRtGetCompiledModelOutputBufferRequirements(
    LiteRtCompiledModel, size_t, size_t, LiteRtTensorBufferRequirements*);
LiteRtStatus LiteRtRunCompiledModel(
    LiteRtCompiledModel, size_t, size_t, LiteRtTensorBuffer*, size_t, LiteRtTensorBuffer*);
LiteRtStatus LiteRtCreateManagedTensorBufferFromRequirements(
    LiteRtEnvironment, const LiteRtRankedTensorType*, LiteRtTensorBufferRequirements, LiteRtTensorBuffer*);
LiteRtStatus LiteRtLockTensorBuffer(LiteRtTensorBuffer, void**, LiteRtTensorBufferLockMode);
LiteRtStatus LiteRtUnlockTensorBuffer(LiteRtTensorBuffer);
void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer);
}
"""


def write_headers(folder: Path) -> None:
    """Writes ``litert/c/litert_*.h`` below a folder."""
    place = folder / "litert" / "c"
    place.mkdir(parents=True)
    (place / "all.h").write_text(DECLARATIONS)
    for name in HEADERS:
        (place / f"litert_{name}.h").write_text('#include "litert/c/all.h"\n')


def library() -> Path:
    """LiteRT's shared library in the Python wheel."""
    import ai_edge_litert

    return Path(ai_edge_litert.__file__).parent / "libLiteRt.so"
