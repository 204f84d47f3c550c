"""Other model servers, each in an environment of its own, by the locks beside this file."""
