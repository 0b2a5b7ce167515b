"""The Kubernetes API as a gateway: connect, discover, list one cut, write, watch. Objects stay raw JSON."""
