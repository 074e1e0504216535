"""The documentation as a small static site: pages, reference, rendering, links."""
