"""The life of a version, from the volume to the serving map."""
