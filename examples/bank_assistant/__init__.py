"""A bank's voice assistant in the terminal: what is sensitive is muted on the device, and features alone leave it, sealed with SM4-GCM."""
