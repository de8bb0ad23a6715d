"""Marketing data to AWS Clean Rooms: pull or receive, settle, transform, publish, tell."""
