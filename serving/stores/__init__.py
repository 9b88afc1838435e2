"""Where versions of models lie: a folder, or an object store such as ``s3://bucket/models``."""
