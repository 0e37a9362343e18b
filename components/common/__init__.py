"""What several components share: sound, networks, tracking, statistics, pages, packages."""
