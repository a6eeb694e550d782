"""What several test folders share: servers, certificates, waiting."""
