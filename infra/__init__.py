"""What stands around the pipeline: containers, cluster, servers, devices."""

import schemas as schemas
