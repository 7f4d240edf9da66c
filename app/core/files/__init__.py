"""Files in GridFS, and the output of attempts."""
