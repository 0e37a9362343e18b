"""TFX components, one folder each, and the rooms they share (``audio``, ``modeling``)."""

import schemas as schemas
