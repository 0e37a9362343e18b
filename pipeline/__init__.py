"""What runs: the typed configuration, the DAG, and the runners."""

import schemas as schemas
