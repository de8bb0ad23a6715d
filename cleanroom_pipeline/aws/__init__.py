"""One resource per AWS service; the only place, the local AWS apart, that imports boto3."""
