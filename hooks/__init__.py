"""REST hooks: apps subscribe to events, and signed deliveries reach them, or are said not to have."""
