"""Whether a super-resolved volume can be trusted for a metric of the microstructure."""
