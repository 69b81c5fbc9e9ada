"""The server of the studio: guard, routes, socket, jobs, loaded models."""
