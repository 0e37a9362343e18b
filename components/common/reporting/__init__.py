"""Templates of pages and documents, and the escaping they share."""
